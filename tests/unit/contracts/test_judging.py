"""What a verdict leaves behind: nothing of a message that is no good."""

import gc
import weakref
from typing import Any

import pytest

from contracts.commands import CommandType
from contracts.explain import MOST_ERRORS
from contracts.judging import judge
from contracts.limits import InvoiceLimits


class Data(dict[str, Any]):
    """A message's data, whose end can be seen."""


@pytest.mark.parametrize("faults", [{}, {"invoice": 1}, {"invoice": {"buyerName": 1}, "userId": None, "odd": 1}])
def test_a_message_that_was_judged_is_let_go(faults: dict[str, Any]) -> None:
    """A validation error is held by no collector of cycles, so none may be kept by a frame that it holds itself."""
    data = Data(userId="u", **faults) if "userId" not in faults else Data(faults)
    end = weakref.ref(data)
    verdict = judge(CommandType.ISSUE, data, InvoiceLimits())
    assert verdict.errors
    del data, verdict
    gc.collect()
    assert end() is None


@pytest.mark.parametrize(
    ("password", "message"), [("", "must not be empty"), ("x" * 257, "must be at most 256 characters long; text came")]
)
def test_a_password_that_is_no_password_is_told_in_words_and_without_its_length(password: str, message: str) -> None:
    login = {"companyCode": "1" * 15, "phone": "1", "password": password, "area": "3300", "role": "01"}
    verdict = judge(CommandType.DOWNLOAD, {"userId": "u", "login": login, "date": "d"}, InvoiceLimits())

    assert [(error.path, error.message) for error in verdict.errors] == [("/login/password", message)]


@pytest.mark.parametrize(
    "days", [{"startInvoiceDate": 5}, {"endInvoiceDate": "tomorrow"}, {"startInvoiceDate": 5, "odd": 1}]
)
def test_nothing_is_told_of_an_audits_days_together_where_one_cannot_be_read(days: dict[str, Any]) -> None:
    """A stand-in is in its place."""
    data = {"userId": "u", "credential": "c", "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31", **days}
    verdict = judge(CommandType.AUDIT, data, InvoiceLimits())

    assert {error.path for error in verdict.errors} == {f"/{name}" for name in days}


def test_an_audits_days_that_do_not_go_together_are_told_beside_what_else_is_wrong() -> None:
    data = {"userId": 5, "credential": "c", "startInvoiceDate": "2026-03-31", "endInvoiceDate": "2026-03-01"}
    verdict = judge(CommandType.AUDIT, data, InvoiceLimits())

    assert [(error.path, error.message) for error in verdict.errors] == [
        ("/userId", "must be text; a number came"),
        ("", "startInvoiceDate must not be after endInvoiceDate"),
    ]


def test_a_number_of_four_hundred_digits_is_told_to_be_too_large() -> None:
    verdict = judge(CommandType.ISSUE, {"userId": "u", "invoice": {"buyerType": 10**400}}, InvoiceLimits())

    assert "is too large; a number came" in {error.message for error in verdict.errors}


@pytest.mark.parametrize("given", [{}, {"startInvoiceDate": "2026-11-01"}, {"endInvoiceDate": "2026-11-30"}])
def test_no_rule_over_two_days_is_told_of_a_day_that_was_not_given(given: dict[str, Any]) -> None:
    verdict = judge(CommandType.AUDIT, {"userId": "u", "credential": "c", **given}, InvoiceLimits())

    missing = [f"/{name}" for name in ("startInvoiceDate", "endInvoiceDate") if name not in given]
    assert [(error.path, error.message) for error in verdict.errors] == [(path, "is required") for path in missing]


def test_two_good_days_too_far_apart_are_told_beside_another_fault() -> None:
    days = {"startInvoiceDate": "2024-01-01", "endInvoiceDate": "2026-11-30"}
    verdict = judge(CommandType.AUDIT, {"userId": 1, "credential": "c", **days}, InvoiceLimits())

    assert [error.path for error in verdict.errors] == ["/userId", ""]


def test_a_login_that_is_no_login_beside_a_credential_is_one_too_many_as_well() -> None:
    verdict = judge(CommandType.DOWNLOAD, {"userId": "u", "credential": "c", "login": 1}, InvoiceLimits())

    assert [error.path for error in verdict.errors] == ["/login", "/date", ""]


def test_data_of_another_command_are_told_whose_they_are() -> None:
    data = {"userId": "u", "credential": "c", "invoice": {}, "commandId": "1"}
    told = {error.path: error.message for error in judge(CommandType.QUERY, data, InvoiceLimits()).errors}

    assert told["/invoice"] == "is no member of this command, but of invoice.issue and invoice.check"
    assert told["/commandId"] == "is no member of this command, but of invoice.stored"


def test_of_many_faults_few_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of a megabyte of members that nobody knows held the loop for ten seconds, and every session with it."""
    asked: list[str] = []

    def matches(name: str, *_: object, **__: object) -> list[str]:
        asked.append(name)
        return []

    monkeypatch.setattr("contracts.unknown_members.difflib.get_close_matches", matches)
    members = {f"member{number}": 1 for number in range(3000)}
    verdict = judge(CommandType.STORED, {"commandId": "a", **members}, InvoiceLimits())
    assert len(verdict.errors) == MOST_ERRORS + 1
    assert verdict.errors[-1].message == f"and {3000 - MOST_ERRORS} more faults"
    assert len(asked) <= MOST_ERRORS


@pytest.mark.parametrize("entry", [{}, "x", None])
def test_a_list_longer_than_any_commands_is_not_read(entry: Any) -> None:
    data = {"userId": "u", "invoice": {"invoiceItems": [entry] * 5001}}
    verdict = judge(CommandType.ISSUE, data, InvoiceLimits())
    assert [(each.path, each.message) for each in verdict.errors] == [
        ("/invoice/invoiceItems", "must have at most 5000 entries; it has 5001")
    ]
