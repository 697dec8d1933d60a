"""Tax ids, areas and roles, against known values."""

import pytest

from contracts.taxpayer import (
    AREAS,
    ROLES,
    area_of,
    area_word,
    check_digit_fits,
    is_mistyped,
    normalise_tax_id,
    role_name,
)


@pytest.mark.parametrize("tax_id", ["91330701MA2DFB848M", "91330701MA2M37T86L", "91330100EXAMPLE01D"])
def test_a_right_check_character_fits(tax_id: str) -> None:
    """GB 32100-2015."""
    assert check_digit_fits(tax_id)


@pytest.mark.parametrize(
    "tax_id",
    ["91330106552613092B", "91330211725964321M", "91350203M0001QKT19", "91330701MA2DFB848I", "9133070字MA2DFB848M"],
)
def test_a_wrong_one_does_not(tax_id: str) -> None:
    """Among them two of the manual's samples and a real firm's code: hence only a warning."""
    assert not check_digit_fits(tax_id)


@pytest.mark.parametrize("tax_id", ["", "330106552613092", "1" * 17, "1" * 20])
def test_other_lengths_have_none(tax_id: str) -> None:
    """Older payer numbers."""
    assert check_digit_fits(tax_id)


@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        ("91330701MA2DFB848M", "91330701MA2DFB848M"),
        (" 91330701ma2dfb848m ", "91330701MA2DFB848M"),
        ("9133 0701-MA2D FB84‐8M", "91330701MA2DFB848M"),
        ("９１３３０７０１ＭＡ２ＤＦＢ８４８Ｍ", "91330701MA2DFB848M"),
        ("", ""),
    ],
)
def test_a_tax_id_has_one_form(given: str, normalised: str) -> None:
    """Domain 4.1."""
    assert normalise_tax_id(given) == normalised


def test_there_are_36_tax_bureaus_and_no_two_share_a_word() -> None:
    """31 provinces and 5 cities; 山西 and 陕西 differ by one letter."""
    assert len(AREAS) == 36
    assert len({pinyin for pinyin, _ in AREAS.values()}) == 36
    assert AREAS["1400"] == ("shanxi", "山西")
    assert AREAS["6100"] == ("shaanxi", "陕西")


@pytest.mark.parametrize("code", AREAS)
def test_every_area_is_known_by_code_pinyin_and_name(code: str) -> None:
    """Trap 22."""
    pinyin, name = AREAS[code]

    assert {area_word(word) for word in (code, pinyin, pinyin.upper(), name)} == {pinyin}


@pytest.mark.parametrize(
    ("word", "pinyin"),
    [
        ("浙江省", "zhejiang"),
        ("上海市", "shanghai"),
        ("内蒙古自治区", "neimenggu"),
        ("广西壮族自治区", "guangxi"),
        ("新疆维吾尔自治区", "xinjiang"),
        ("宁夏回族自治区", "ningxia"),
        ("３３０２", "ningbo"),
        ("Ｚhejiang", "zhejiang"),
        ("Atlantis", "Atlantis"),
        ("9999", "9999"),
    ],
)
def test_full_names_are_known_and_the_unknown_stays(word: str, pinyin: str) -> None:
    """Nothing is refused here."""
    assert area_word(word) == pinyin


@pytest.mark.parametrize(
    ("tax_id", "area"),
    [
        ("91330701MA2DFB848M", "zhejiang"),
        ("91330201MA2DFB848M", "ningbo"),
        ("91440300MA2DFB848M", "shenzhen"),
        ("91610101MA2DFB848M", "shaanxi"),
        ("91990101MA2DFB848M", None),
        ("330106552613092", None),
    ],
)
def test_a_code_hints_at_an_area(tax_id: str, area: str | None) -> None:
    """Domain 4.3: positions 3 to 6, the five cities first."""
    assert area_of(tax_id) == area


def test_a_role_may_be_a_code() -> None:
    """Domain 4.2."""
    assert [role_name(code) for code in ROLES] == [*ROLES.values()]
    assert role_name("法定代表人") == "法定代表人"
    assert role_name("船长") == "船长"


@pytest.mark.parametrize(
    ("sent", "told", "is_it"),
    [
        ("9133O701MA2DFB848M", "91330701MA2DFB848M", True),
        ("91330701MA2DFB84M", "91330701MA2DFB848M", True),
        ("91330701MA2DFB848M", "91330701MA2M37T86L", False),
        ("91330701MA2DFB848M", "91330701MA2DFB848M", False),
        ("91330701MA2DFB848X", "91330701MA2DFB848Y", False),
        ("", "91330701MA2DFB848M", False),
        ("330106199001011234", "91330701MA2DFB848M", False),
    ],
)
def test_tax_id_is_mistyped_where_the_register_has_one_that_fits_beside_it(sent: str, told: str, is_it: bool) -> None:
    assert is_mistyped(sent, told) is is_it
