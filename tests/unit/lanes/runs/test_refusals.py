"""A seller whose orders are refused in a row rests: one order tries, the others wait, until one is issued."""

from datetime import timedelta
from typing import Any

from tests.builders import make_command, make_data, make_invoice, make_result
from tests.lane_fakes import Script
from tests.unit.lanes.playing import LONG_LEASE, Played
from tests.virtual_time import EPOCH, in_virtual_time
from worker.ports import QrRefused, ResultRefused, ResultShown
from worker.records import Command, CommandState, SellerState

S = CommandState
SELLER = "91330701MA2M37T86L"
REFUSED = ResultRefused("授信额度不足")
RESTING = SellerState(3, EPOCH + timedelta(minutes=10))


def waiting(key: int, **fields: Any) -> Command:
    data = make_data(invoice=make_invoice(remark=str(key)))
    defaults = {"state": S.WAITING, "epoch": 0, "attempts": 0, "fingerprint": f"order {key}", "seller": SELLER}
    return make_command(key=key, data=data, **{**defaults, **fields})


def playing(*answers: Any, **settings: Any) -> Played:
    """Each refusal ends its session; what is issued leaves it open for the next order."""
    scripts, submissions = [], []
    for answer in answers:
        submissions.append([answer])
        if not isinstance(answer, ResultShown):
            scripts.append(Script(submissions=submissions))
            submissions = []
    scripts += [Script(submissions=submissions)] if submissions else []
    looks = {"refusal_schedule": (timedelta(hours=1),)}
    return Played(*scripts, settings={**LONG_LEASE, "session_idle_seconds": 0, **looks, **settings})


def states(played: Played, count: int) -> list[CommandState]:
    return [played.journal.state_of(key) for key in range(1, count + 1)]


def key_of(played: Played) -> tuple[str, str]:
    return played.journal.commands[1].source, SELLER


@in_virtual_time
async def test_after_three_refusals_in_a_row_the_others_are_held_and_nobody_logs_in_for_them() -> None:
    played = playing(REFUSED, QrRefused("请重新登录"), REFUSED)

    await played.serve(*(waiting(key) for key in range(1, 9)))

    assert states(played, 8) == [S.CHECKING] * 3 + [S.HELD] * 5
    assert played.acts.count("login") == 3
    assert played.journal.sellers[key_of(played)].refusals == 3


@in_virtual_time
async def test_only_the_one_that_tries_is_submitted_and_its_success_frees_the_others() -> None:
    played = playing(make_result(make_invoice(remark="1")), make_result(make_invoice(remark="2")))
    first, second = waiting(1), waiting(2)
    played.journal.rest(first.source, SELLER, SellerState(3, EPOCH + timedelta(minutes=10), trier=1))

    await played.serve(first, second)

    assert states(played, 2) == [S.COMPLETED] * 2
    assert not played.journal.sellers


@in_virtual_time
async def test_a_worker_that_knows_nothing_of_the_rest_asks_the_journal() -> None:
    played = playing()
    played.journal.rest("tests", SELLER, RESTING)
    command = waiting(1)
    played.journal.rest(command.source, SELLER, RESTING)

    await played.serve(command)

    assert states(played, 1) == [S.HELD]
    assert "login" not in played.acts


@in_virtual_time
async def test_the_deadline_of_an_order_counts_before_its_sellers_rest() -> None:
    played = playing()
    command = waiting(1, deadline_at=EPOCH)
    played.journal.rest(command.source, SELLER, RESTING)

    await played.serve(command)

    assert states(played, 1) == [S.FAILED]


@in_virtual_time
async def test_a_threshold_of_zero_turns_it_off() -> None:
    played = playing(REFUSED, REFUSED, REFUSED, REFUSED, refusals_in_row=0)

    await played.serve(*(waiting(key) for key in range(1, 5)))

    assert states(played, 4) == [S.CHECKING] * 4
    assert not played.journal.calls["count_refusal"]
    assert not played.journal.calls["seller"]


@in_virtual_time
async def test_an_order_that_is_issued_forgets_the_refusals_before_it() -> None:
    played = playing(REFUSED, REFUSED, make_result(make_invoice(remark="3")), REFUSED)

    await played.serve(*(waiting(key) for key in range(1, 5)))

    assert states(played, 4) == [S.CHECKING, S.CHECKING, S.COMPLETED, S.CHECKING]
    assert played.journal.sellers[key_of(played)].refusals == 1
