"""Transactions that lock the same rows, on a server: one waits for the other, never each for the other,
and then goes by what that one has left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.conformance.journal_builders import (
    NOW,
    admit,
    begin,
    brought,
    claim_one,
    found,
    login,
    look_up,
    new,
    pdf,
    publish_all,
    seek,
    state_of,
    step,
)
from tests.conformance.journal_locks import locked, numbered, until_held_up
from tests.conformance.journal_stores import PostgresStore
from worker.journal.postgres import pool
from worker.journal.postgres.statements import Statements
from worker.journal.rows import claim_of
from worker.ports import Journal
from worker.records import Admission, Claim, CommandState, Route

REST = timedelta(minutes=10)
S = CommandState


@pytest.fixture
async def store(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    monkeypatch.setitem(pool._SESSION, "lock_timeout", "0")  # the machine may be slow
    store = PostgresStore(postgres_url)
    yield store
    await store.close()


async def test_a_file_is_entered_while_a_command_that_brought_it_is_forgotten(store: PostgresStore) -> None:
    """A row that points to the command would be refused: nobody could tell that from a fault of the worker's own."""
    journal = await store.open_with_worker("w1")
    files = brought(found("1", invoice_id="7"), files=(pdf("7", number="1"),))
    ended = await begin(journal, new("a", type="invoice.query"))
    assert await journal.record(step(ended, S.COMPLETED, "completed", findings=files))
    await publish_all(journal)

    async with locked(store.url, ended.command.key) as someone:
        entering = asyncio.create_task(journal.enter_files(NOW, 100))
        await until_held_up(someone)
        for table, column in (("command_invoice", "command_key"), ("event", "command_key"), ("payload", "key")):
            await someone.execute(f"DELETE FROM {table} WHERE {column} = $1", ended.command.key)  # noqa: S608
        await someone.execute("DELETE FROM command WHERE key = $1", ended.command.key)

    assert await entering == 1
    assert len(await journal.files_due(NOW, NOW + REST, 10)) == 1


@pytest.mark.parametrize(
    ("end", "becomes"),
    [
        pytest.param(lambda journal: journal.end_rests(NOW + REST, REST), S.HELD, id="its time is over"),
        pytest.param(lambda journal: journal.forget_refusals("erp", "s", NOW), S.WAITING, id="an order was issued"),
    ],
)
async def test_a_sellers_rest_ends_while_another_order_of_the_lane_is_held_for_it(
    store: PostgresStore, end: Callable[[Journal], Awaitable[object]], becomes: CommandState
) -> None:
    journal = await store.open_with_worker("w1")
    first = await begin(journal, new("a", seller="s"))
    await admit(journal, new("b", seller="s"))
    await journal.count_refusal("erp", "s", now=NOW, threshold=1, rest=REST)
    _, second = await journal.record_and_next(step(first, S.HELD))
    assert second is not None

    with capture_logs() as lines:
        async with locked(store.url, first.command.key) as someone:
            ending = asyncio.ensure_future(end(journal))
            await until_held_up(someone)
            holding = asyncio.create_task(journal.record_and_next(step(Claim(first.lease, second), S.HELD)))
            await until_held_up(someone, 2)
        await ending
        is_written, following = await holding

    assert [line for line in lines if line["event"] == "journal_transaction_repeated"] == []
    assert is_written
    assert following is not None
    assert (following.id, await state_of(journal, "b")) == ("a", becomes)


async def test_a_follower_turns_to_another_while_it_comes_again_beside_one_that_follows_that_one(
    store: PostgresStore,
) -> None:
    journal = await store.open_with_worker("w1")
    of_order = {"seller": "s", "order_no": "SO-1"}
    first = await begin(journal, new("a", **of_order))
    await admit(journal, new("b", **of_order))
    assert await journal.record(step(first, S.FAILED, "failed"))
    (following,) = await journal.followers()
    await admit(journal, new("c", **of_order))

    with capture_logs() as lines:
        async with locked(store.url, following.follower.key, "NO KEY UPDATE") as someone:
            coming = asyncio.create_task(
                admit(journal, new("b", **of_order, route=Route("elsewhere", "b")), new("d", **of_order))
            )
            await until_held_up(someone)
            turning = asyncio.create_task(journal.succeed(following, NOW))
            await until_held_up(someone, 2)
        assert await coming == [Admission.REPEATED, Admission.FOLLOWING]
        assert await turning

    assert [line for line in lines if line["event"] == "journal_transaction_repeated"] == []
    assert {each.first.id for each in await journal.followers()} == {"c"}


async def test_an_account_is_resumed_while_a_look_up_ends_for_its_refused_login(store: PostgresStore) -> None:
    """Both lock the account first: the look-up sees that it is refused no longer, or what it puts off is hastened."""
    journal = await store.open_with_worker("w1")
    refused = login(is_look_up=True)
    sought = await seek(journal, new("a"))
    await journal.enter_look_ups(NOW)
    claim = await claim_one(journal)
    await journal.count_login(refused, accepted=False, now=NOW, threshold=1, suspend=REST)

    async with locked(store.url, sought.command.key) as someone:
        ending = asyncio.create_task(
            journal.end_look_up(claim.command, claim.lease, not_before=NOW + REST, refused=refused)
        )
        await until_held_up(someone)
        resuming = asyncio.create_task(journal.resume_accounts([], NOW))
        await until_held_up(someone, 2)

    assert await ending
    assert await resuming == 1
    assert (await look_up(journal, "a")).sought_at == NOW


async def test_a_file_is_entered_with_what_its_invoice_is_known_by_behind_the_lock(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is brought anew while it is looked at comes with its invoice: both or neither are seen."""
    journal = await store.open_with_worker("w1")
    bringing = await begin(journal, new("a", type="invoice.query"))
    findings = brought(found("id:7", invoice_id="7", number=None), files=(pdf("7"),))
    assert await journal.record(step(bringing, S.RUNNING, "page", findings=findings))
    read = Statements.all

    async def brought_meanwhile(statements: Statements, query: str, *values: Any) -> Any:
        rows = await read(statements, query, *values)
        if query == "lock_unentered_files":
            known = brought(found("1", invoice_id="7"))
            assert await journal.record(step(bringing, S.RUNNING, "page", first=2, findings=known))
        return rows

    monkeypatch.setattr(Statements, "all", brought_meanwhile)
    assert await journal.enter_files(NOW, 100) == 1
    assert [file.number for file in await journal.files_due(NOW, NOW + REST, 10)] == ["1"]


async def test_two_batches_that_name_the_same_numbers_in_two_orders(store: PostgresStore) -> None:
    """On different lanes, so that they do not wait for each other there; and held up in the middle."""
    journal = await store.open_with_worker("w1")
    numbers = ("SO-1", "SO-2", "SO-3")
    one = [new(f"a{number}", lane="u1", seller="s", order_no=number) for number in numbers]
    other = [new(f"b{number}", lane="u2", seller="s", order_no=number) for number in reversed(numbers)]

    with capture_logs() as lines:
        async with numbered(store.url, claim_of(one[1])) as someone:
            admitting = asyncio.create_task(admit(journal, *one))
            await until_held_up(someone)
            following = asyncio.create_task(admit(journal, *other))
            await until_held_up(someone, 2)
        assert await admitting == [Admission.ACCEPTED] * 3
        assert await following == [Admission.FOLLOWING] * 3

    assert [line for line in lines if line["event"] == "journal_transaction_repeated"] == []
