"""The vendor's memory does what naive Java servers do, and counts what tests ask about."""

from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.vendor import Scan, ScanState, Vendor, invoice_violations, login_violations, query_violations

LOGIN = {"companyCode": "c", "phone": "p", "password": "x", "area": "zhejiang", "role": "法定代表人"}
TEXTS = (
    *("buyerAddress", "buyerBank", "buyerBankAccount", "buyerEmail", "buyerIndentification", "buyerName"),
    *("buyerPhone", "remark", "sellerBank", "sellerBankAccount", "sellerIndentification"),
    *("sellerLoginAccount", "sellerLoginPassword", "sellerName"),
)
FLAGS = ("buyerInvoiceType", "buyerBankShow", "buyerType", "sellerBankShow")
ITEM = {"name": "a", "quantity": 1, "spec": "", "unit": "", "unitPrice": Decimal("1.5")}
INVOICE: dict[str, Any] = {**dict.fromkeys(TEXTS, ""), **dict.fromkeys(FLAGS, 0), "invoiceItems": [ITEM]}


def scan(*, works: bool = True) -> Scan:
    return Scan("t", "u", {"sellerLoginAccount": "seller"}, works)


def test_a_newer_socket_takes_over_the_route_and_the_older_stays_open() -> None:
    vendor = Vendor()
    vendor.opened("u", 1)
    vendor.opened("u", 2)
    assert vendor.route("u") == 2
    assert vendor.open_sockets("u") == {1, 2}
    assert vendor.of("u").max_concurrent == 2


@pytest.mark.parametrize(("naive", "route", "lost"), [(True, None, 1), (False, 2, 0)])
def test_a_late_close_of_the_old_socket_takes_the_new_ones_route_only_from_the_naive(
    naive: bool, route: int | None, lost: int
) -> None:
    """Trap 10."""
    vendor = Vendor(naive_unregister=naive)
    vendor.opened("u", 1)
    vendor.opened("u", 2)
    vendor.closed("u", 1)
    assert vendor.route("u") == route
    assert vendor.of("u").lost_replies == lost


def test_one_socket_after_the_other_is_never_two_at_once_and_users_do_not_add_up() -> None:
    vendor = Vendor()
    for number in range(5):
        vendor.opened("u", number)
        vendor.closed("u", number)
        vendor.closed("u", number)
    vendor.opened("other", 9)
    assert (vendor.of("u").opened, vendor.of("u").closed, vendor.of("u").max_concurrent) == (5, 5, 1)


def test_a_login_holds_for_its_socket_until_it_closes() -> None:
    vendor = Vendor()
    vendor.opened("u", 1)
    vendor.logged_in("u", 1, accepted=False)
    assert not vendor.is_logged_in(1)
    vendor.logged_in("u", 1, accepted=True)
    assert vendor.is_logged_in(1)
    assert (vendor.of("u").logins, vendor.of("u").login_refusals) == (2, 1)
    vendor.closed("u", 1)
    assert not vendor.is_logged_in(1)


def test_overlapping_exchanges_of_one_user_are_counted() -> None:
    vendor = Vendor()
    vendor.exchange_began("u")
    vendor.exchange_began("u")
    vendor.exchange_ended("u")
    vendor.exchange_began("u")
    assert (vendor.of("u").max_exchanges, vendor.of("u").submissions) == (2, 3)


def test_pages_are_counted_and_a_query_is_counted_by_its_first_page() -> None:
    vendor = Vendor()
    for page in (1, 2, 3, 1):
        vendor.query_began("u", page)
        vendor.exchange_ended("u")
    seen = vendor.of("u")
    assert (seen.queries, seen.pages, seen.submissions, seen.max_exchanges) == (2, 4, 0, 1)


def test_a_scan_is_settled_once_and_a_confirmed_one_makes_the_face_known() -> None:
    vendor = Vendor()
    vendor.shown(scan())
    assert vendor.settle_scan("t", ScanState.CONFIRMED) is not None
    assert vendor.settle_scan("t", ScanState.DECLINED) is None
    assert vendor.scans["t"].state is ScanState.CONFIRMED
    assert vendor.knows_face("seller")
    assert vendor.settle_scan("unknown", ScanState.CONFIRMED) is None


def test_a_scan_that_does_not_work_can_only_be_superseded_or_expire() -> None:
    vendor = Vendor()
    vendor.shown(scan(works=False))
    assert vendor.settle_scan("t", ScanState.CONFIRMED) is None
    assert vendor.settle_scan("t", ScanState.DECLINED) is None
    assert vendor.settle_scan("t", ScanState.SUPERSEDED) is not None


def test_forgetting_starts_the_counts_anew_with_the_sockets_that_are_open() -> None:
    vendor = Vendor()
    vendor.opened("u", 1)
    vendor.opened("gone", 2)
    vendor.closed("gone", 2)
    vendor.shown(scan())
    vendor.forget()
    assert list(vendor.attendance) == ["u"]
    assert (vendor.of("u").opened, vendor.of("u").max_concurrent) == (1, 1)
    assert vendor.route("u") == 1
    assert not vendor.scans


def test_the_manuals_login_and_invoice_fit() -> None:
    assert login_violations(LOGIN) == []
    assert login_violations({**LOGIN, "companyName": "甲"}) == []
    assert invoice_violations(INVOICE) == []


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "data is not an object"),
        ({**LOGIN, "novel": ""}, "novel is not in the manual"),
        ({**LOGIN, "phone": 1}, "phone is not text"),
        ({k: v for k, v in LOGIN.items() if k != "role"}, "role is missing"),
    ],
)
def test_a_login_beside_the_manual_is_told(data: Any, complaint: str) -> None:
    assert complaint in login_violations(data)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"buyerType": "0"}, "buyerType is not a number"),
        ({"buyerType": True}, "buyerType is not a number"),
        ({"buyerType": Decimal("0.5")}, "buyerType is not an integer"),
        ({"remark": None}, "remark is not text"),
        ({"buyerIdentification": ""}, "buyerIdentification is not in the manual"),
        ({"invoiceItems": []}, "invoiceItems is not a list with at least one line"),
        ({"invoiceItems": "[]"}, "invoiceItems is not a list with at least one line"),
        ({"invoiceItems": [1]}, "invoiceItems[0] is not an object"),
        ({"invoiceItems": [{**ITEM, "quantity": "1"}]}, "invoiceItems[0].quantity is not a number"),
        ({"invoiceItems": [{"name": "a"}]}, "invoiceItems[0].unit is missing"),
    ],
)
def test_an_invoice_beside_the_manual_is_told(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in invoice_violations({**INVOICE, **changes})


def test_a_missing_member_is_told_without_any_value() -> None:
    told = invoice_violations({"sellerLoginPassword": 12345})
    assert "buyerName is missing" in told
    assert not any("12345" in text for text in told)
    assert invoice_violations("text") == ["data is not an object"]


QUERY: dict[str, Any] = {
    "login": {**LOGIN, "companyName": "乙公司"},
    "condition": {
        "queryType": 0,
        "invoiceSource": None,
        "countETicketNumbers": "",
        "sellerName": None,
        "startInvoiceValue": None,
        "endInvoiceValue": Decimal("1.5"),
        "startInvoiceDate": "2024-04-01",
        "endInvoiceDate": "2024-04-12",
    },
    "page": {"pageSize": 10, "pageNumber": 1},
}


def test_the_manuals_query_fits() -> None:
    assert query_violations(QUERY) == []


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("login", {"area": 7}, "login.area is not text"),
        ("condition", {"queryType": "0"}, "condition.queryType is missing or not what the manual says"),
        ("condition", {"queryType": True}, "condition.queryType is missing or not what the manual says"),
        ("condition", {"startInvoiceDate": None}, "condition.startInvoiceDate is missing or not what the manual says"),
        (
            "condition",
            {"endInvoiceDate": "20240412"},
            "condition.endInvoiceDate is missing or not what the manual says",
        ),
        ("condition", {"startInvoiceValue": "1"}, "condition.startInvoiceValue is not a number"),
        ("condition", {"buyerName": 1}, "condition.buyerName is not text"),
        ("condition", {"novel": 1}, "condition.novel is not in the manual"),
        ("page", {"pageNumber": 0}, "page.pageNumber is not an integer from 1"),
        ("page", {"pageSize": "10"}, "page.pageSize is not an integer from 1"),
        ("page", {"novel": 1}, "page.novel is not in the manual"),
    ],
)
def test_a_query_that_leaves_the_manual_is_told_where(part: str, changes: dict[str, Any], said: str) -> None:
    assert query_violations({**QUERY, part: {**QUERY[part], **changes}}) == [said]


@pytest.mark.parametrize("data", [None, "0", {}, {**QUERY, "page": None}])
def test_a_query_without_its_three_parts_is_no_query(data: Any) -> None:
    assert query_violations(data) == ["data is not an object with login, condition and page"]


def test_a_fourth_part_is_not_in_the_manual() -> None:
    assert query_violations({**QUERY, "novel": {}}) == ["novel is not in the manual"]
