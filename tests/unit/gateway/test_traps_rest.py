"""The traps of the HTTP look-ups (research/domain.md 5, 77 to 88): what the client has to do with them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from contracts.failures import FailureCode
from tests.unit.gateway.queries import (
    ROW,
)
from tests.unit.gateway.test_traps_query import FIRST, SECOND
from worker.errors import Permanent
from worker.gateway.query_codec import (
    MAX_ADDRESS_CHARS,
    Array,
    file_addresses,
    files_of,
    item_address,
    items_of,
    rows_of,
)

BASE = "http://gateway.test/prefix"
SUCCESS = frozenset({0, 200})


def rows(answer: Any) -> list[Any]:
    return rows_of(json.dumps(answer, ensure_ascii=False).encode(), SUCCESS)


def items(*told_rows: Any, invoice_id: str = FIRST) -> tuple[dict[str, Any], ...]:
    return items_of(rows({"code": 0, "msg": "", "data": list(told_rows)}), invoice_id)


def files(*told_rows: Any, ids: tuple[str, ...] = (FIRST,), types: tuple[str, ...] = ("pdf", "ofd", "xml")) -> Any:
    return files_of(rows({"code": 0, "data": list(told_rows)}), BASE, ids, types)


def a_file(**members: Any) -> dict[str, Any]:
    return {"id": 1, "invoiceBasicInfoId": FIRST, "type": "pdf", "url": "http://files.test/a.pdf", **members}


def addresses(count: int = 2, **options: Any) -> list[str]:
    ids = [str(10**18 + number) for number in range(count)]
    chosen: dict[str, Any] = {"array": "repeat", "batch": 50, **options}
    return [address for address, _ in file_addresses(BASE, ids, ["pdf", "ofd"], **chosen)]


# ---- HTTP --------------------------------------------------------------------------------------------


def test_trap_77_lists_stand_in_the_address_as_repeated_keys() -> None:
    [address] = addresses()

    assert address == (
        f"{BASE}/web/invoice/file?invoiceIdList=1000000000000000000&invoiceIdList=1000000000000000001"
        "&typeList=pdf&typeList=ofd"
    )


def test_trap_77_lists_stand_in_the_address_with_commas_or_brackets_by_setting() -> None:
    first, second = "1000000000000000000", "1000000000000000001"
    [comma], [brackets] = addresses(array="comma"), addresses(array="brackets")

    assert comma == f"{BASE}/web/invoice/file?invoiceIdList={first},{second}&typeList=pdf,ofd"
    assert brackets == (
        f"{BASE}/web/invoice/file?invoiceIdList%5B%5D={first}&invoiceIdList%5B%5D={second}"
        "&typeList%5B%5D=pdf&typeList%5B%5D=ofd"
    )


@pytest.mark.parametrize("array", ["repeat", "comma", "brackets"])
def test_trap_77_ids_go_in_batches_that_keep_the_address_short(array: Array) -> None:
    ids = [str(10**18 + number) for number in range(501)]

    batches = list(file_addresses(BASE, ids, ["pdf", "ofd", "xml"], array=array, batch=500))

    assert [one for _, batch in batches for one in batch] == ids
    assert all(len(address) <= MAX_ADDRESS_CHARS for address, _ in batches)
    assert len(addresses(101, array=array, batch=50)) == 3


def test_trap_77_an_id_is_one_part_of_the_path_whatever_it_holds() -> None:
    assert item_address(BASE, FIRST) == f"{BASE}/web/invoice/item/{FIRST}"
    assert item_address(BASE, "1/../?x") == f"{BASE}/web/invoice/item/1%2F..%2F%3Fx"


def test_trap_78_files_are_read_by_the_table_not_by_the_schemas_name() -> None:
    [found] = files(a_file(countETicketNumbers="98765432109876543210", itemName="no file's"))

    assert found == {
        "invoiceBasicInfoId": FIRST,
        "type": "pdf",
        "url": "http://files.test/a.pdf",
        "countETicketNumbers": "98765432109876543210",
    }


@pytest.mark.parametrize("code", [0, 200, "0", "200", 0.0, None, ""])
def test_trap_79_an_answer_is_a_success_by_its_code_and_its_list(code: Any) -> None:
    assert rows({"code": code, "msg": "", "data": [ROW]}) == [
        {**ROW, "totalAmount": Decimal("-495.05"), "totalTax": Decimal("-4.95")}
    ]


@pytest.mark.parametrize("data", ["x", 1, {}, {"id": 1}, ["a"]])
def test_trap_79_a_code_of_success_without_a_list_is_none(data: Any) -> None:
    with pytest.raises(Permanent, match="holds no rows") as raised:
        rows({"code": 0, "data": data})

    assert raised.value.code is FailureCode.HTTP_ERROR


@pytest.mark.parametrize("answer", [{}, {"code": None}, {"data": None}, {"msg": "系统繁忙"}, "x", 7, None])
def test_trap_79_an_answer_with_neither_code_nor_list_is_none(answer: Any) -> None:
    with pytest.raises(Permanent, match="holds no rows"):
        rows(answer)


@pytest.mark.parametrize(
    ("code", "shown_code"), [(500, "500"), ("401", "401"), (1, "1"), ("secret", "that is no number")]
)
def test_trap_80_a_business_error_in_http_200_is_told_by_its_code_alone(code: Any, shown_code: str) -> None:
    with pytest.raises(Permanent, match=f"refused a look-up with code {shown_code}$") as raised:
        rows({"code": code, "msg": "余额不足 secret", "data": [ROW]})

    assert raised.value.code is FailureCode.HTTP_ERROR


def test_trap_81_an_items_number_is_optional() -> None:
    with_number, without = items({"itemName": "a", "countETicketNumbers": 1}, {"itemName": "b"})

    assert with_number == {"itemName": "a", "countETicketNumbers": "1"}
    assert without == {"itemName": "b"}


@pytest.mark.parametrize(
    ("rate", "raw", "value"),
    [
        ("1%", "1%", Decimal("0.01")),
        ("13 %", "13 %", Decimal("0.13")),
        ("0.5％", "0.5％", Decimal("0.005")),
        ("0%", "0%", Decimal(0)),
        ("0.01", "0.01", Decimal("0.01")),
        (0.13, "0.13", Decimal("0.13")),
        ("免税", "免税", None),
        ("不征税", "不征税", None),
        ("***", "***", None),
        ("13", "13", None),
        ("1", "1", None),
        ("-1%", "-1%", None),
        ("1%%", "1%%", None),
    ],
)
def test_trap_82_a_rate_is_told_as_it_came_and_as_a_fraction_where_it_is_one(
    rate: Any, raw: str, value: Decimal | None
) -> None:
    [item] = items({"taxRate": rate})

    assert item["taxRate"] == raw
    assert item.get("taxRateValue") == value


def test_trap_82_quantities_and_money_of_items_are_exact() -> None:
    [item] = items(
        {"quantity": 1.5, "unitPrice": "0.33333333", "amount": 0.5, "tax": -0.01, "totalPriceAndTax": "0.49"}
    )

    assert item == {
        "quantity": Decimal("1.5"),
        "unitPrice": Decimal("0.33333333"),
        "amount": Decimal("0.5"),
        "tax": Decimal("-0.01"),
        "totalPriceAndTax": Decimal("0.49"),
    }


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("http://files.test/a.pdf?sign=x", "http://files.test/a.pdf?sign=x"),
        ("HTTPS://files.test/a.pdf", "HTTPS://files.test/a.pdf"),
        ("/files/a.pdf", "http://gateway.test/files/a.pdf"),
        ("files/a.pdf", "http://gateway.test/prefix/files/a.pdf"),
        ("//cdn.test/a.pdf", "http://cdn.test/a.pdf"),
        ("“http://files.test/a.pdf“", "http://files.test/a.pdf"),
        (" 'http://files.test/发票.pdf' ", "http://files.test/%E5%8F%91%E7%A5%A8.pdf"),
    ],
)
def test_trap_83_addresses_are_absolute(url: str, absolute: str) -> None:
    [found] = files(a_file(url=url))

    assert found["url"].lower() == absolute.lower()


@pytest.mark.parametrize(
    "url",
    [
        *("", None, 7, {}, "file:///etc/passwd", "javascript:alert(1)", "ftp://x/a", "data:,x"),
        *("http://[", "https:///a", "http://x/\na", "http://x/" + "a" * 5000),
    ],
)
def test_trap_83_what_nobody_could_fetch_over_http_is_not_told(url: Any) -> None:
    assert files(a_file(url=url)) == ()


@pytest.mark.parametrize("data", [[], None, ""])
def test_trap_84_an_empty_list_is_no_error(data: Any) -> None:
    assert rows({"code": 200, "data": data}) == []


def test_trap_85_types_are_asked_for_explicitly_and_others_are_left_out() -> None:
    assert "typeList=pdf&typeList=ofd" in addresses()[0]
    assert [one["type"] for one in files(a_file(), a_file(type="xml"), types=("xml",))] == ["xml"]


def test_trap_86_rows_of_invoices_that_nobody_asked_for_are_left_out() -> None:
    assert [one["invoiceBasicInfoId"] for one in files(a_file(), a_file(invoiceBasicInfoId=SECOND))] == [FIRST]
    assert [item["itemName"] for item in items(
        {"itemName": "ours", "invoiceBasicInfoId": int(FIRST)},
        {"itemName": "theirs", "invoiceBasicInfoId": SECOND},
        {"itemName": "unsaid", "invoiceBasicInfoId": 0},
    )] == ["ours", "unsaid"]  # fmt: skip


def test_trap_87_ids_are_text_in_the_address_and_in_what_is_told() -> None:
    [found] = files(a_file(invoiceBasicInfoId=1778381047770263553))

    assert found["invoiceBasicInfoId"] == FIRST


@pytest.mark.parametrize("word", ["pdf", "PDF", ".pdf", " .Pdf "])
def test_trap_88_types_are_lower_case_without_a_dot(word: str) -> None:
    [found] = files(a_file(type=word), types=("PDF",))

    assert found["type"] == "pdf"
