"""The judge of the random run sees each broken promise. What it would overlook, chaos could not show."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.scenarios.chaos_checker import Verdict, judge
from tests.scenarios.chaos_load import Planned, order_of
from worker.sandbox.books.ledger import Ledger

USER = "user-1"


def told(sequence: int, outcome: str, **data: Any) -> dict[str, Any]:
    return {"id": f"e{sequence}", "sequence": sequence, "type": f"invoice.issue.{outcome}", "data": data}


def judged(
    *events: dict[str, Any], submitted: int = 1, issued: int = 1, commands: Sequence[str] = ("c1",)
) -> tuple[Verdict, Ledger]:
    """The verdict on an order of which the gateway has that in its books. Events belong to the first command."""
    order = order_of(USER, "c1;")
    ledger = Ledger()
    for _ in range(submitted):
        ledger.submit(USER, order["invoice"])
    for _ in range(issued):
        ledger.issue(USER, order["invoice"])
    planned = [Planned(one, "invoice.issue", order, "c1", USER, "c1;") for one in commands]
    verdict = Verdict()
    judge(verdict, planned, {commands[0]: [name(event, ledger) for event in events]}, ledger)
    return verdict, ledger


def name(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """The number of the one invoice in the books, where the event leaves it open."""
    data = {key: next(iter(ledger.invoices)) if value == "…" else value for key, value in event["data"].items()}
    return event | {"data": data}


COMPLETED = told(1, "completed", invoiceUrl="http://sandbox/files/1.pdf")


def test_an_order_that_was_issued_once_and_said_so_breaks_nothing() -> None:
    verdict, _ = judged(told(1, "completed", invoiceNumber="…"), told(2, "confirmed", invoiceNumber="…"))

    assert verdict.violations == []
    assert (verdict.counts.completed, verdict.counts.confirmed) == (1, 1)


def test_a_refusal_without_an_invoice_breaks_nothing() -> None:
    verdict, _ = judged(told(1, "failed", code="issue_refused"), issued=0)

    assert verdict.violations == []


@pytest.mark.parametrize(
    ("events", "books", "sentence"),
    [
        ([], {}, "never came to an end"),
        ([told(1, "in_doubt")], {}, "never came to an end"),
        ([told(1, "completed"), told(2, "failed")], {}, "several final events"),
        ([told(1, "failed"), told(1, "failed", code="other")], {"issued": 0}, "differ"),
        ([told(1, "qr_required"), told(3, "failed")], {"issued": 0}, "never published"),
        ([told(1, "failed")], {}, "the books hold 1"),
        ([told(1, "completed"), told(2, "confirmed")], {"issued": 0}, "the books hold 0"),
        ([told(1, "completed"), told(2, "confirmed")], {"submitted": 2}, "2 times submitted"),
        ([told(1, "completed"), told(2, "confirmed")], {"issued": 2}, "1 ordered"),
        ([COMPLETED, told(2, "confirmed")], {}, "the books hold {"),
        ([told(1, "completed", invoiceNumber="…")], {}, "nothing was said of its number"),
        ([told(1, "completed"), told(2, "confirmed", invoiceNumber="2")], {}, "the books hold {"),
    ],
)
def test_each_broken_promise_is_seen(events: list[dict[str, Any]], books: dict[str, int], sentence: str) -> None:
    verdict, _ = judged(*events, **books)  # type: ignore[arg-type]

    assert any(sentence in said for _, said in verdict.violations), verdict.violations


def test_a_repeat_without_an_end_is_lost_though_the_first_one_has_one() -> None:
    verdict, _ = judged(told(1, "failed"), issued=0, commands=("c1", "c2"))

    assert [one for one, _ in verdict.violations] == ["c2"]
    assert verdict.counts.lost == 1
