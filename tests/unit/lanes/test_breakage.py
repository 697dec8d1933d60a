"""One odd command harms nobody else: what breaks is counted, set aside after three times, and the lane goes on."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts.envelope import dumps, loads
from contracts.failures import FailureCode
from tests.builders import make_command, make_data, make_question
from tests.lane_fakes import FakeCredentials, FakeSession, Script, Stage, make_login_fields
from tests.unit.lanes.scheduling import ISSUES, at_work
from tests.virtual_time import EPOCH, in_virtual_time
from worker.lanes.runner import MOST_BREAKS
from worker.ports import Submission
from worker.records import LOOK_UP, Command, CommandState, SecretsFault

S = CommandState


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Tracebacks are written for people, and take their time."""
    with capture_logs():
        yield


def waiting(key: int, **fields: Any) -> Command:
    return make_command(**{"key": key, "state": S.WAITING, "epoch": 0, "attempts": 0, "lane": "user", **fields})


@in_virtual_time
async def test_command_whose_run_breaks_three_times_fails_and_what_is_behind_it_goes_on() -> None:
    stage = Stage(scripts=[ISSUES])
    question = dumps(make_question(condition={"queryType": 0, "startInvoiceDate": "no day", "endInvoiceDate": "none"}))
    odd = waiting(1, type="invoice.query", data=question, fingerprint=None)

    async with at_work(stage):
        stage.journal.add(odd)
        await asyncio.sleep(0.1)
        stage.journal.add(
            *(waiting(key, lane="user") for key in range(2, 5)),
            waiting(9, type="invoice.query", data=question, fingerprint=None, lane="other"),
        )
        await asyncio.sleep(60)

    said = loads(stage.journal.events[1][-1].body)["data"]
    assert (said["code"], said["retryable"]) == (FailureCode.INTERNAL_ERROR, True)
    assert [stage.journal.state_of(key) for key in range(2, 5)] == [S.COMPLETED] * 3
    assert stage.journal.commands[1].breaks == MOST_BREAKS
    assert stage.hooks.breaks.count(("invoice.query", "set_aside")) == 2
    assert stage.gateway.connections <= 2 * MOST_BREAKS + 2


@in_virtual_time
async def test_breaks_of_another_replica_count_too() -> None:
    stage = Stage(scripts=[ISSUES])
    odd = waiting(1, type="invoice.query", data=b"[]", fingerprint=None, breaks=MOST_BREAKS - 1)

    async with at_work(stage):
        stage.journal.add(odd)
        await asyncio.sleep(1)

    assert stage.journal.outcomes_of(1) == ["failed"]


@in_virtual_time
@pytest.mark.parametrize("state", [S.SUBMITTING, S.SCANNING])
async def test_what_was_submitted_and_cannot_even_be_recovered_is_told_to_a_person(state: CommandState) -> None:
    stage = Stage(scripts=[ISSUES])
    odd = waiting(1, state=state, data=b"[]", attempts=1, submitted_at=EPOCH)

    async with at_work(stage):
        stage.journal.add(odd, waiting(2))
        await asyncio.sleep(60)

    (event,) = stage.journal.events[1]
    said = loads(event.body)["data"]
    assert stage.journal.state_of(1) is S.IN_DOUBT
    assert (said["needsPerson"], said["nextLookAt"]) == (True, None)
    assert stage.journal.state_of(2) is S.COMPLETED
    assert len(stage.gateway.submissions) == 1


@in_virtual_time
async def test_run_that_breaks_after_its_submission_is_found_again_and_looked_for() -> None:
    """Not given to a person at once, though it was its third break: the run that finds it again may find out."""
    stage = Stage(scripts=[ISSUES], settings={"reconcile_schedule": (timedelta(hours=1),)})

    async def breaks(self: FakeSession, submission: Submission) -> None:
        raise RuntimeError("a bug")

    async with at_work(stage):
        FakeSession.submit, kept = breaks, FakeSession.submit  # type: ignore[method-assign]
        try:
            stage.journal.add(waiting(1, breaks=MOST_BREAKS - 1))
            await asyncio.sleep(20)
        finally:
            FakeSession.submit = kept  # type: ignore[method-assign]

    assert stage.journal.outcomes_of(1) == ["in_doubt"]
    said = loads(stage.journal.events[1][0].body)["data"]
    assert said["needsPerson"] is False
    assert said["nextLookAt"] is not None


@in_virtual_time
async def test_look_up_that_breaks_is_put_off_for_an_hour_and_its_lane_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(scripts=[ISSUES])
    sought = waiting(
        1, state=S.IN_DOUBT, account="a", data=b"[]", submitted_at=EPOCH, sought_at=EPOCH, attempts=1, fingerprint="x"
    )

    async def breaks(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(stage.journal, "sought", breaks)

    async with at_work(stage):
        stage.journal.add(sought)
        await asyncio.sleep(0.1)
        stage.journal.add(*(waiting(key) for key in range(12, 16)))
        await asyncio.sleep(300)

    assert [stage.journal.state_of(key) for key in range(12, 16)] == [S.COMPLETED] * 4
    assert stage.hooks.breaks == [(LOOK_UP, "again")] * (MOST_BREAKS - 1) + [(LOOK_UP, "set_aside")]
    put_off_until = stage.journal.commands[1].sought_at
    assert put_off_until is not None
    assert put_off_until >= EPOCH + timedelta(hours=1)


@in_virtual_time
async def test_type_of_another_version_waits_behind_all_else_and_is_seldom_looked_at() -> None:
    stage = Stage(scripts=[ISSUES])

    async with at_work(stage):
        stage.journal.add(waiting(1, type="invoice.unheard-of", fingerprint=None))
        await asyncio.sleep(0.1)
        stage.journal.add(*(waiting(key) for key in range(2, 6)))
        await asyncio.sleep(1900)

    assert [stage.journal.state_of(key) for key in range(2, 6)] == [S.COMPLETED] * 4
    assert stage.journal.state_of(1) is S.WAITING
    assert stage.journal.outcomes_of(1) == []
    assert len(stage.hooks.breaks) == 3
    assert {outcome for _, outcome in stage.hooks.breaks} == {"unknown_type"}


@in_virtual_time
async def test_store_that_is_away_counts_no_break_and_ends_nothing() -> None:
    stage = Stage(scripts=[ISSUES])
    stage.journal.down.add("count_break")

    async with at_work(stage):
        stage.journal.add(waiting(1, type="invoice.query", data=b"[]", fingerprint=None))
        await asyncio.sleep(60)
        assert stage.journal.state_of(1) is S.RUNNING
        stage.journal.down.clear()
        await asyncio.sleep(30)

    assert stage.journal.outcomes_of(1) == ["failed"]


@in_virtual_time
async def test_command_that_housekeeping_cannot_tell_of_holds_up_no_other() -> None:
    stage = Stage(scripts=[Script(connect_seconds=10_000)])
    late = {"deadline_at": EPOCH - timedelta(seconds=1)}
    held = [waiting(key, state=S.HELD, **late) for key in (1, 2, 3)]

    async with at_work(stage):
        stage.journal.add(replace(held[0], warnings=b"no JSON"), *held[1:])
        await asyncio.sleep(5)

    assert [stage.journal.state_of(key) for key in (1, 2, 3)] == [S.HELD, S.FAILED, S.FAILED]


# ---- secrets that cannot be opened -----------------------------------------------------------------------


@in_virtual_time
async def test_damaged_secret_fails_its_command_alone() -> None:
    stage = Stage(scripts=[ISSUES])
    damaged = waiting(1, secrets={}, secrets_fault=SecretsFault("damaged", is_passing=False))

    async with at_work(stage):
        stage.journal.add(damaged, waiting(2))
        await asyncio.sleep(5)

    assert loads(stage.journal.events[1][-1].body)["data"]["code"] == FailureCode.CREDENTIAL_MISSING
    assert stage.journal.state_of(2) is S.COMPLETED


@in_virtual_time
async def test_sellers_password_that_cannot_be_opened_is_replaced_by_no_other() -> None:
    """The login may come from elsewhere; what is sent with the invoice must be the password that was given for it."""
    stage = Stage(scripts=[ISSUES], credentials=FakeCredentials(shop=make_login_fields()))
    fault = SecretsFault("damaged", is_passing=False)
    order = waiting(1, data=make_data(login=None, credential="shop"), secrets={}, secrets_fault=fault)

    async with at_work(stage):
        stage.journal.add(order)
        await asyncio.sleep(5)

    assert stage.journal.outcomes_of(1) == ["failed"]
    assert not stage.gateway.submissions


@in_virtual_time
async def test_secret_of_a_key_that_another_worker_has_waits_for_it() -> None:
    stage = Stage(scripts=[ISSUES])
    fault = SecretsFault("a key that FAPIAO_JOURNAL_KEYS lacks", is_passing=True)
    order = waiting(1, deadline_at=EPOCH + timedelta(minutes=30))

    async with at_work(stage):
        stage.journal.add(replace(order, secrets={}, secrets_fault=fault))
        await asyncio.sleep(120)
        assert stage.journal.state_of(1) is S.WAITING
        kept = stage.journal.commands[1]
        stage.journal.put(replace(kept, secrets=order.secrets, secrets_fault=None))
        await asyncio.sleep(70)

    assert stage.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_what_was_submitted_is_recovered_though_its_secret_cannot_be_opened() -> None:
    stage = Stage(scripts=[ISSUES])
    fault = SecretsFault("damaged", is_passing=False)

    async with at_work(stage):
        stage.journal.add(
            waiting(1, state=S.SUBMITTING, attempts=1, submitted_at=EPOCH, secrets={}, secrets_fault=fault)
        )
        await asyncio.sleep(5)

    assert stage.journal.state_of(1) is S.IN_DOUBT
