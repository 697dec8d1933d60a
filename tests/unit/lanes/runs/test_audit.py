"""An audit on its lane: what is done in which order, what gives way, and what is never claimed."""

import pickle
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.envelope import dumps
from tests.builders import MOMENT, make_command, make_data, make_found, make_invoice, make_login, make_page, make_result
from tests.lane_fakes import Answer, Script
from tests.unit.flows.tables import RULES, TIMING
from tests.unit.lanes.playing import LONG_LEASE, Played, later, slowly
from tests.virtual_time import in_virtual_time
from worker.flows import audit
from worker.flows.audit_progress import AuditProgress, AuditStage, AuditState, AuditWish, Phase, Situation
from worker.flows.audit_rows import row_of
from worker.flows.audit_vocabulary import AuditedRead
from worker.flows.vocabulary import Input, PageRead
from worker.ports import QueryRefused
from worker.records import AuditedInvoice, Command, CommandState

S = CommandState
DAY = MOMENT.date().isoformat()
SELLER = make_invoice()["sellerIndentification"]


def waiting_audit(key: int = 1, **fields: Any) -> Command:
    """An `invoice.audit` of the day of `MOMENT` that waits for its lane."""
    data = {"userId": "1111", "login": make_login(), "startInvoiceDate": DAY, "endInvoiceDate": DAY}
    given = {"type": "invoice.audit", "data": dumps(data), "state": S.WAITING, "epoch": 0, "attempts": 0}
    return make_command(**{"key": key, **given, **fields})


def issued(key: int, number: int | None, **fields: Any) -> Command:
    """A command whose invoice is known, or only that there is one."""
    known = None if number is None else make_found(number)["countETicketNumbers"]
    given = {"lane": "elsewhere", "state": S.COMPLETED, "seller": SELLER, "submitted_at": MOMENT, "settled_at": MOMENT}
    return make_command(key=key, **{"invoice_number": known, **given, **fields})


def lists(*rows: dict[str, Any], size: int = 2, total: int | None = None) -> list[list[Answer]]:
    """What a gateway with these invoices says to each question."""
    pages = [rows[first : first + size] for first in range(0, len(rows), size)] or [()]
    return [
        [make_page(*page, total=len(rows) if total is None else total, has_next=place < len(pages))]
        for place, page in enumerate(pages, start=1)
    ]


def kinds(played: Played) -> list[tuple[str, str | None]]:
    """The findings told: kind and number."""
    told = [each for event in played.said("finding") for each in event["findings"]]
    return [(each["kind"], each.get("invoiceNumber")) for each in told]


def others(number: int) -> dict[str, Any]:
    """An invoice of a total and buyer of its own."""
    return make_found(number, totalPriceAndTax=Decimal(number), totalAmount=Decimal(number), buyerName=f"买方{number}")


@in_virtual_time
async def test_the_list_is_read_and_kept_page_by_page_and_held_against_the_journal_then() -> None:
    played = Played(Script(pages=lists(make_found(1), make_found(2), others(3))))

    await played.run(waiting_audit(), issued(2, 1), issued(3, 2, source="shop"))

    assert played.acts == [
        "connect query",
        "query page 1",
        "record running",
        "query page 2",
        *["record running"] * 6,
        "record completed",
    ]
    assert kinds(played) == [("unknown", make_found(3)["countETicketNumbers"])]
    said = played.completed()
    assert (said["total"], said["matched"], said["isWhole"]) == (3, 1, True)
    assert said["counts"] == {"missing": 0, "unknown": 1, "changed": 0, "differs": 0, "double": 0, "unnumbered": 0}
    assert said["sums"] == [{"month": "2026-01", "status": None, "count": 3, "totalPriceAndTax": "455.00"}]
    assert played.stage.hooks.audits == [True]
    assert played.stage.hooks.findings == ["unknown"]
    assert not played.journal.rows("SELECT * FROM audit_row")


@in_virtual_time
async def test_an_order_that_comes_between_two_pages_goes_first() -> None:
    """And the audit goes on behind it, without asking for a page twice."""
    pages = slowly(5, lists(others(1), others(2), others(3)))
    issuing = Script(submissions=[[make_result()]])
    played = Played(Script(pages=pages), issuing, Script(pages=pages[1:]), settings=LONG_LEASE)
    later(3, lambda: played.journal.add(make_command(key=2, state=S.WAITING, epoch=0, attempts=0)))

    await played.serve(waiting_audit())

    assert played.journal.state_of(2) is S.COMPLETED
    assert [page.page_number for page in played.gateway.queries] == [1, 2]
    assert played.acts.index("submit") < played.acts.index("query page 2")
    assert played.completed()["total"] == 3


@in_virtual_time
async def test_a_list_in_which_rows_moved_is_read_again_and_if_they_still_lack_nothing_is_called_missing() -> None:
    """Three times at most; the command that is not listed is not told of."""
    pages = lists(make_found(1), total=2)
    played = Played(Script(pages=[*pages, *pages, *pages]))

    await played.run(waiting_audit(), issued(2, 1), issued(3, 9))

    said = played.completed()
    assert len(played.gateway.queries) == 3
    assert (said["isWhole"], said["counts"]["missing"], said["total"]) == (False, None, 1)
    assert kinds(played) == []
    assert played.stage.hooks.audits == [False]


@in_virtual_time
async def test_what_moved_into_sight_at_the_second_reading_counts() -> None:
    played = Played(Script(pages=[*lists(make_found(1), total=2), *lists(make_found(1), others(2))]))

    await played.run(waiting_audit(), issued(2, 1))

    assert (played.completed()["isWhole"], played.completed()["total"]) == (True, 2)


@in_virtual_time
async def test_what_is_open_is_settled_by_evidence_and_told() -> None:
    """The number of an issued one; a doubt is completed. Another source's is not touched, and its invoice undecided."""
    rows = [make_found(1, note="SO-1"), make_found(2, note="SO-2"), make_found(3, note="SO-3")]
    doubt = make_data(invoice=make_invoice(remark="SO-2"))
    theirs = make_data(invoice=make_invoice(remark="SO-3"))
    played = Played(Script(pages=lists(*rows, size=5)))

    await played.run(
        waiting_audit(),
        issued(2, None, data=make_data(invoice=make_invoice(remark="SO-1"))),
        issued(3, None, state=S.IN_DOUBT, settled_at=None, data=doubt),
        issued(4, None, state=S.IN_DOUBT, settled_at=None, data=theirs, source="shop"),
    )

    assert [played.journal.state_of(key) for key in (2, 3, 4)] == [S.COMPLETED, S.COMPLETED, S.IN_DOUBT]
    assert played.said("confirmed", 3)[0]["invoiceNumber"] == rows[1]["countETicketNumbers"]
    assert played.completed(3)["reconciled"] is True
    told = {(kind, number) for kind, number in kinds(played)}
    assert ("unnumbered", rows[1]["countETicketNumbers"]) in told
    assert not {number for kind, number in told if kind == "unknown"}
    assert played.said("confirmed", 4) == []


@in_virtual_time
async def test_an_issued_command_that_was_sought_to_the_end_and_has_nothing_in_a_whole_list_is_missing() -> None:
    """One that is still sought is open."""
    data = make_data(
        invoice=make_invoice(remark="SO-9", buyerName="查无此票", buyerIndentification="91310000EXAMPLE023")
    )
    played = Played(Script(pages=lists(others(1))))

    await played.run(
        waiting_audit(), issued(2, None, data=data), issued(3, None, data=data, sought_at=MOMENT + timedelta(days=9))
    )

    assert ("missing", None) in kinds(played)
    assert (played.completed()["counts"]["missing"], played.completed()["undecidedCommands"]) == (1, 1)


@in_virtual_time
async def test_a_doubts_voided_invoice_is_for_a_person_and_not_called_unknown() -> None:
    """As after any look: the command stays in doubt."""
    played = Played(Script(pages=lists(make_found(1, note="SO-1", invoiceStatus="已作废"))))
    doubt = make_data(invoice=make_invoice(remark="SO-1"))

    await played.run(waiting_audit(), issued(2, None, state=S.IN_DOUBT, settled_at=None, data=doubt))

    assert played.journal.state_of(2) is S.IN_DOUBT
    said = played.completed()
    assert (kinds(played), said["undecidedInvoices"], said["undecidedCommands"]) == ([], 1, 1)


@in_virtual_time
async def test_a_refused_list_fails_the_audit() -> None:
    played = Played(Script(pages=[[QueryRefused("查询失败")]]))

    await played.run(waiting_audit())

    assert played.failure()["code"] == "query_refused"
    assert played.failure()["gatewayMessage"] == "查询失败"


@pytest.mark.parametrize(
    "stage", [AuditStage.COUNT, AuditStage.PROOF, AuditStage.LISTED, AuditStage.NUMBERED, AuditStage.CLOSING]
)
@in_virtual_time
async def test_once_the_list_is_read_no_login_is_needed(stage: AuditStage) -> None:
    """A worker that takes over there opens no session."""
    progress = AuditProgress(
        stage=stage, company=SELLER, began_at=MOMENT.isoformat(), last_day=DAY, span_days=31, is_whole=True
    )
    played = Played(Script())

    await played.run(waiting_audit(progress=progress.journaled(), secrets={}))

    assert played.completed()["isWhole"] is True
    assert "connect query" not in played.acts


def test_what_goes_from_page_to_page_and_from_batch_to_batch_stays_small_over_twenty_thousand_invoices() -> None:
    """A page, or a batch, is forgotten with the next: all that is kept is where it stands, and what was counted."""
    command = waiting_audit(state=S.RUNNING, epoch=1, attempts=1)
    progress = AuditProgress(began_at=MOMENT.isoformat())
    state = AuditState(progress, Phase.ASKED, has_session=True, company=SELLER)
    wish = AuditWish.read({"startInvoiceDate": DAY, "endInvoiceDate": DAY})

    def step(given: Input, phase: Phase) -> AuditState:
        situation = Situation(state, command, wish, RULES, TIMING, MOMENT, 0.5)
        return replace(audit.decide(situation, given).state, phase=phase)

    halves = [[others(half * 100 + place + 1) for place in range(100)] for half in range(2)]
    pages = [PageRead(make_page(*half, total=20_000, has_next=True)) for half in halves]
    for number in range(200):
        state = step(pages[number % 2], Phase.ASKED)
    assert state.progress.pages == 200
    assert len(pickle.dumps(state)) < 2000
    state = replace(state, progress=replace(state.progress, stage=AuditStage.LISTED), phase=Phase.READING)
    day = MOMENT.date()
    rows = tuple(AuditedInvoice(row_of(each, SELLER, day, day)) for page in pages for each in page.page.invoices)
    for _ in range(100):
        state = step(AuditedRead(rows), Phase.READING)

    assert (state.progress.listed, state.progress.tally["unknown"]) == (20_000, 20_000)
    assert len(pickle.dumps(state)) < 2000
