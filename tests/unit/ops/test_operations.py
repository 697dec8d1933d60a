"""What a person may ask, and what a person's decision writes."""

import json

import pytest

from contracts.envelope import event_id, loads
from tests.scenarios.schemas import violations_of
from worker.errors import NotFound, NotResolvable
from worker.ops.operations import AmbiguousCommand, Operations
from worker.ops.stored import BadRequest
from worker.records import NOT_SUBMITTED, Command, CommandState, Copy, Pruned, own_lane

from .fakes import NOW, NUMBER, FakeClock, FakeOperatorJournal, command, event, stored, undeliverable

S = CommandState


def _operations(*commands: Command) -> tuple[Operations, FakeOperatorJournal]:
    journal = FakeOperatorJournal(*(commands or [command()]))
    return Operations(journal, FakeClock(), worker="/test"), journal


async def test_status_tells_the_command_and_its_events() -> None:
    operations, journal = _operations()
    journal.tell(1, event(1, "in_doubt", {"reason": "lost"}), pending=(Copy.REPLY,))

    told = await operations.status("cmd-1")

    assert told["state"] == "in_doubt"
    assert told["userId"] == "user-1"
    assert told["receivedAt"] == "2026-01-01T12:00:00.000Z"
    assert told["events"][0]["type"] == "invoice.issue.in_doubt"
    assert told["events"][0]["unpublished"] == ["reply"]
    assert told["events"][0]["data"]["reason"] == "lost"
    json.dumps(told)


async def test_an_unknown_command_is_not_found() -> None:
    operations, _ = _operations()

    with pytest.raises(NotFound, match="cmd-9"):
        await operations.status("cmd-9")
    with pytest.raises(NotFound, match="source shop"):
        await operations.status("cmd-1", "shop")


async def test_an_id_of_several_sources_asks_for_the_source() -> None:
    operations, _ = _operations(command(), command(key=2, source="shop"))

    with pytest.raises(AmbiguousCommand, match=r"erp, shop.*--source"):
        await operations.status("cmd-1")
    assert (await operations.status("cmd-1", "shop"))["commandSource"] == "shop"


async def test_issued_completes_with_what_was_submitted_under_the_number_found() -> None:
    operations, journal = _operations()

    told = await operations.resolve("cmd-1", issued=NUMBER)

    (settlement,) = journal.settlements
    assert settlement.expected == {CommandState.IN_DOUBT}
    assert settlement.to is CommandState.COMPLETED
    assert settlement.invoice_number == NUMBER
    assert settlement.at == NOW
    final, confirmed = settlement.events
    assert (final.sequence, final.type) == (4, "invoice.issue.completed")
    assert final.id == event_id("erp", "cmd-1", 4)
    data = json.loads(final.body)["data"]
    assert data["commandId"] == "cmd-1"
    assert data["orderNo"] == "SO-1"
    assert data["invoiceUrl"] is None
    assert data["reconciled"] is True
    assert data["invoice"]["invoiceNumber"] == NUMBER
    assert data["invoice"]["buyerName"] == "Buyer"
    assert data["invoice"]["invoiceItems"][0]["unitPrice"] == "9.90"
    assert "sellerLoginAccount" not in data["invoice"]
    assert told["state"] == "completed"
    assert (confirmed.sequence, confirmed.type) == (5, "invoice.issue.confirmed")
    assert json.loads(confirmed.body)["data"]["invoiceNumber"] == NUMBER
    assert not violations_of(json.loads(confirmed.body))


async def test_not_issued_fails_with_not_issued_at_stage_resolve() -> None:
    operations, journal = _operations()

    await operations.resolve("cmd-1", not_issued=True)

    (settlement,) = journal.settlements
    assert settlement.to is CommandState.FAILED
    assert settlement.invoice_number is None
    data = json.loads(settlement.events[0].body)["data"]
    assert (data["code"], data["stage"], data["attempts"]) == ("not_issued", "resolve", 2)


@pytest.mark.parametrize("number", ["", "123", NUMBER[:-1], NUMBER + "1", NUMBER[:-1] + "x", "２" * 20, NUMBER + "\n"])
async def test_an_invoice_number_has_exactly_twenty_digits(number: str) -> None:
    operations, journal = _operations()

    with pytest.raises(BadRequest, match="20 digits"):
        await operations.resolve("cmd-1", issued=number)
    assert journal.settlements == []


@pytest.mark.parametrize(("issued", "not_issued"), [(None, False), (NUMBER, True)])
async def test_a_decision_says_one_thing(issued: str | None, not_issued: bool) -> None:
    operations, _ = _operations()

    with pytest.raises(BadRequest):
        await operations.resolve("cmd-1", issued=issued, not_issued=not_issued)


@pytest.mark.parametrize("state", [state for state in CommandState if state is not CommandState.IN_DOUBT])
async def test_only_a_command_in_doubt_can_be_resolved(state: CommandState) -> None:
    operations, journal = _operations(command(state=state))

    with pytest.raises(NotResolvable, match=f"is {state}"):
        await operations.resolve("cmd-1", issued=NUMBER)
    assert journal.settlements == []


async def test_whoever_comes_second_is_told_to_look_again() -> None:
    operations, journal = _operations()
    journal.loses_races = True

    with pytest.raises(NotResolvable, match="changed meanwhile"):
        await operations.resolve("cmd-1", not_issued=True)


async def test_a_number_belongs_to_one_command() -> None:
    operations, _ = _operations(command(), command(key=2, id="cmd-2"))
    await operations.resolve("cmd-1", issued=NUMBER)

    with pytest.raises(NotResolvable, match="another command"):
        await operations.resolve("cmd-2", issued=NUMBER)


async def test_replay_says_how_many_copies_were_queued() -> None:
    operations, journal = _operations()
    journal.tell(1, event(1, "qr_required", {}), event(2, "completed", {}))

    assert (await operations.replay("cmd-1"))["copies"] == 4


async def test_commands_are_listed_by_state() -> None:
    operations, _ = _operations(command(), command(key=2, id="cmd-2", state=CommandState.WAITING))

    assert [c["commandId"] for c in await operations.commands(["waiting"])] == ["cmd-2"]
    assert len(await operations.commands()) == 2
    with pytest.raises(BadRequest, match="waiting"):
        await operations.commands(["sleeping"])
    with pytest.raises(BadRequest, match="limit"):
        await operations.commands(limit=0)


async def test_issued_without_a_number_is_asked_for_like_a_state() -> None:
    waiting, known = command(state=CommandState.WAITING), command(key=2, id="cmd-2", state=CommandState.COMPLETED)
    lost = [command(key=key, id=f"cmd-{key}", state=CommandState.COMPLETED, look_ups=6) for key in (4, 3)]
    operations, journal = _operations(waiting, known, *lost)
    journal.lost_numbers = lost

    assert [c["commandId"] for c in await operations.commands(["unconfirmed"])] == ["cmd-4", "cmd-3"]
    assert (await operations.commands(["unconfirmed"], 1))[0]["lookUps"] == 6
    together = await operations.commands(["unconfirmed", "completed", "waiting"])
    assert [c["commandId"] for c in together] == ["cmd-4", "cmd-3", "cmd-2", "cmd-1"]
    with pytest.raises(BadRequest, match="unconfirmed"):
        await operations.commands(["confirmed"])


async def test_what_only_a_person_can_decide_is_asked_for_like_a_state() -> None:
    """Neither a look-up to come, nor one that could be made: no login is known to look with."""
    sought = command(state=CommandState.IN_DOUBT, sought_at=NOW, account="digest")
    given_up = command(key=2, id="cmd-2", state=CommandState.IN_DOUBT, account="digest")
    nowhere = command(key=3, id="cmd-3", state=CommandState.IN_DOUBT, sought_at=NOW, account=None)
    operations, _ = _operations(sought, given_up, nowhere, command(key=4, id="cmd-4", state=CommandState.FAILED))

    assert [c["commandId"] for c in await operations.commands(["needs_person"])] == ["cmd-3", "cmd-2"]
    assert len(await operations.commands(["needs_person"], 1)) == 1


async def test_a_command_whose_invoice_is_sought_says_when() -> None:
    operations, _ = _operations(command(state=CommandState.CHECKING, look_ups=1, sought_at=NOW))

    told = await operations.status("cmd-1")

    assert (told["state"], told["lookUps"], told["soughtAt"]) == ("checking", 1, "2026-01-01T12:00:00.000Z")


async def test_a_lane_of_a_commands_own_is_nobodys() -> None:
    """A look-up over HTTP has no userId, and the name of its lane is no text for people."""
    operations, _ = _operations(command(lane=own_lane("erp", "cmd-1"), type="invoice.files"))

    assert (await operations.status("cmd-1"))["userId"] is None


async def test_stored_invoices_are_counted_and_told_page_by_page() -> None:
    operations, journal = _operations()
    journal.kept = [stored(), stored(NUMBER[:-1] + "9", "7", user_id="user-2")]

    assert (await operations.invoices())["total"] == 2
    told = await operations.invoices({"user_id": None}, 1, 1)
    assert (told["total"], [each["userId"] for each in told["invoices"]]) == (2, ["user-2"])
    assert (await operations.invoices({"user_id": "user-1"}))["total"] == 1
    with pytest.raises(BadRequest, match="limit"):
        await operations.invoices(limit=0)
    json.dumps(told)


async def test_files_are_found_by_id_and_by_number_each_once() -> None:
    """Two users may have looked up the same invoice; its files are the same."""
    operations, journal = _operations()
    journal.kept = [stored(), stored(user_id="user-2"), stored(None, "7", files=())]

    told = await operations.files([NUMBER, "1778381047770263553", "7", "8", "8"])

    assert [(file["type"], file["countETicketNumbers"]) for file in told["files"]] == [("ofd", NUMBER), ("pdf", NUMBER)]
    assert told["unknown"] == ["8"]


async def test_pruning_is_one_step_before_a_time() -> None:
    operations, journal = _operations()
    journal.prunings = [Pruned(commands=1000, files=3), Pruned(commands=5)]

    assert (await operations.prune("2026-01-01T12:00:00Z", dry_run=True))["commands"] == 1005
    assert (await operations.prune("2026-01-01T12:00:00Z"))["files"] == 3
    assert (await operations.prune("2026-01-01T20:00:00+08:00"))["commands"] == 5
    assert not any((await operations.prune("2026-01-01T12:00:00Z")).values())
    assert journal.pruned_before == [(NOW, True), (NOW, False), (NOW, False), (NOW, False)]
    for odd in ("yesterday", "2026-01-01", "2026-01-01T12:00:00"):
        with pytest.raises(BadRequest, match="RFC 3339"):
            await operations.prune(odd)


async def test_undeliverable_replies_are_listed_resent_and_discarded() -> None:
    operations, journal = _operations()
    journal.set_aside = [undeliverable(5), undeliverable(6), undeliverable(7)]

    assert [reply["number"] for reply in await operations.replies()] == [5, 6, 7]
    assert await operations.resend_replies([5]) == {"resent": 1}
    assert await operations.discard_replies() == {"discarded": 2}
    assert await operations.replies() == []


@pytest.mark.parametrize("state", [S.WAITING, S.HELD, S.RUNNING, S.FOLLOWING])
async def test_what_was_not_submitted_is_cancelled(state: CommandState) -> None:
    """By compare-and-set: whichever of this and the submission is written first holds."""
    journal = FakeOperatorJournal(command(state=state, last_sequence=0, submitted_at=None))

    told = await Operations(journal, FakeClock(), worker="/test").cancel("cmd-1")

    assert told["state"] == "failed"
    [settled] = journal.settlements
    assert settled.expected == NOT_SUBMITTED
    data = loads(settled.events[0].body)["data"]
    assert (data["code"], data["stage"], data["retryable"]) == ("cancelled", "queued", False)
    assert not settled.keeps_order


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (S.SUBMITTING, "is submitting"),
        (S.SCANNING, "is scanning"),
        (S.IN_DOUBT, "is in_doubt"),
        (S.COMPLETED, "is completed"),
        (S.FOLLOWING, "repeats another one"),
    ],
)
async def test_what_was_submitted_is_not_cancelled(state: CommandState, why: str) -> None:
    journal = FakeOperatorJournal(command(state=state))

    with pytest.raises(NotResolvable, match=why):
        await Operations(journal, FakeClock(), worker="/test").cancel("cmd-1")

    assert journal.settlements == []


async def test_a_cancellation_that_the_submission_overtook_says_so() -> None:
    journal = FakeOperatorJournal(command(state=S.RUNNING, last_sequence=0))
    journal.loses_races = True

    with pytest.raises(NotResolvable, match="changed meanwhile"):
        await Operations(journal, FakeClock(), worker="/test").cancel("cmd-1")
