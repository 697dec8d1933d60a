"""Submissions whose invoice is sought, for the tests of reconciliation."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from contracts.envelope import dumps
from tests.builders import MOMENT, make_command, make_invoice, make_listed, make_login
from worker.flows.evidence.members import Fit, compare, weigh
from worker.flows.evidence.subjects import Listed, Subject, in_one_go
from worker.flows.evidence.verdicts import Found, Nothing, Several, Verdict
from worker.flows.evidence.verdicts import judge as judge_in_steps
from worker.records import Command, CommandState, ListedInvoice

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


def listed(number: int = 1, *, at: datetime | None = MOMENT, **members: Any) -> ListedInvoice:
    """An invoice of the gateway's list."""
    return make_listed(number, **{"invoiceDate": at, **members})


def fit(sought: Subject, invoice: ListedInvoice) -> Fit | None:
    """What one invoice is worth for one submission."""
    shown = Listed.of(invoice)
    compared = compare(sought.order, shown)
    return None if compared is None else weigh(sought, shown, compared, SKEW)


def judge(
    subjects: Sequence[Subject], invoices: Sequence[ListedInvoice], *bound: str | None, **rivals: Any
) -> dict[int, Verdict]:
    """The verdicts, with five minutes' skew."""
    numbers = [each for each in bound if each is not None]
    return in_one_go(judge_in_steps(subjects, list(map(Listed.of, invoices)), numbers, SKEW, **rivals))


def found_of(told: dict[int, Verdict]) -> dict[int, str | None]:
    """The numbers that were found."""
    return {key: each.invoice.number for key, each in told.items() if isinstance(each, Found)}


def shown_of(verdict: Verdict) -> tuple[ListedInvoice, ...]:
    """The invoices that a person is shown."""
    return tuple(each.invoice for each in verdict.candidates) if isinstance(verdict, Several) else ()


def differing(verdict: Verdict) -> set[str]:
    """The members that differ."""
    found = verdict.differs if isinstance(verdict, Found) else ()
    several = verdict.candidates if isinstance(verdict, Several) else ()
    return {each.member for each in found} | {each.member for one in several for each in one.differs}


def kind_of(verdict: Verdict) -> str:
    """In one word."""
    return {Found: "found", Nothing: "nothing", Several: "several"}[type(verdict)]
