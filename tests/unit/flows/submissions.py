"""Submissions whose invoice is sought, for the tests of reconciliation."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from contracts.envelope import dumps
from tests.builders import MOMENT, make_command, make_found, make_invoice, make_login
from worker.flows.evidence.verdicts import Found, Nothing, Several, Subject, Verdict, verdicts
from worker.records import Command, CommandState

SKEW = timedelta(minutes=5)
SUBMITTED = MOMENT
"""When the default submission went out; `make_found` is dated at the same moment."""


def make_submitted(
    key: int = 1, *, expected_total: Any = None, invoice: dict[str, Any] | None = None, **fields: Any
) -> Command:
    """An issue in doubt. Alike ones have the same fingerprint."""
    order = invoice or make_invoice()
    data = {"userId": "1111", "login": make_login(), "invoice": order, "expectedTotal": expected_total}
    defaults: dict[str, Any] = {
        "key": key,
        "state": CommandState.IN_DOUBT,
        "submitted_at": SUBMITTED,
        "fingerprint": sha256(dumps(order)).hexdigest(),
        "data": dumps({name: value for name, value in data.items() if value is not None}),
        "sought_at": SUBMITTED,
        "account": "account",
        "seller": "91330701MA2M37T86L",
    }
    return make_command(**{**defaults, **fields})


def subject(key: int = 1, **fields: Any) -> Subject:
    """The same, as evidence looks at it."""
    return Subject.read(make_submitted(key, **fields))


def issued(key: int = 1, **fields: Any) -> Subject:
    """One of which only the number is sought."""
    return subject(key, state=CommandState.COMPLETED, **fields)


def listed(number: int = 1, *, at: datetime = MOMENT, **members: Any) -> dict[str, Any]:
    """An invoice of the gateway's list."""
    return make_found(number, invoiceDate=at, **members)


def judge(
    subjects: Sequence[Subject], invoices: Sequence[dict[str, Any]], *bound: str, **rivals: Any
) -> dict[int, Verdict]:
    """The verdicts, with five minutes' skew."""
    return verdicts(subjects, invoices, bound, SKEW, **rivals)


def found_of(told: dict[int, Verdict]) -> dict[int, str]:
    """The numbers that were found."""
    return {key: each.invoice["countETicketNumbers"] for key, each in told.items() if isinstance(each, Found)}


def kind_of(verdict: Verdict) -> str:
    """In one word."""
    return {Found: "found", Nothing: "nothing", Several: "several"}[type(verdict)]
