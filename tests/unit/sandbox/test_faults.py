"""Faults happen when asked for, as often as asked for, and the README lists every one."""

from pathlib import Path

import pytest

import worker.sandbox
from worker.sandbox.faults import FAULTS, FaultBook, asked_by_password, asked_by_user_id, asked_in, unheard


def test_several_faults_are_read_from_several_texts() -> None:
    asked = asked_in("甲公司#fault=draft#fault=slow=2.5", "command-1 #fault=other_user")
    assert asked == {"draft": 0.0, "slow": 2.5, "other_user": 0.0}


def test_a_number_has_the_tables_default_and_unknown_names_are_left_alone() -> None:
    assert asked_in("#fault=slow", "#fault=nonsense", "#FAULT=draft") == {"slow": 5.0}
    assert asked_in("plain text") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#fault=issue_refused SO-1", ["no fault is named issue_refused; did you mean refused?"]),
        ("#fault=xyzzy", ["no fault is named xyzzy"]),
        ("#fault=http_503", ["http_503 is not heard here: it is a fault of items, files"]),
        ("#fault=slow=2 #fault=refused SO-1", []),
        ("SO-1", []),
    ],
)
def test_a_magic_word_that_asks_for_nothing_is_told(text: str, told: list[str]) -> None:
    """Or whoever mistypes one sees an invoice issued, and believes the fault harmless."""
    assert unheard({"invoice"}, text) == told


def test_a_command_id_behind_or_before_a_fault_stays_apart() -> None:
    assert asked_in("id-7#fault=refused") == {"refused": 0.0}
    assert asked_in("#fault=refused id-7") == {"refused": 0.0}


@pytest.mark.parametrize(
    ("password", "name"),
    [("refuse-login", "login_refused"), ("silent-login", "login_silent"), ("a#fault=login_slow=1", "login_slow")],
)
def test_a_password_asks_for_a_login_fault(password: str, name: str) -> None:
    assert list(asked_by_password(password)) == [name]


@pytest.mark.parametrize(
    ("user_id", "name"),
    [
        ("deny-401-a", "handshake_401"),
        ("deny-refuse", "handshake_refuse"),
        ("deny-418", None),
        ("1111", None),
    ],
)
def test_a_user_id_asks_for_a_handshake_fault(user_id: str, name: str | None) -> None:
    assert asked_by_user_id(user_id) == name


def test_an_armed_fault_lasts_its_times_for_its_user_and_phase() -> None:
    book = FaultBook()
    book.arm("refused", "u", times=2)
    assert book.take("other", "invoice") == {}
    assert book.take("u", "login") == {}
    assert [book.take("u", "invoice") for _ in range(3)] == [{"refused": 0.0}, {"refused": 0.0}, {}]


def test_a_fault_armed_for_all_meets_the_next_user_and_carries_its_value() -> None:
    book = FaultBook()
    book.arm("slow", value=0.5)
    assert [armed.name for armed in book] == ["slow"]
    assert book.take("anyone", "invoice") == {"slow": 0.5}
    book.arm("slow")
    book.clear()
    assert book.take("anyone", "invoice") == {}


@pytest.mark.parametrize(("name", "times"), [("nonsense", 1), ("refused", 0)])
def test_a_fault_that_makes_no_sense_is_not_armed(name: str, times: int) -> None:
    with pytest.raises(ValueError, match=r"fault|times"):
        FaultBook().arm(name, times=times)


def test_the_readme_lists_every_fault_with_its_effect() -> None:
    (folder,) = worker.sandbox.__path__
    readme = (Path(folder) / "README.md").read_text(encoding="utf-8")
    for name, fault in FAULTS.items():
        assert f"| `{name}` | {fault.effect}" in readme, name
