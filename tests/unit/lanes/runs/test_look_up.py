"""Schedules for what was submitted, on their lane: one question for all, an end by evidence, and nothing by chance."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.failures import FailureCode
from tests.builders import make_command, make_found, make_invoice, make_item, make_page, make_result
from tests.lane_fakes import After, FakeCredentials, Script
from tests.unit.flows.submissions import make_submitted
from tests.unit.lanes.playing import DONE, LONG_LEASE, Played, later, now
from tests.virtual_time import EPOCH, in_virtual_time
from worker.flows.looks import EXPIRED
from worker.lanes.runs.order import read_order
from worker.ports import Disconnected, DownloadTold, ResultRefused
from worker.records import LOOK_UP, Command, CommandState

S = CommandState
ACCOUNT = read_order(make_command(), FakeCredentials()).access.account
LOOKING: dict[str, Any] = {
    "confirm": True,
    "confirm_delay_seconds": 60,
    "confirm_schedule": (timedelta(minutes=2),),
    "reconcile_schedule": (timedelta(seconds=30), timedelta(minutes=2)),
    "refusal_schedule": (timedelta(seconds=15), timedelta(seconds=60)),
    "session_idle_seconds": 0,
    **LONG_LEASE,
}


def sought(key: int = 1, *, remark: str = "", **fields: Any) -> Command:
    """In doubt since the beginning of time, and due."""
    invoice = make_invoice(remark=remark)
    return make_submitted(key, invoice=invoice, **{"account": ACCOUNT, "epoch": 0, **fields})


def issued(key: int, **fields: Any) -> Command:
    return sought(key, state=S.COMPLETED, remark=str(key), last_sequence=0, **fields)


def listing(*invoices: dict[str, Any], **fields: Any) -> Script:
    return Script(pages=[[make_page(*invoices, **fields)]])


def looking(*scripts: Script, **fields: Any) -> Played:
    return Played(*scripts, settings=LOOKING, **fields)


FOUND = make_found(1)
NUMBER = FOUND["countETicketNumbers"]


# ---- what is found -------------------------------------------------------------------------------------


@in_virtual_time
async def test_hundred_issued_invoices_are_confirmed_by_one_question() -> None:
    rows = [make_found(key, note=str(key)) for key in range(1, 101)]
    played = looking(listing(*rows))
    played.lay_out(100)

    await played.serve(*(issued(key) for key in range(1, 101)))

    assert len(played.gateway.queries) == 1
    assert played.acts.count("look up files") == 1
    commands = played.journal.commands
    for key in range(1, 101):
        command = commands[key]
        assert (command.invoice_number, command.sought_at) == (rows[key - 1]["countETicketNumbers"], None)
        (said,) = played.said("confirmed", key)
        assert len(said["files"]) == 3
        assert not command.secrets
    assert played.stage.hooks.verdicts == ["found"] * 100
    assert not [command for command in played.journal.commands.values() if command.type == LOOK_UP]


@in_virtual_time
async def test_day_of_a_retail_seller_is_found_whole() -> None:
    """Two thousand open numbers, all of 个人 and without a remark; their totals differ. A look takes a thousand."""
    count, every = 2000, 20
    times = {key: EPOCH + timedelta(seconds=every * key) for key in range(1, count + 1)}
    rows = [
        make_found(
            key,
            buyerName="个人",
            buyerIdentificationNumber=None,
            note=None,
            totalAmount=Decimal(100 + key),
            totalTax=None,
            totalPriceAndTax=Decimal(100 + key) * Decimal("1.13"),
            invoiceDate=at + timedelta(seconds=5),
        )
        for key, at in times.items()
    ]
    pages = [[make_page(*rows[at : at + 100], total=count, has_next=at + 100 < count)] for at in range(0, count, 100)]
    played = looking(Script(pages=pages), Script(pages=pages))
    await asyncio.sleep(every * count + 100)

    await played.serve(*(_retail(key, at) for key, at in times.items()))

    commands = played.journal.commands
    found = {key: commands[key].invoice_number for key in times}
    assert found == {key: row["countETicketNumbers"] for key, row in zip(times, rows, strict=True)}


def _retail(key: int, at: datetime) -> Command:
    invoice = make_invoice(
        buyerName="个人",
        buyerIndentification="",
        buyerType=1,
        invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal(100 + key))],
    )
    times: dict[str, Any] = {"submitted_at": at, "settled_at": at + timedelta(seconds=10), "sought_at": at}
    return make_submitted(key, invoice=invoice, account=ACCOUNT, epoch=0, state=S.COMPLETED, last_sequence=0, **times)


@in_virtual_time
async def test_invoice_in_doubt_that_is_listed_is_completed_and_confirmed() -> None:
    played = looking(listing(FOUND, make_found(2, buyerName="other")))
    played.lay_out(1)

    await played.serve(sought())

    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
    assert played.completed()["reconciled"] is True
    assert played.completed()["invoiceUrl"].endswith(".pdf")
    assert ("1111", NUMBER) in map(tuple, played.journal.rows("SELECT user_id, number FROM invoice"))
    assert ("completed", "") in played.stage.hooks.outcomes
    played.check()


@in_virtual_time
async def test_invoice_that_is_never_listed_is_not_issued_at_the_end_of_the_schedule() -> None:
    played = looking(listing())

    await played.serve(sought(sought_at=EPOCH + timedelta(seconds=30)), until=300)

    assert len(played.gateway.queries) == 2
    assert played.failure()["code"] == FailureCode.NOT_ISSUED
    assert played.stage.hooks.verdicts == ["again", "absent"]
    played.check()


@in_virtual_time
async def test_absence_is_told_in_the_words_of_the_doubt() -> None:
    played = looking(listing())

    await played.serve(sought(look_ups=1, progress=EXPIRED.journaled()))

    assert played.failure()["code"] == FailureCode.QR_EXPIRED


@in_virtual_time
async def test_several_candidates_are_left_to_a_person_and_looked_for_no_more() -> None:
    played = looking(listing(make_found(1), make_found(2)))

    await played.serve(sought(), until=300)

    (said,) = played.said("in_doubt")
    assert said["needsPerson"] is True
    assert len(said["candidates"]) == 2
    assert len(played.gateway.queries) == 1
    assert played.journal.commands[1].sought_at is None


@in_virtual_time
async def test_refusal_is_reported_when_two_looks_found_nothing() -> None:
    played = looking(listing())
    refused = sought(state=S.CHECKING, progress=b'{"code":"issue_refused","stage":"result","message":"refused"}')

    await played.serve(refused, until=100)

    assert played.failure()["code"] == FailureCode.ISSUE_REFUSED
    assert played.journal.outcomes_of(1) == ["failed"]
    assert now() >= 60


@pytest.mark.parametrize("answer", [ResultRefused(), Disconnected("reset")], ids=["refused", "in doubt"])
@in_virtual_time
async def test_end_tells_how_often_the_order_was_begun(answer: Any) -> None:
    played = looking(Script(submissions=[[answer]]), listing())
    order = make_command(state=S.WAITING, epoch=0, attempts=2, seller="91330701MA2M37T86L")

    await played.serve(order, until=300)

    assert played.failure()["attempts"] == 3


@in_virtual_time
async def test_number_that_was_bound_meanwhile_is_nobody_elses() -> None:
    """Another command took it between the question and the settlement: the next look sees that."""
    played = looking(listing(FOUND))
    other = make_command(key=2, state=S.COMPLETED, invoice_number=None, epoch=0)
    later(2, lambda: played.journal.put(replace(other, invoice_number=NUMBER)))
    played.details.seconds = 5

    await played.serve(sought(), other, until=10)

    assert played.stage.hooks.verdicts[0] == "bound"
    assert played.journal.commands[1].invoice_number is None
    assert played.journal.state_of(1) is S.IN_DOUBT
    assert not played.journal.outcomes_of(1)


@in_virtual_time
async def test_command_that_a_person_resolved_meanwhile_is_left_as_it_is() -> None:
    played = looking(listing(FOUND))
    played.details.seconds = 5

    def resolve() -> None:
        resolved = replace(played.journal.commands[1], state=S.FAILED, last_sequence=1, sought_at=None)
        played.journal.put(resolved)

    later(2, resolve)
    await played.serve(sought())

    assert played.journal.state_of(1) is S.FAILED
    assert not played.journal.outcomes_of(1)


@in_virtual_time
async def test_look_goes_after_what_is_issued_and_on_a_session_of_its_own() -> None:
    played = looking(Script(submissions=[[make_result()]], pages=[[make_page(FOUND)]]))
    waiting = make_command(key=2, state=S.WAITING, epoch=0, attempts=0)

    await played.serve(sought(remark="other"), waiting)

    acts = [act for act in played.acts if act.startswith(("connect", "submit", "query"))]
    assert acts == ["connect", "submit", "connect query", "query page 1"]
    played.check()


@pytest.mark.parametrize(
    "other",
    [
        {"lane": "2222", "state": S.COMPLETED},
        {"lane": "2222", "state": S.SCANNING},
        {"account": "another", "state": S.CHECKING},
        {"fingerprint": None, "state": S.COMPLETED},
    ],
    ids=["nobody confirms it", "still under way elsewhere", "another account", "given up"],
)
@in_virtual_time
async def test_invoice_that_an_order_could_claim_which_is_not_sought_is_not_the_doubts(other: dict[str, Any]) -> None:
    """There is one invoice for two alike orders, and this look is about one of them."""
    played = looking(listing(FOUND))
    rival = sought(2, sought_at=None, last_sequence=0, **other)
    played.journal.put(rival)
    before = played.journal.commands[2]

    await played.serve(sought(look_ups=1))

    (said,) = played.said("in_doubt")
    assert said["needsPerson"] is True
    assert [each["invoiceNumber"] for each in said["candidates"]] == [NUMBER]
    assert played.journal.commands[2] == before


@in_virtual_time
async def test_rivals_are_read_only_where_something_is_listed() -> None:
    """And after the list, or one that was issued meanwhile would be missed."""
    played = looking(listing())
    await played.serve(sought())
    assert played.journal.calls["rivals"] + played.journal.calls["rivals_by_clues"] == 0

    played = looking(Script(pages=[[After(3, make_page(FOUND))]]))
    rival = sought(2, sought_at=None, lane="2222", state=S.COMPLETED, submitted_at=EPOCH + timedelta(seconds=1))
    later(1, lambda: played.journal.put(rival))
    await played.serve(sought())
    assert played.journal.commands[1].invoice_number is None


@in_virtual_time
async def test_list_that_stays_cut_is_read_twice_more_before_a_person_is_asked() -> None:
    played = looking(listing(total=1))

    await played.serve(sought(sought_at=EPOCH + timedelta(seconds=30)), until=600)

    assert len(played.gateway.queries) == 4
    assert played.stage.hooks.verdicts == ["again"] * 3 + ["person"]
    assert played.said("in_doubt")[0]["needsPerson"] is True
    assert now() >= 30 + 3 * 120


# ---- the files of what is found ------------------------------------------------------------------------


@pytest.mark.parametrize("notice", [DONE, DownloadTold(ok=False, date="2024-04-12 10:10:10")], ids=["done", "failed"])
@in_virtual_time
async def test_files_are_fetched_at_once_when_the_download_notice_comes(notice: DownloadTold) -> None:
    played = looking(Script(pages=[[make_page(FOUND), After(3, notice)]]))
    later(2.9, lambda: played.lay_out(1))

    await played.serve(sought())

    assert now() == pytest.approx(3, abs=0.5)
    assert len(played.said("confirmed")[0]["files"]) == 3
    assert played.acts.count("look up files") == 1


@in_virtual_time
async def test_lane_does_not_wait_for_files_that_take_for_ever() -> None:
    """Each answer takes ten minutes; orders of this lane would wait, for three of them."""
    played = looking(Script(pages=[[make_page(FOUND), DONE]]))
    played.details.seconds = 600

    await played.serve(sought())

    assert played.acts.count("look up files") == 1
    assert now() < 2 * played.stage.services.settings.http_timeout_seconds + 5
    assert played.said("confirmed")[0]["files"] == []
    assert played.completed()["invoiceUrl"] is None


@in_virtual_time
async def test_notice_that_never_comes_is_not_waited_for_long() -> None:
    played = looking(listing(FOUND))
    played.lay_out(1)

    await played.serve(sought())

    assert now() == pytest.approx(5, abs=0.5)
    assert len(played.said("confirmed")[0]["files"]) == 3


@pytest.mark.parametrize(("ready_at", "files"), [(1, 3), (11, 3), (13, 0)])
@in_virtual_time
async def test_files_that_are_late_are_asked_for_again_and_the_lane_is_held_no_longer(
    ready_at: float, files: int
) -> None:
    played = looking(Script(pages=[[make_page(FOUND), DONE]]))
    later(ready_at, lambda: played.lay_out(1))

    await played.serve(sought())

    assert len(played.said("confirmed")[0]["files"]) == files
    assert played.completed()["invoiceUrl"] == (played.said("confirmed")[0]["files"][0]["url"] if files else None)
    assert now() <= 13


@in_virtual_time
async def test_session_that_is_lost_while_files_are_waited_for_ends_the_wait() -> None:
    played = looking(Script(pages=[[make_page(FOUND), DONE, After(4, Disconnected("reset"))]]))
    later(3.9, lambda: played.lay_out(1))

    await played.serve(sought())

    assert now() == pytest.approx(4, abs=0.5)
    assert len(played.said("confirmed")[0]["files"]) == 3
    assert not played.gateway.open_sessions
