"""What follows from a verdict: by what was sought, how often it was looked for, and whether absence proves anything."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.envelope import dumps
from contracts.events import Completed, Confirmed, InDoubt, Outcome, Unconfirmed
from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_invoice, make_item, make_listed
from tests.lane_fakes import make_file
from tests.unit.flows.submissions import issued, subject
from worker.flows.evidence.endings import Case, endings, submitted_invoice
from worker.flows.evidence.members import MemberDifference
from worker.flows.evidence.subjects import Subject
from worker.flows.evidence.verdicts import MOST_CANDIDATES, Candidate, Found, Nothing, Several, Verdict
from worker.flows.looks import (
    EXPIRED,
    NOT_ISSUED,
    Absence,
    ListReading,
    Schedules,
)
from worker.flows.vocabulary import Details, Settle
from worker.records import CommandState, Stray

S = CommandState
NOW = MOMENT + timedelta(minutes=9)
LOOKS = Schedules(
    confirm=(timedelta(seconds=60), timedelta(seconds=61)),
    doubt=(timedelta(seconds=30), timedelta(seconds=31), timedelta(seconds=32)),
    refusal=(timedelta(seconds=15), timedelta(seconds=16)),
)
SCHEDULES = {S.COMPLETED: LOOKS.confirm, S.IN_DOUBT: LOOKS.doubt, S.CHECKING: LOOKS.refusal}
REFUSED = Absence(FailureCode.ISSUE_REFUSED, Stage.RESULT, "The gateway refused the invoice.")
FOUND = Found(make_listed(1, note="订单 1", invoiceStatus="正常"))
SEVERAL = Several((Candidate(make_listed(1)), Candidate(make_listed(2))), count=2)
CONTESTED = Several((Candidate(make_listed(1)),), is_contested=True)
OTHER_TOTAL = Several((Candidate(make_listed(1), (MemberDifference("total", Decimal(226), Decimal(1)),)),))
WEAK = Several((Candidate(make_listed(1), (MemberDifference("remark", "订单 1", "订单 12"),)),), may_clear=True)
STRAY = Stray(1, "does_not_fit", dumps({"invoiceUrl": "http://pdf.example/1.pdf", "buyerName": "ABC公司"}))
VERDICTS: dict[str, Verdict] = {
    "found": FOUND,
    "nothing": Nothing(),
    "several": SEVERAL,
    "contested": CONTESTED,
    "other total": OTHER_TOTAL,
    "weak": WEAK,
}


def settle(
    sought: Subject,
    verdict: Verdict,
    *,
    reading: ListReading = ListReading.WHOLE,
    details: Details | None = None,
    strays: tuple[Stray, ...] = (),
    now: datetime = NOW,
) -> Settle:
    (move,) = endings(Case(sought, verdict, details or Details(), strays, reading), LOOKS, now)
    assert move.command == sought.command
    return move


def outcomes_of(move: Settle) -> list[Outcome]:
    return [told.outcome for told in move.announcements]


CASES = list(itertools.product(VERDICTS, (S.COMPLETED, S.IN_DOUBT, S.CHECKING), (0, 1, 2, 3, 4, 9), ListReading))


def expected_of(
    verdict: str, state: CommandState, look_ups: int, reading: ListReading
) -> tuple[Any, Sequence[Outcome], Any]:
    """The state, the outcomes told and the next look, in the words of the design."""
    schedule = SCHEDULES[state]
    following = NOW + schedule[look_ups + 1] if look_ups + 1 < len(schedule) else None
    if verdict == "found":
        told = [Outcome.CONFIRMED] if state is S.COMPLETED else [Outcome.COMPLETED, Outcome.CONFIRMED]
        return S.COMPLETED, told, None
    if state is S.COMPLETED:
        return S.COMPLETED, [] if following else [Outcome.UNCONFIRMED], following
    if verdict in {"nothing", "contested", "weak"} and following:
        return state, [], following
    if verdict == "nothing" and reading is ListReading.CUT and look_ups + 1 < len(schedule) + 2:
        return state, [], NOW + schedule[-1]
    if verdict == "nothing" and reading is ListReading.WHOLE:
        return S.FAILED, [Outcome.FAILED], None
    return S.IN_DOUBT, [Outcome.IN_DOUBT], None


@pytest.mark.parametrize(("verdict", "state", "look_ups", "reading"), CASES)
def test_each_verdict_has_its_move(verdict: str, state: CommandState, look_ups: int, reading: ListReading) -> None:
    move = settle(subject(state=state, look_ups=look_ups), VERDICTS[verdict], reading=reading)

    assert (move.to, outcomes_of(move), move.sought_at) == expected_of(verdict, state, look_ups, reading)
    assert (move.invoice_number is not None) is (verdict == "found")
    assert (move.findings is not None) is (verdict == "found")


# ---- found ---------------------------------------------------------------------------------------------


def test_invoice_in_doubt_that_is_found_is_completed_by_evidence_and_confirmed() -> None:
    files = (make_file(FOUND.invoice.gateway_id, "pdf"), make_file("7", "pdf"))

    move = settle(subject(expected_total="226"), FOUND, details=Details(files=files))

    completed, confirmed = [told.data for told in move.announcements]
    base = {"commandId": "a", "commandSource": "b", "userId": "1111"}
    said = Completed.model_validate({**base, **completed})
    assert said.reconciled is True
    assert said.invoiceUrl == files[0]["url"]
    assert completed["invoice"]["invoiceNumber"] == FOUND.invoice.number == move.invoice_number
    told = Confirmed.model_validate({**base, **confirmed})
    assert told.totalPriceAndTax == Decimal(226)
    assert told.expectedTotalMatches is True
    assert confirmed["files"] == [files[0]]
    assert move.findings is not None
    assert [row.number for row in move.findings.invoices] == [move.invoice_number]
    assert [row.invoice_id for row in move.findings.files] == [FOUND.invoice.gateway_id]


def test_total_that_is_not_the_expected_one_is_told_and_changes_nothing_else() -> None:
    move = settle(issued(expected_total="227"), FOUND)

    assert move.announcements[0].data["expectedTotalMatches"] is False
    assert (move.to, move.invoice_number) == (S.COMPLETED, FOUND.invoice.number)


def test_reconciled_invoice_says_what_was_submitted_and_no_account() -> None:
    sent = make_invoice(invoiceItems=[make_item(name="商品A"), make_item(name="商品B")], sellerLoginAccount="138")

    told = submitted_invoice(subject(invoice=sent).command, "24332000000000000001")

    assert [item["name"] for item in told["invoiceItems"]] == ["商品A", "商品B"]
    assert told["buyerName"] == sent["buyerName"]
    assert "sellerLoginAccount" not in told


# ---- not found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "absence"),
    [(None, NOT_ISSUED), (EXPIRED.journaled(), EXPIRED), (REFUSED.journaled(), REFUSED)],
)
def test_absence_is_told_in_the_words_of_the_doubt(progress: bytes | None, absence: Absence) -> None:
    move = settle(subject(look_ups=9, progress=progress), Nothing())

    said = move.announcements[0].data
    assert (said["code"], said["stage"], said["message"]) == (absence.code, absence.stage, absence.message)


def test_absence_that_proves_nothing_is_left_to_a_person() -> None:
    move = settle(subject(look_ups=9, state=S.CHECKING), Nothing(), reading=ListReading.CUT)

    said = InDoubt.model_validate(
        {"commandId": "a", "commandSource": "b", "userId": "1111", **move.announcements[0].data}
    )
    assert said.needsPerson
    assert said.nextLookAt is None
    assert said.candidates == []
    assert "proves nothing" in said.reason


def test_person_is_shown_the_candidates_and_not_too_many() -> None:
    rows = [make_listed(n, note=f"{n}", invoiceStatus="正常") for n in range(1, 100)]
    several = Several(tuple(map(Candidate, rows)), count=99)

    said = settle(subject(), several).announcements[0].data

    assert len(said["candidates"]) == MOST_CANDIDATES
    assert said["candidates"][0] == {
        "invoiceNumber": make_listed(1).number,
        "invoiceDate": MOMENT,
        "totalPriceAndTax": Decimal("226.00"),
        "buyerName": "ABC公司",
        "note": "1",
        "invoiceStatus": "正常",
        "differs": [],
    }
    assert "99 invoices" in said["reason"]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (SEVERAL, "2 invoices could be this one, and it cannot be told which"),
        (CONTESTED, "1 invoice could be this one, and another order's as well"),
        (OTHER_TOTAL, "1 invoice could be this one, but for what differs: total"),
        (WEAK, "1 invoice could be this one, but for what differs: remark"),
        (Several((Candidate(make_listed(1)),)), "1 invoice could be this one, but too little of it is told"),
    ],
)
def test_person_is_told_why_evidence_cannot_decide(verdict: Several, reason: str) -> None:
    said = settle(subject(look_ups=9, state=S.CHECKING), verdict).announcements[0].data

    assert reason in said["reason"]
    assert [each["invoiceNumber"] for each in said["candidates"]] == [
        each.invoice.number for each in verdict.candidates
    ]


def test_issued_invoice_whose_number_is_never_found_is_a_warning_and_stays_completed() -> None:
    move = settle(issued(look_ups=1), SEVERAL)

    said = move.announcements[0].data
    Unconfirmed.model_validate({"commandId": "a", "commandSource": "b", "userId": "1111", **said})
    assert (move.to, said["lookUps"]) == (S.COMPLETED, 2)


# ---- a result that was laid aside ----------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
def test_absence_is_never_proven_where_the_gateway_answered_with_a_result(state: CommandState) -> None:
    move = settle(subject(state=state, look_ups=9), Nothing(), strays=(STRAY,))

    said = move.announcements[0].data
    assert (move.to, said["needsPerson"]) == (S.IN_DOUBT, True)
    assert said["candidates"] == [
        {
            "laidAside": "does_not_fit",
            "differs": [],
            "invoiceUrl": "http://pdf.example/1.pdf",
            "buyerName": "ABC公司",
        }
    ]
    assert "proves nothing" in said["reason"]


@pytest.mark.parametrize("data", ["开票成功,发票号码24332000000000000001", {"fphm": "24332000000000000001", "code": 0}])
def test_person_is_told_the_number_that_an_answer_names_which_is_no_result(data: Any) -> None:
    stray = Stray(1, "unreadable", dumps({"type": "invoice_pdf", "sendToId": "1111", "data": data}))

    said = settle(subject(look_ups=9), Nothing(), strays=(stray,)).announcements[0].data

    told = {"laidAside": "unreadable", "differs": [], "invoiceNumber": "24332000000000000001"}
    assert said["candidates"] == [told]


def test_person_is_told_the_address_that_an_answer_names_which_is_no_result() -> None:
    data = {"success": True, "result": {"url": "http://pdf.example/1.pdf"}}
    stray = Stray(1, "unreadable", dumps({"type": "invoice_pdf", "sendToId": "1111", "data": data}))

    said = settle(subject(look_ups=9), Nothing(), strays=(stray,)).announcements[0].data

    assert [each["invoiceUrl"] for each in said["candidates"]] == ["http://pdf.example/1.pdf"]


def test_it_is_waited_for_by_the_whole_schedule_all_the_same() -> None:
    assert not settle(subject(), Nothing(), strays=(STRAY,)).announcements


# ---- looks that were not due ---------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Nothing(), SEVERAL, CONTESTED, WEAK], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("state", [S.COMPLETED, S.IN_DOUBT, S.CHECKING])
def test_look_that_was_not_due_neither_counts_nor_moves(verdict: Verdict, state: CommandState) -> None:
    later = subject(state=state, look_ups=9, sought_at=NOW + timedelta(seconds=1))

    assert not list(endings(Case(later, verdict), LOOKS, NOW))


@pytest.mark.parametrize("state", [S.COMPLETED, S.IN_DOUBT, S.CHECKING])
def test_any_look_may_find(state: CommandState) -> None:
    later = subject(state=state, sought_at=NOW + timedelta(hours=1))

    assert settle(later, FOUND).invoice_number == FOUND.invoice.number


# ---- what differs, and what counts no more -------------------------------------------------------------


def test_what_differs_is_told_with_what_was_found() -> None:
    difference = MemberDifference("buyerName", "ABC公司", "ABC有限责任公司")

    move = settle(subject(), Found(FOUND.invoice, (difference,)))

    for told in move.announcements:
        assert told.data["differs"] == [{"member": "buyerName", "sent": "ABC公司", "listed": "ABC有限责任公司"}]
        assert told.data["invoiceStatus"] == "正常"


@pytest.mark.parametrize("status", ["已红冲-全额", "部分红冲", "已作废", "红字", "Voided", "已被红冲", "紅沖"])
def test_dead_invoice_is_never_simply_the_answer_to_a_doubt(status: str) -> None:
    dead = Found(make_listed(1, invoiceStatus=status))

    move = settle(subject(), dead)

    said = move.announcements[0].data
    assert (move.to, said["needsPerson"], move.invoice_number) == (S.IN_DOUBT, True, None)
    assert said["candidates"][0]["invoiceStatus"] == status


@pytest.mark.parametrize("status", ["0", "2", "异常", "待审核", "storniert"])
def test_invoice_whose_status_nobody_knows_is_looked_at_again_and_then_by_a_person(status: str) -> None:
    unknown = Found(make_listed(1, invoiceStatus=status))

    again, move = settle(subject(look_ups=0), unknown), settle(subject(look_ups=9), unknown)

    assert (again.to, again.announcements, again.sought_at is None) == (S.IN_DOUBT, (), False)
    said = move.announcements[0].data
    assert (move.to, said["needsPerson"], move.invoice_number) == (S.IN_DOUBT, True, None)
    assert "status" in said["reason"]
    assert settle(issued(), unknown).invoice_number == FOUND.invoice.number


@pytest.mark.parametrize("status", ["已红冲-全额", "已作废"])
def test_issued_order_whose_invoice_is_dead_is_confirmed_with_a_warning(status: str) -> None:
    move = settle(
        issued(warnings=dumps([{"code": "check_digit", "message": "", "path": None}])),
        Found(make_listed(1, invoiceStatus=status)),
    )

    said = move.announcements[0].data
    assert (said["invoiceStatus"], [each["code"] for each in said["warnings"]]) == (
        status,
        ["check_digit", "invoice_dead"],
    )


@pytest.mark.parametrize("status", ["正常", "未红冲", "未作废", "非作废", None, "正常（未红冲）", "normal"])
def test_invoice_that_counts_is_told_with_its_status(status: str | None) -> None:
    move = settle(issued(), Found(make_listed(1, invoiceStatus=status)))

    said = move.announcements[0].data
    assert said.get("invoiceStatus") == status
    assert "warnings" not in said


# ---- absence -------------------------------------------------------------------------------------------


def test_absence_proves_nothing_before_the_orders_own_answer_could_not_come_any_more() -> None:
    """A refusal that may have been another order's: the schedule is over, and the invoice may yet be made."""
    absence = replace(REFUSED, not_before=NOW + timedelta(minutes=4), gateway_message="额度不足")
    sought = subject(look_ups=9, state=S.CHECKING, progress=absence.journaled())

    early, late = settle(sought, Nothing()), settle(sought, Nothing(), now=NOW + timedelta(minutes=4))

    assert (early.to, early.announcements, early.sought_at) == (S.CHECKING, (), absence.not_before)
    assert late.to is S.FAILED
    assert late.announcements[0].data["gatewayMessage"] == "额度不足"


def test_a_person_who_decides_is_told_why_the_gateway_refused() -> None:
    sought = subject(look_ups=9, state=S.CHECKING, progress=replace(REFUSED, gateway_message="额度不足").journaled())

    assert settle(sought, SEVERAL).announcements[0].data["gatewayMessage"] == "额度不足"
