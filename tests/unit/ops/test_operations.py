"""What a person may ask, and what a person's decision writes."""

import json

import pytest

from contracts.envelope import event_id
from worker.errors import NotFound, NotResolvable
from worker.ops.operations import AmbiguousCommand, Operations
from worker.ops.stored import BadRequest
from worker.records import Command, CommandState, Copy

from .fakes import NOW, NUMBER, FakeClock, FakeOperatorJournal, command, event, undeliverable


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
    (final,) = settlement.events
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


async def test_undeliverable_replies_are_listed_resent_and_discarded() -> None:
    operations, journal = _operations()
    journal.set_aside = [undeliverable(5), undeliverable(6), undeliverable(7)]

    assert [reply["number"] for reply in await operations.replies()] == [5, 6, 7]
    assert await operations.resend_replies([5]) == {"resent": 1}
    assert await operations.discard_replies() == {"discarded": 2}
    assert await operations.replies() == []
