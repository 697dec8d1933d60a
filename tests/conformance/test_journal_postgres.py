"""The journal on a server, for many processes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    NOW,
    SECOND,
    admit,
    begin,
    complete,
    login,
    new,
    outbox,
    seek,
    state_of,
    step,
)
from tests.conformance.journal_stores import KEY, PostgresStore
from tests.scenarios.proxy import proxied
from worker.clock import SystemClock
from worker.errors import ConfigurationError, JournalFaulty, JournalUnavailable, SchemaOutdated
from worker.intake.admission import AdmissionRules, Admitted
from worker.intake.journaling import IntakeHooks, Journaling, Judged
from worker.journal import migrations, open_journal
from worker.journal.postgres import PostgresJournal, lanes
from worker.records import Claim, CommandState
from worker.settings import Settings

LEASE = timedelta(seconds=60)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    yield store
    await store.close()


def _journal(url: str) -> PostgresJournal:
    return PostgresJournal(url, keys=[KEY], clock=SystemClock(), pool_size=3)


FAILING = """
CREATE FUNCTION fail_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id LIKE 'odd%' THEN RAISE EXCEPTION 'cache lookup failed' USING ERRCODE = 'XX000'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail_over BEFORE INSERT ON command FOR EACH ROW EXECUTE FUNCTION fail_over();
"""


async def test_an_error_of_the_servers_own_over_some_commands_holds_up_no_other(store: PostgresStore) -> None:
    """A fail-over, for seconds: nothing becomes a dead letter, and all are in when it is over."""
    journal = await store.open()
    await store.write(FAILING)
    rules = AdmissionRules(worker="/w", own_queues=frozenset())
    journaling = Journaling(journal, IntakeHooks(), rules, "w1", SystemClock())
    batch = [Judged(Admitted(new(name), None)) for name in ("a", "odd-1", "b", "odd-2")]

    failed = await journaling.take(batch)

    assert {judged.admitted.command.id for judged in failed if judged.admitted.command} == {"odd-1", "odd-2"}
    with pytest.raises(JournalFaulty):
        await admit(journal, new("odd-3"))
    await store.write("DROP TRIGGER fail_over ON command; DROP FUNCTION fail_over()")
    assert await journaling.take(sorted(failed, key=id)) == set()
    for name in ("a", "b", "odd-1", "odd-2"):
        assert len(await journal.find(name)) == 1


async def test_an_old_schema_is_refused_and_upgrading_helps(store: PostgresStore) -> None:
    journal = _journal(store.url)
    with pytest.raises(SchemaOutdated, match="fapiao-worker db upgrade"):
        await journal.open()
    assert list(await journal.upgrade()) == [one.name for one in migrations.load("postgres")]
    assert list(await journal.upgrade()) == []
    await journal.open()
    assert list(await journal.upgrade()) == []
    await journal.close()


async def test_upgrading_at_the_same_time_is_upgrading_once(store: PostgresStore) -> None:
    applied = await asyncio.gather(*(_journal(store.url).upgrade() for _ in range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, migrations.latest("postgres")]


async def test_a_newer_schema_is_refused(store: PostgresStore) -> None:
    await store.open()
    await store.write("INSERT INTO journal_schema (version, name) VALUES (999, 'later')")
    with pytest.raises(SchemaOutdated, match="newer version"):
        await _journal(store.url).open()


async def test_without_keys_it_does_not_begin(store: PostgresStore) -> None:
    with pytest.raises(ConfigurationError, match="FAPIAO_JOURNAL_KEYS"):
        PostgresJournal(store.url, keys=[], clock=SystemClock())


async def test_a_database_that_is_not_there_is_a_matter_of_configuration(store: PostgresStore) -> None:
    with pytest.raises(ConfigurationError, match="FAPIAO_DATABASE_URL"):
        await _journal(f"{store.url}_missing").open()


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(JournalUnavailable):
        await _journal("postgresql://nobody@127.0.0.1:1/nothing").open()


async def test_it_recovers_by_itself_when_its_connections_are_cut(store: PostgresStore) -> None:
    journal = await store.open_with_worker("w1")
    await asyncio.gather(*(journal.ping() for _ in range(4)))
    await _cut_connections(store.url)
    for _ in range(20):
        try:
            await admit(journal, new("a"))
            break
        except JournalUnavailable:
            await asyncio.sleep(0.05)
    assert await state_of(journal, "a") is CommandState.WAITING


async def test_a_call_that_is_cut_off_is_unavailable_and_leaves_nothing(store: PostgresStore) -> None:
    journal = await store.open_with_worker("w1")
    blocker = await asyncpg.connect(store.url)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("LOCK TABLE lane IN ACCESS EXCLUSIVE MODE")
    call = asyncio.ensure_future(admit(journal, new("a")))
    await asyncio.sleep(0.3)
    await blocker.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(JournalUnavailable):
        await call
    await transaction.rollback()
    await blocker.close()
    assert await journal.find("a") == []


async def test_who_gives_up_over_a_dead_link_goes_on_at_once(store: PostgresStore) -> None:
    """A time-out, or the end of a worker. The driver waits for the server's word on it, which never comes, and told the
    keeper of the lease ten seconds late that the lease was over; and of the cancellation it made a fault of the server,
    after which a lane asks again."""
    async with proxied(store.url) as (proxy, url):
        journal = _journal(url)
        await store.open()
        await journal.open()
        await journal.register("w1", timedelta(seconds=60))
        for act in (
            lambda: journal.renew("w1", timedelta(seconds=60)),
            lambda: journal.reap("w1", NOW),
            journal.ping,
        ):
            proxy.stall()
            began = asyncio.get_running_loop().time()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await act()
            assert asyncio.get_running_loop().time() - began < 5
            proxy.flow()
            await asyncio.sleep(0.2)
            await journal.ping()
        await journal.close()


async def test_two_workers_publish_what_is_their_own(store: PostgresStore) -> None:
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    await complete(first, new("a"))
    await complete(second, new("b"), worker="w2")
    assert {row.command_id for row in await outbox(first, "w1")} == {"a"}
    assert {row.command_id for row in await outbox(second, "w2")} == {"b"}


async def test_events_written_after_their_owner_was_buried_are_adopted_too(store: PostgresStore) -> None:
    journal = await store.open_with_worker("w1")
    claim = await begin(journal, new("a"))
    await journal.retire("w1")
    assert await journal.record(step(claim, CommandState.FAILED, "failed"))
    heir = await store.open_with_worker("w2")
    assert await outbox(heir, "w2") == []
    await heir.reap("w2", NOW)
    assert len(await outbox(heir, "w2")) == 2


async def test_a_look_up_that_another_worker_has_done_meanwhile_is_not_entered_again(store: PostgresStore) -> None:
    """What is due is read before the lane is locked, and asked once more afterwards."""
    journal = await store.open_with_worker("w1")
    assert isinstance(journal, PostgresJournal)
    await seek(journal, new("a"), NOW + SECOND)
    pair = (["u1"], [ACCOUNT])
    assert await journal._connections.run(lambda s: s.all("enter_look_ups", *pair, NOW)) == []
    assert len(await journal._connections.run(lambda s: s.all("enter_look_ups", *pair, NOW + SECOND))) == 1
    assert await journal._connections.run(lambda s: s.all("enter_look_ups", *pair, NOW + SECOND)) == []


async def test_a_lane_that_somebody_changes_gets_its_look_up_later(store: PostgresStore) -> None:
    """Entering waits for nobody's transaction, and lets go of no lane that it has not locked."""
    journal = await store.open_with_worker("w1")
    await seek(journal, new("a"))
    blocker = await asyncpg.connect(store.url)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT 1 FROM lane WHERE lane = 'u1' FOR UPDATE")
    assert await asyncio.wait_for(journal.enter_look_ups(NOW), 60) == 0
    await transaction.rollback()
    await blocker.close()
    assert await journal.enter_look_ups(NOW) == 1


async def test_another_process_is_told_of_new_work(store: PostgresStore) -> None:
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    hints = asyncio.Queue[int]()
    second.listen(lambda: hints.put_nowait(1))
    await asyncio.wait_for(hints.get(), 60)
    await asyncio.sleep(0.1)
    while not hints.empty():
        hints.get_nowait()
    await asyncio.gather(*(admit(first, new(f"c{number}")) for number in range(10)))
    await asyncio.wait_for(hints.get(), 60)


async def test_the_process_that_journaled_new_work_is_told_of_it_by_nobody(store: PostgresStore) -> None:
    """Its own intake wakes its lanes. The hint of another one, which comes behind, shows that it is past."""
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    hints, others = asyncio.Queue[int](), asyncio.Queue[int]()
    first.listen(lambda: hints.put_nowait(1))
    second.listen(lambda: others.put_nowait(1))
    for queue in (hints, others):
        await asyncio.wait_for(queue.get(), 60)
    await admit(first, new("a"))
    await asyncio.wait_for(others.get(), 60)
    await admit(second, new("b"))
    await asyncio.wait_for(hints.get(), 60)
    assert hints.empty()


async def test_the_listener_comes_back_by_itself(store: PostgresStore) -> None:
    journal = await store.open_with_worker("w1")
    hints = asyncio.Queue[int]()
    journal.listen(lambda: hints.put_nowait(1))
    await asyncio.wait_for(hints.get(), 60)
    await _cut_connections(store.url)
    await asyncio.wait_for(hints.get(), 60)


async def test_the_address_chooses_the_store(store: PostgresStore) -> None:
    settings = Settings(database_url=store.url, journal_keys=[KEY], _env_file=None)
    assert isinstance(open_journal(settings, SystemClock()), PostgresJournal)


async def _cut_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


async def test_a_worker_frozen_in_the_middle_of_a_statement_does_not_keep_its_locks(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server calls its session active, so no time-out of the server's ends it; whoever frees its lanes does."""
    monkeypatch.setattr(lanes, "FROZEN_AFTER", timedelta(seconds=0.5))
    journal = await store.open()
    await journal.register("w-frozen", LEASE)
    await admit(journal, new("c-1"))
    assert len(await journal.claim("w-frozen", 1, NOW)) == 1
    frozen = await asyncpg.connect(store.url, server_settings={"application_name": "fapiao-worker"})
    await frozen.execute("BEGIN")
    await frozen.execute("SELECT 1 FROM lane FOR UPDATE")
    parse = b"\x00SELECT 1\x00\x00\x00"
    frozen._transport.write(  # type: ignore[attr-defined]  # half a statement, as a frozen client leaves it
        b"P" + (len(parse) + 4).to_bytes(4, "big") + parse + b"H\x00\x00\x00\x04"
    )

    await store.expire("w-frozen")
    await journal.register("w-next", LEASE)
    async with asyncio.timeout(60):
        while not (claims := await journal.claim("w-next", 1, NOW)):
            await journal.reap("w-next", NOW)
            await asyncio.sleep(0.1)

    assert claims[0].command.id == "c-1"
    frozen.terminate()


async def test_a_worker_that_registers_again_waits_for_its_lanes_that_others_look_at(store: PostgresStore) -> None:
    """It is alive again afterwards: a lane that it passed over would be held by it for ever, and served by nobody."""
    journal = await store.open_with_worker("w1")
    await begin(journal, new("a", lane="u1"))
    blocker = await asyncpg.connect(store.url)
    await blocker.execute("BEGIN")
    await blocker.execute("SELECT 1 FROM lane WHERE lane = 'u1' FOR UPDATE")
    registering = asyncio.create_task(journal.register("w1", LEASE))
    await asyncio.sleep(0.3)
    assert not registering.done()
    await blocker.close()
    await asyncio.wait_for(registering, 60)
    assert await journal.held("w1") == []
    assert await journal.ready_lanes(10) == 1


async def test_a_worker_that_registers_again_keeps_what_it_claims_then(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one had found it dead before. Freed then, its lane would be another's while its session is open."""
    first, other = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    await begin(first, new("a"))
    await store.expire("w1")
    assert await other.reap("w2", NOW, limit=0) == 0
    free, claimed = lanes._free_lanes, list[Claim]()

    async def free_late(*given: Any) -> int:
        await first.register("w1", LEASE)
        claimed.extend(await first.claim("w1", 10, NOW))
        return await free(*given)

    monkeypatch.setattr(lanes, "_free_lanes", free_late)
    assert await other.reap("w2", NOW) == 0
    assert [claim.lease for claim in claimed] == await first.held("w1") != []


async def test_registering_again_beside_a_busy_intake_leaves_no_lane_behind(store: PostgresStore) -> None:
    """As at the moment when a database comes back."""
    journal = await store.open_with_worker("w1")
    beside = await store.open()
    lanes_of = [f"u{number}" for number in range(50)]

    async def take_in(first: int) -> None:
        await admit(beside, *(new(f"c{first}-{lane}", lane=lane) for lane in lanes_of), worker="w2")

    for turn in range(15):
        await take_in(turn * 10)
        assert await journal.claim("w1", 50, NOW)
        await asyncio.gather(*(take_in(turn * 10 + more) for more in (1, 2, 3)), journal.register("w1", LEASE))
        assert await journal.held("w1") == []


async def test_a_slow_server_does_not_cost_the_lease(store: PostgresStore) -> None:
    """Renewing does not stand behind what lanes ask: it has a connection of its own."""
    journal = _journal(store.url)
    await journal.upgrade()
    await journal.open()
    await journal.register("w1", LEASE)
    other = await asyncpg.connect(store.url)
    async with other.transaction():
        await other.execute("LOCK TABLE account, command IN ACCESS EXCLUSIVE MODE")
        asked: list[asyncio.Task[object]] = [
            asyncio.create_task(act)
            for number in range(60)
            for act in (journal.account(login(account=f"digest {number}")), journal.find(f"c-{number}"))
        ]
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        async with asyncio.timeout(60):
            while await other.fetchval(waiting) < 3:  # all of the pool's connections
                await asyncio.sleep(0.02)
        assert await journal.renew("w1", LEASE)
        assert not any(task.done() for task in asked), "it stood behind them"
    await asyncio.gather(*asked)
    await other.close()
    await journal.close()
