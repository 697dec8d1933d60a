"""A result that is no answer to the command in hand: whose it is, and that nothing is settled where that is open."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import change_result, make_command, make_data, make_invoice, make_result
from tests.lane_fakes import After, Answer, FakeCredentials, Script
from tests.unit.flows.submissions import make_submitted
from tests.unit.lanes.playing import LONG_LEASE, Played, later, now
from tests.virtual_time import EPOCH, in_virtual_time
from worker.flows.evidence.endings import issued, submitted_invoice
from worker.flows.vocabulary import Settle
from worker.lanes.housekeeping import Settling
from worker.lanes.runner import LaneRunner
from worker.lanes.runs.order import read_order
from worker.lanes.services import InvoiceAddresses
from worker.ports import FrameIgnored, QrRefused, ResultRefused
from worker.records import Command, CommandState

S = CommandState
ACCOUNT = read_order(make_command(), FakeCredentials()).access.account
ANOTHER = "91330701MA2DFB848X"
"""Another buyer's tax id."""
STRANGE = make_invoice(buyerIndentification=ANOTHER)
LATE_ORDER = make_invoice(remark="1")
ORDER = make_invoice(remark="2")
LATE = make_result(LATE_ORDER, invoice_url="http://pdf.example/late.pdf")
RESULT = make_result(ORDER, invoice_url="http://pdf.example/own.pdf")
UNTOLD = make_result({**ORDER, "remark": ""}, invoice_url="http://pdf.example/untold.pdf")
"""It does not say which remark it has, so it could be of either order."""
UNTOLD_BY_ANYBODY = change_result(
    UNTOLD, invoice={name: value for name, value in UNTOLD.invoice.items() if name != "remark"}
)


def doubtful(key: int = 1, **fields: Any) -> Command:
    """Submitted before, and nobody knows what became of it."""
    return make_submitted(key, **{"invoice": LATE_ORDER, "sought_at": None, "epoch": 0, **fields})


def waiting(key: int = 2, invoice: dict[str, Any] | None = None, **fields: Any) -> Command:
    data = make_data(invoice=invoice or ORDER)
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0, data=data, fingerprint=f"order {key}", **fields)


def issuing(*answers: Answer, **settings: Any) -> Played:
    return Played(Script(submissions=[answers]), settings={**LONG_LEASE, "session_idle_seconds": 0, **settings})


def strays(played: Played) -> list[tuple[int | None, str]]:
    return [(key, reason) for key, reason, _ in played.journal.strays]


# ---- during another command ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
@in_virtual_time
async def test_late_result_settles_the_submission_before_and_the_command_in_hand_goes_on(state: CommandState) -> None:
    played = issuing(LATE, After(5, RESULT), confirm=True)

    await played.serve(doubtful(state=state), waiting())

    assert [played.journal.state_of(key) for key in (1, 2)] == [S.COMPLETED] * 2
    assert played.completed(1)["reconciled"] is False
    assert played.completed(1)["invoiceUrl"] == LATE.invoice_url
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url
    assert played.journal.commands[1].sought_at == EPOCH + timedelta(seconds=60)
    assert not played.journal.strays
    played.check()


@pytest.mark.parametrize("refusal", [ResultRefused(), QrRefused()], ids=type)
@in_virtual_time
async def test_refusal_that_could_be_of_a_command_in_doubt_counts_for_none(refusal: Answer) -> None:
    """It says nothing of what it refuses, and the command in hand may still be scanned and issued."""
    played = issuing(refusal, After(60, RESULT))

    await played.serve(doubtful(sought_at=EPOCH + timedelta(hours=1)), waiting())

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url
    assert "refusal_of_several" in played.stage.hooks.ignored


@pytest.mark.parametrize(
    "before", [doubtful(), doubtful(state=S.CHECKING, sought_at=EPOCH + timedelta(hours=1))], ids=["over", "answered"]
)
@in_virtual_time
async def test_refusal_counts_where_nothing_before_it_can_still_be_refused(before: Command) -> None:
    """The search for the one is over, or the one had its answer."""
    played = issuing(ResultRefused())

    await played.serve(before, waiting())

    assert played.failure(2)["code"] == FailureCode.ISSUE_REFUSED


@in_virtual_time
async def test_its_number_is_sought_by_the_whole_schedule_however_often_it_was_looked_for_before() -> None:
    played = issuing(LATE, RESULT, confirm=True)

    await played.serve(doubtful(look_ups=5), waiting())

    assert played.journal.state_of(1) is S.COMPLETED
    assert played.journal.commands[1].look_ups == 0


@in_virtual_time
async def test_late_draft_is_no_invoice() -> None:
    played = issuing(change_result(LATE, is_draft=True), RESULT)

    await played.serve(doubtful(), waiting())

    assert played.failure(1)["code"] == FailureCode.SAVED_AS_DRAFT
    assert played.journal.state_of(2) is S.COMPLETED


@in_virtual_time
async def test_result_that_could_be_of_both_is_kept_and_settles_neither() -> None:
    played = issuing(UNTOLD, After(5, RESULT))
    untold = {name: value for name, value in UNTOLD.invoice.items() if name != "remark"}
    played.gateway.scripts[0].submissions = [[change_result(UNTOLD, invoice=untold), After(5, RESULT)]]

    await played.serve(doubtful(), waiting())

    assert strays(played) == [(1, "fits_several"), (2, "fits_several")]
    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url


@in_virtual_time
async def test_result_that_could_be_of_two_in_doubt_settles_neither() -> None:
    other = make_invoice(remark="3")
    untold = {name: value for name, value in LATE.invoice.items() if name != "remark"}
    played = issuing(change_result(LATE, invoice=untold), After(5, make_result(STRANGE)))
    command = waiting(3, STRANGE)

    await played.serve(doubtful(1), doubtful(2, invoice=other), command)

    assert strays(played) == [(key, "fits_several") for key in (1, 2, 3)]
    assert [played.journal.state_of(key) for key in (1, 2, 3)] == [S.IN_DOUBT, S.IN_DOUBT, S.COMPLETED]


@in_virtual_time
async def test_result_of_nobody_is_kept() -> None:
    strange = make_result(STRANGE)
    played = issuing(strange, After(5, RESULT))

    await played.serve(doubtful(), waiting())

    assert strays(played) == [(2, "does_not_fit")]
    assert loads(played.journal.strays[0][2])["buyerIndentification"] == ANOTHER
    assert played.journal.state_of(1) is S.IN_DOUBT


@in_virtual_time
async def test_late_result_does_not_prolong_the_wait() -> None:
    played = issuing(After(100, LATE))

    await played.serve(doubtful(), waiting())

    assert now() == pytest.approx(120, abs=1)
    assert [played.journal.state_of(key) for key in (1, 2)] == [S.COMPLETED, S.IN_DOUBT]


@in_virtual_time
async def test_result_that_settled_one_before_settles_no_other() -> None:
    """It is said twice, and says too little: the second time it would fit another in doubt."""
    again = change_result(UNTOLD, invoice_url=RESULT.invoice_url)
    played = issuing(RESULT)
    await played.serve(waiting(2))
    played.gateway.scripts = [Script(submissions=[[again, After(5, make_result(STRANGE))]])]

    await played.serve(doubtful(1), waiting(3, STRANGE))

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert strays(played) == [(3, "repeated")]


@in_virtual_time
async def test_result_that_leaves_out_the_remark_and_settled_one_before_settles_no_order_without_a_remark() -> None:
    """It is said twice, and nothing but its address tells the two orders apart."""
    again = change_result(UNTOLD, invoice_url=RESULT.invoice_url)
    played = issuing(again)
    await played.serve(waiting(1))
    played.gateway.scripts = [Script(submissions=[[again]])]

    await played.serve(waiting(2, {**ORDER, "remark": ""}))

    assert [played.journal.state_of(key) for key in (1, 2)] == [S.COMPLETED, S.IN_DOUBT]
    assert strays(played) == [(2, "repeated")]


@in_virtual_time
async def test_late_result_of_what_a_look_up_found_settles_no_like_order() -> None:
    """It says too little, and where the invoice is the look-up knows too."""
    played = issuing(UNTOLD_BY_ANYBODY)
    found = issued(LATE_ORDER, UNTOLD_BY_ANYBODY.invoice_url, reconciled=True)
    services = played.stage.services
    claim = await played.stage.claim(doubtful(1, fingerprint="late"), waiting(2))
    move = Settle(played.journal.commands[1], S.COMPLETED, (found,), has_looked=True)
    assert await Settling(services, "look_up").settle(move, point="settled")
    assert services.addresses.is_known(UNTOLD_BY_ANYBODY.invoice_url)

    await LaneRunner(services, claim).serve()

    assert played.journal.state_of(2) is S.IN_DOUBT
    assert strays(played) == [(2, "repeated")]


@pytest.mark.parametrize("has_other", [False, True])
@pytest.mark.parametrize("address", [None, "https://files.example/1.pdf"])
@pytest.mark.parametrize("by", ["this worker", "another"])
@in_virtual_time
async def test_late_result_of_what_a_look_up_found_by_another_address_settles_no_like_order(
    has_other: bool, address: str | None, by: str
) -> None:
    """Its own result comes as well: which of the two is which, nobody knows, and a look-up finds its invoice. Where its
    file is, the list of files tells; nothing says that a result tells the same place."""
    played = issuing(UNTOLD_BY_ANYBODY, After(5, RESULT))
    services, strange = played.stage.services, doubtful(3, invoice=STRANGE, fingerprint="strange")
    late = doubtful(1, fingerprint="late", submitted_at=EPOCH)
    claim = await played.stage.claim(late, waiting(2), *([strange] if has_other else []))
    move = Settle(late, S.COMPLETED, (issued(submitted_invoice(late, "1" * 20), address, reconciled=True),))
    assert await Settling(services, "look_up").settle(move, point="settled")
    if by == "another":
        services.addresses = InvoiceAddresses()

    await LaneRunner(services, claim).serve()

    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url
    assert strays(played) == [(2, "fits_several")]
    assert not has_other or played.journal.state_of(3) is S.IN_DOUBT


@in_virtual_time
async def test_late_result_of_what_a_look_up_found_is_not_waited_for_for_ever() -> None:
    played = issuing(UNTOLD_BY_ANYBODY)
    services = played.stage.services
    late = doubtful(1, fingerprint="late", submitted_at=EPOCH - services.timing.longest_answer)
    claim = await played.stage.claim(late, waiting(2))
    move = Settle(late, S.COMPLETED, (issued(submitted_invoice(late, "1" * 20), None, reconciled=True),))
    assert await Settling(services, "look_up").settle(move, point="settled")

    await LaneRunner(services, claim).serve()

    assert played.journal.state_of(2) is S.COMPLETED


@in_virtual_time
async def test_late_result_said_twice_does_not_settle_the_twin_that_waited_for_it() -> None:
    """The twin was held back until the late result; the same again is no answer to it."""
    twin = doubtful(1, fingerprint="alike")
    played = issuing(LATE, After(1, RESULT))
    await played.serve(twin, waiting(2))
    assert played.journal.state_of(1) is S.COMPLETED

    played.gateway.scripts = [Script(submissions=[[LATE]])]
    await played.serve(replace(waiting(3, LATE_ORDER), fingerprint="alike"))

    assert played.journal.state_of(3) is S.IN_DOUBT
    assert strays(played) == [(3, "repeated")]


@in_virtual_time
async def test_result_that_was_one_of_twos_is_not_the_others_when_one_of_them_was_found() -> None:
    """It says too little. A look-up finds the invoice of the one; said again, the result would fit the other alone."""
    played = issuing(UNTOLD_BY_ANYBODY)
    await played.serve(doubtful(1), waiting(2))
    assert strays(played) == [(1, "fits_several"), (2, "fits_several")]
    played.journal.rows("UPDATE command SET state = 'completed', secrets = NULL WHERE key = 2")
    played.gateway.scripts = [Script(submissions=[[UNTOLD_BY_ANYBODY, After(5, make_result(STRANGE))]])]

    await played.serve(waiting(3, STRANGE))

    assert [played.journal.state_of(key) for key in (1, 3)] == [S.IN_DOUBT, S.COMPLETED]


@in_virtual_time
async def test_result_that_was_one_of_twos_is_not_the_one_in_hand_when_the_other_was_settled() -> None:
    played = issuing(UNTOLD_BY_ANYBODY, After(20, UNTOLD_BY_ANYBODY))
    later(10, lambda: played.journal.rows("UPDATE command SET state = 'completed' WHERE key = 1"))

    await played.serve(doubtful(1), waiting(2))

    assert played.journal.state_of(2) is S.IN_DOUBT
    assert strays(played) == [(1, "fits_several"), (2, "fits_several"), (2, "fits_several")]


@in_virtual_time
async def test_result_that_was_one_of_twos_is_not_that_of_an_order_behind_them() -> None:
    """Both were found by what is listed. Said again, the result would fit whatever like order is in hand, or in doubt,
    by then."""
    played = issuing(UNTOLD_BY_ANYBODY)
    await played.serve(doubtful(1), waiting(2))
    played.journal.rows("UPDATE command SET state = 'completed', secrets = NULL, sought_at = NULL WHERE key < 3")
    played.gateway.scripts = [Script(submissions=[[UNTOLD_BY_ANYBODY]])]
    await played.serve(waiting(3, make_invoice(remark="3")))
    played.gateway.scripts = [Script(submissions=[[UNTOLD_BY_ANYBODY, After(5, make_result(STRANGE))]])]

    await played.serve(waiting(4, STRANGE))

    assert [played.journal.state_of(key) for key in (3, 4)] == [S.IN_DOUBT, S.COMPLETED]
    assert strays(played)[2:] == [(3, "repeated"), (4, "repeated")]


@in_virtual_time
async def test_answer_that_names_an_invoice_may_be_of_any_that_is_unsettled() -> None:
    """It is no result, so nothing of it says whose it is: absence of none of these is proven."""
    played = issuing(FrameIgnored("unreadable", b"{}"), After(5, RESULT))

    await played.serve(doubtful(1), waiting(2))

    assert strays(played) == [(2, "unreadable"), (1, "unreadable")]
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url


@in_virtual_time
async def test_doubt_that_follows_such_an_answer_says_that_there_was_one() -> None:
    played = issuing(FrameIgnored("unreadable", b"{}"))

    await played.serve(waiting(2))

    assert "it was kept for a person" in loads(played.journal.events[2][-1].body)["data"]["reason"]


@in_virtual_time
async def test_refusal_that_names_an_invoice_is_kept_beside_its_reason() -> None:
    played = issuing(ResultRefused("PDF生成失败", leaves_open=True, evidence="{}"))

    await played.serve(waiting(2))

    assert strays(played) == [(2, "unreadable")]
    assert loads(played.journal.events[2][-1].body)["data"]["gatewayMessage"] == "PDF生成失败"


# ---- while the store is away ---------------------------------------------------------------------------


@in_virtual_time
async def test_result_that_may_be_of_another_is_not_taken_while_nobody_can_tell() -> None:
    """The store does not say who is in doubt: that is waited for, for a result that fits both is neither's."""
    played = issuing(After(1, UNTOLD), After(60, RESULT), poll_seconds=1)
    later(0.5, lambda: played.journal.down.add("unsettled"))
    later(20, played.journal.down.clear)

    await played.serve(doubtful(), waiting())

    assert strays(played) == [(1, "fits_several"), (2, "fits_several")]
    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url


@in_virtual_time
async def test_late_result_that_cannot_be_settled_is_kept() -> None:
    played = issuing(LATE, After(5, RESULT))
    played.journal.down.add("settle")

    await played.serve(doubtful(), waiting())

    assert strays(played) == [(1, "does_not_fit")]
    assert [played.journal.state_of(key) for key in (1, 2)] == [S.IN_DOUBT, S.COMPLETED]


@in_virtual_time
async def test_a_lane_that_nobody_held_before_is_not_asked_for_what_came_before() -> None:
    """Every user is new once: two questions less. The next holder asks."""
    played = issuing(RESULT)
    await played.serve(waiting())

    assert not played.journal.calls["last_results"] + played.journal.calls["unsettled"]

    played.gateway.scripts = [Script(submissions=[[change_result(RESULT, invoice_url="http://pdf.example/3.pdf")]])]
    await played.serve(waiting(3))
    assert played.journal.calls["last_results"] == played.journal.calls["unsettled"] == 1
