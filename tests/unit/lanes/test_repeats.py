"""Commands that name the number of an earlier order: what they are told, and when they take its place."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts.envelope import dumps, loads
from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_command
from tests.lane_fakes import Stage as FakeStage
from tests.unit.lanes.playing import housekeeping, keep_house, later
from tests.virtual_time import in_virtual_time
from worker.flows.announce import Announcement, events_of, failure
from worker.lanes.housekeeping import AT_ONCE
from worker.records import Command, CommandState

S = CommandState
DONE = Announcement(Outcome.COMPLETED, {"invoiceUrl": "http://pdf.example/1.pdf", "reconciled": False})
DATA = {"userId": "1111", "invoice": {"buyerName": "甲", "remark": ""}, "expectedTotal": "10.00"}
QR = Announcement(Outcome.QR_REQUIRED, {"image": "data:", "attempt": 1})
SECRETS = {"/login/password": "s3cret"}


def put(stage: FakeStage, *told: Announcement, follower: dict[str, Any] | None = None, **first: Any) -> Command:
    """A first command that has told these, and another one of the same order that has not looked yet."""
    common = {"order_no": "A-1", "data": dumps(DATA)}
    leader = make_command(key=1, id="first", **common | {"holds_order": True, "submitted_at": MOMENT} | first)
    mine = make_command(
        key=2, id="second", **common | {"state": S.FOLLOWING, "follows": 1, "secrets": SECRETS} | (follower or {})
    )
    events = events_of(replace(leader, last_sequence=0), told, worker="/fapiao-worker", at=MOMENT)
    stage.journal.put(leader)
    stage.journal.tell(leader, *events)
    stage.journal.put(mine)
    stage.journal.follow(mine, leader, "claim")
    return mine


def said(stage: FakeStage) -> list[tuple[str, dict[str, Any]]]:
    """What the second command told: outcome and data."""
    return [(event.type.rpartition(".")[2], loads(event.body)["data"]) for event in stage.journal.events.get(2, [])]


@in_virtual_time
async def test_repeat_gets_the_first_ones_end_under_its_own_id_and_names_the_first() -> None:
    stage = FakeStage()
    put(stage, QR, DONE, state=S.COMPLETED)
    keeper, _ = housekeeping(stage)

    assert await keeper.run_once() == 1

    [(outcome, data)] = said(stage)
    assert (outcome, data["commandId"], data["invoiceUrl"]) == ("completed", "second", "http://pdf.example/1.pdf")
    assert data["repeats"] == {"commandId": "first"}
    assert stage.journal.state_of(2) is S.COMPLETED
    assert stage.hooks.outcomes == [("completed", "")]
    assert stage.commits == 1
    assert await keeper.run_once() == 0


@in_virtual_time
async def test_repeat_that_comes_while_the_first_is_under_way_is_told_the_newest_only() -> None:
    stage = FakeStage()
    put(stage, QR, Announcement(Outcome.IN_DOUBT, {"reason": "lost"}), state=S.IN_DOUBT)

    await keep_house(stage)

    assert [outcome for outcome, _ in said(stage)] == ["in_doubt"]
    assert stage.journal.state_of(2) is S.FOLLOWING
    assert stage.hooks.outcomes == []


@pytest.mark.parametrize(("expected", "matches"), [("10", True), ("10.01", False), (None, None)])
@in_virtual_time
async def test_total_is_compared_with_what_the_repeat_expects(expected: str | None, matches: bool | None) -> None:
    stage = FakeStage()
    confirmed = Announcement(Outcome.CONFIRMED, {"totalPriceAndTax": "10.00", "expectedTotalMatches": True})
    data = {**DATA, "expectedTotal": expected} if expected else {k: v for k, v in DATA.items() if k != "expectedTotal"}
    put(stage, DONE, confirmed, state=S.COMPLETED, follower={"data": dumps(data)})

    await keep_house(stage)

    assert [outcome for outcome, _ in said(stage)] == ["completed", "confirmed"]
    assert said(stage)[1][1]["expectedTotalMatches"] is matches


@in_virtual_time
async def test_other_content_is_refused_as_soon_as_the_number_is_bound() -> None:
    stage = FakeStage()
    other = dumps({**DATA, "invoice": {"buyerName": "乙"}})
    put(stage, state=S.SUBMITTING, follower={"data": other})

    await keep_house(stage)

    [(outcome, data)] = said(stage)
    assert (outcome, data["code"], data["firstCommandId"]) == ("rejected", "order_reused", "first")
    assert data["errors"][0]["path"] == "/orderNo"
    assert "repeats" not in data
    assert stage.journal.state_of(2) is S.REJECTED


@pytest.mark.parametrize("state", [S.WAITING, S.HELD, S.RUNNING])
@in_virtual_time
async def test_it_waits_while_the_first_has_not_submitted(state: CommandState) -> None:
    stage = FakeStage()
    put(stage, state=state, submitted_at=None)

    await keep_house(stage)

    assert [tuple(row) for row in stage.journal.rows("SELECT key, nudges = heeded FROM follower")] == [(2, 1)]
    assert stage.journal.state_of(2) is S.FOLLOWING


@in_virtual_time
async def test_it_takes_the_number_where_the_first_ended_without_a_submission() -> None:
    stage = FakeStage()
    refused = failure(FailureCode.LOGIN_REFUSED, Stage.LOGIN, "no", 1)
    put(stage, refused, state=S.FAILED, submitted_at=None, holds_order=False)
    keeper, freed = housekeeping(stage)

    assert await keeper.run_once() == 1

    assert stage.journal.state_of(2) is S.WAITING
    assert freed == ["freed"]
    assert said(stage) == []


@in_virtual_time
async def test_it_fails_with_the_first_where_that_was_submitted_and_nothing_was_issued() -> None:
    """Both were sent at once for one invoice; whoever wants another try sends it anew."""
    stage = FakeStage()
    put(
        stage,
        failure(FailureCode.ISSUE_REFUSED, Stage.RESULT, "no", 3),
        state=S.FAILED,
        holds_order=False,
    )

    await keep_house(stage)

    assert stage.journal.state_of(2) is S.FAILED
    assert stage.hooks.outcomes == [("failed", "issue_refused")]


@in_virtual_time
async def test_other_content_takes_the_number_that_is_free_by_now() -> None:
    stage = FakeStage()
    put(
        stage,
        failure(FailureCode.ISSUE_REFUSED, Stage.RESULT, "no", 3),
        state=S.FAILED,
        holds_order=False,
        follower={"data": dumps({**DATA, "invoice": {"buyerName": "乙"}})},
    )

    await keep_house(stage)

    assert stage.journal.state_of(2) is S.WAITING


@in_virtual_time
async def test_follower_of_version_1_has_no_password_and_ends_as_its_first() -> None:
    stage = FakeStage()
    refused = failure(FailureCode.LOGIN_REFUSED, Stage.LOGIN, "no", 1)
    put(stage, refused, state=S.FAILED, submitted_at=None, holds_order=False, follower={"secrets": {}})

    await keep_house(stage)

    assert [outcome for outcome, _ in said(stage)] == ["failed"]


@in_virtual_time
async def test_follower_of_another_source_goes_its_own_way() -> None:
    """Version 1 let sources share numbers: nothing of the other's is told."""
    stage = FakeStage()
    put(stage, DONE, state=S.COMPLETED, source="/other")

    await keep_house(stage)

    assert stage.journal.state_of(2) is S.WAITING
    assert said(stage) == []


@in_virtual_time
async def test_number_of_another_source_is_taken_where_all_share_one_count() -> None:
    stage = FakeStage(settings={"order_scope": "seller"})
    put(stage, DONE, state=S.COMPLETED, source="/other")

    await keep_house(stage)

    [(outcome, data)] = said(stage)
    assert (outcome, data["code"]) == ("rejected", "order_taken")
    assert "first" not in str(data)
    assert "/other" not in str(data)
    assert "pdf.example" not in str(data)


@in_virtual_time
async def test_repeat_that_another_replica_answered_meanwhile_gets_no_second_end() -> None:
    """The list of repeats and each of them are read one after the other."""
    stage = FakeStage()
    follower = put(stage, DONE, state=S.COMPLETED)
    stage.journal.delays["followers"] = 2
    later(1, lambda: stage.journal.put(replace(follower, state=S.COMPLETED, last_sequence=1)))

    assert await keep_house(stage) == 0

    assert stage.journal.outcomes_of(2) == []


@in_virtual_time
async def test_what_follows_the_end_is_told_after_it() -> None:
    stage = FakeStage()
    unconfirmed = Announcement(Outcome.UNCONFIRMED, {"message": "m", "lookUps": 3})
    follower = put(stage, DONE, unconfirmed, state=S.COMPLETED)
    stage.journal.put(replace(follower, state=S.COMPLETED, last_sequence=1))
    stage.journal.rows("UPDATE follower SET heard = 1")

    await keep_house(stage)

    assert [outcome for outcome, _ in said(stage)] == ["unconfirmed"]
    assert stage.journal.state_of(2) is S.COMPLETED
    assert stage.hooks.outcomes == []


@in_virtual_time
async def test_followers_that_break_at_every_look_hold_up_no_other_and_do_not_fill_the_log() -> None:
    stage = FakeStage()
    put(stage, DONE, state=S.COMPLETED)
    first = stage.journal.commands[1]
    for key in range(-AT_ONCE, 0):  # before the good one
        spoiled = make_command(key=key, id=f"c-{key}", order_no="A-1", data=b"[]", state=S.FOLLOWING, follows=1)
        stage.journal.put(spoiled)
        stage.journal.follow(spoiled, first, f"claim-{key}")
    keeper, _ = housekeeping(stage)

    with capture_logs() as logs:
        moved = [await keeper.run_once() for _ in range(8)]

    assert stage.journal.state_of(2) is S.COMPLETED
    assert sum(moved) == 1
    told = [entry["breaks"] for entry in logs if entry["event"] == "repeat_broke"]
    assert sorted(told) == sorted([1, 2, 4, 8] * AT_ONCE)
