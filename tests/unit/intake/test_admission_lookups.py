"""Commands that look invoices up: where they run, what is kept of them, what is refused."""

import json
from copy import deepcopy
from typing import Any

import pytest

from contracts.envelope import loads
from contracts.failures import RejectionCode
from tests.unit.intake.messages import PASSWORD, order, plain
from tests.unit.intake.verdicts import accepted, rejected

LOGIN = order()["login"]
QUERY: dict[str, Any] = {
    "userId": "1111",
    "login": LOGIN,
    "condition": {"queryType": 0, "startInvoiceDate": "2024-04-01", "endInvoiceDate": "2024-04-12"},
}
LOOKUPS: dict[str, dict[str, Any]] = {
    "invoice.query": QUERY,
    "invoice.download": {"userId": "1111", "login": LOGIN, "date": "2024-04-12 10:10:10"},
    "invoice.items": {"invoiceBasicInfoId": "1778381047770263553"},
    "invoice.files": {"invoiceIdList": ["1778381047770263553", "1778381047954812931"]},
    "invoice.stored": {"commandId": "order-1"},
}


def query(**condition: Any) -> dict[str, Any]:
    """The query with other members in its condition."""
    data = deepcopy(QUERY)
    data["condition"] |= condition
    return data


@pytest.mark.parametrize("name", LOOKUPS)
def test_it_is_accepted_in_the_plain_form(name: str) -> None:
    command = accepted(plain(LOOKUPS[name], type=name))

    assert command.type == name
    assert (command.order_no, command.seller, command.fingerprint) == (None, None, None)


@pytest.mark.parametrize("name", ["invoice.query", "invoice.download"])
def test_one_that_logs_in_runs_on_the_lane_of_its_user(name: str) -> None:
    """And its password is taken out of the data."""
    command = accepted(plain(LOOKUPS[name], type=name))

    assert (command.lane, command.user_id) == ("1111", "1111")
    assert command.secrets == {"/login/password": PASSWORD}
    assert PASSWORD.encode() not in command.data


@pytest.mark.parametrize("name", ["invoice.items", "invoice.files", "invoice.stored"])
def test_one_that_needs_no_session_has_a_lane_of_its_own(name: str) -> None:
    """So it waits for nobody; and nobody's `userId` is such a lane."""
    first = accepted(plain(LOOKUPS[name], type=name))
    second = accepted(plain(LOOKUPS[name], type=name, message_id="another"))

    assert first.lane != second.lane
    assert first.user_id is None
    rejected(plain(query() | {"userId": first.lane}, type="invoice.query"), RejectionCode.INVALID)


def test_the_defaults_are_written_down() -> None:
    """Another version's defaults must not change a command that waits."""
    data = loads(accepted(plain(QUERY, type="invoice.query")).data)

    assert data["page"] == {"pageSize": 50, "pageNumber": 1}
    assert (data["allPages"], data["items"], data["files"]) == (True, True, ["pdf", "ofd", "xml"])


def test_ids_of_nineteen_digits_survive_as_text_and_as_number() -> None:
    number = 1778381047770263553
    body = json.dumps({"invoiceIdList": [number, str(number), "0000000000000000001"]}).encode()

    data = loads(accepted(plain(body, type="invoice.files")).data)

    assert data["invoiceIdList"] == [str(number), "1"]


def test_the_download_date_is_kept_byte_for_byte() -> None:
    """Spaces belong to it (trap 73)."""
    data = {"userId": "1111", "login": LOGIN, "date": " 2024-04-12  10:10:10 "}

    assert loads(accepted(plain(data, type="invoice.download")).data)["date"] == " 2024-04-12  10:10:10 "


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ({"startInvoiceDate": "2024-04-13"}, "after"),
        ({"startInvoiceDate": "2024-04-01 00:00:00"}, "day"),
        ({"startInvoiceDate": 20240401}, "day"),
        ({"queryType": 2}, ""),
        ({"queryType": 0, "sellerName": "ABC"}, "buyer"),
        ({"queryType": 1, "buyerName": "ABC"}, "seller"),
        ({"startInvoiceValue": 2, "endInvoiceValue": "1.5"}, "greater"),
        ({"buyerNam": "ABC"}, "buyerName"),
        ({"countETicketNumber": "1"}, "countETicketNumbers"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_with_words(condition: dict[str, Any], word: str) -> None:
    command, _ = rejected(plain(query(**condition), type="invoice.query"), RejectionCode.INVALID)

    [error, *_] = loads(command.events[0].body)["data"]["errors"]
    assert error["path"].startswith("/condition")
    assert word in error["message"]


def test_null_and_empty_text_mean_absent() -> None:
    """As in the manual's example (trap 67)."""
    condition = {"invoiceSource": None, "countETicketNumbers": "", "sellerName": None, "startInvoiceValue": ""}

    command = accepted(plain(query(**condition), type="invoice.query"))

    assert set(loads(command.data)["condition"]) == {"queryType", "startInvoiceDate", "endInvoiceDate"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"commandId": "a", "invoiceNumber": "12345678901234567890"},
        {"orderNo": "a"},
        {"sellerIndentification": "91330701MA2M37T86L"},
        {"invoiceNumber": "12"},
        {"commandId": "a", "limit": 501},
    ],
)
def test_stored_needs_exactly_one_way_to_name_it(data: dict[str, Any]) -> None:
    rejected(plain(data, type="invoice.stored"), RejectionCode.INVALID)


@pytest.mark.parametrize(
    "ids", [[], [0], [-1], [1.5], ["12a"], [True], ["9223372036854775808"], ["1"] * 501, [str(n) for n in range(501)]]
)
def test_ids_that_are_none_are_refused(ids: list[Any]) -> None:
    rejected(plain({"invoiceIdList": ids}, type="invoice.files"), RejectionCode.INVALID)
