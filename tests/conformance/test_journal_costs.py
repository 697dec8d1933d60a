"""What must not cost more when there is more: counted in steps of the stores' own machines, not in time."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    NOW,
    SECOND,
    admit,
    begin,
    brought,
    found,
    new,
    pdf,
    seek,
    step,
    submit,
)
from tests.conformance.journal_stores import SqliteStore
from worker.journal import migrations, queries
from worker.journal.postgres import PostgresJournal
from worker.journal.sqlite import SqliteJournal
from worker.records import SUBMITTED, Admission, AuditedRow, ClaimBounds, Clues, CommandState, Probes, TotalProbe

GRAIN = 10
"""SQLite counts its steps in tens."""
SMALL = {"worker", "account", "seller_rest"}
"""Tables of a row per process, or per tax-bureau account that was refused."""


class Meter:
    """Counts what an SQLite journal does: statements, and steps of its virtual machine."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def steps(self, call: Callable[[], Awaitable[Any]]) -> int:
        """How many steps this call takes, in grains."""
        ticks = 0

        def tick() -> int:
            nonlocal ticks
            ticks += 1
            return 0

        await self._journal._run(lambda s: s.connection.set_progress_handler(tick, GRAIN))
        before = ticks
        await call()
        counted = ticks - before
        await self._journal._run(lambda s: s.connection.set_progress_handler(None, 0))
        return counted

    async def statements(self, call: Callable[[], Awaitable[Any]]) -> list[str]:
        """The statements of this call, without the transaction around them."""
        seen: list[str] = []
        await self._journal._run(lambda s: s.connection.set_trace_callback(seen.append))
        await call()
        await self._journal._run(lambda s: s.connection.set_trace_callback(None))
        return [sql for sql in seen if not sql.startswith(("BEGIN", "COMMIT", "--"))]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    store = SqliteStore(tmp_path / "journal.db")
    opened = await store.open_with_worker("w1", timedelta(hours=1))
    assert isinstance(opened, SqliteJournal)
    yield opened
    await store.close()


async def fill(journal: SqliteJournal, first: int, last: int, **changes: Any) -> None:
    """Commands on two hundred lanes."""
    for start in range(first, last, 1000):
        batch = [new(f"c{number}", lane=f"u{number % 200}", **changes) for number in range(start, start + 1000)]
        await admit(journal, *batch)


async def test_a_claim_costs_the_same_with_twenty_times_the_backlog(journal: SqliteJournal) -> None:
    meter = Meter(journal)
    await fill(journal, 0, 1000)
    few = await meter.steps(lambda: journal.claim("w1", 20, NOW))
    await fill(journal, 1000, 20_000)
    many = await meter.steps(lambda: journal.claim("w1", 20, NOW))
    assert many <= few * 1.2


async def test_a_window_of_one_commands_backlog_costs_the_same_however_long_it_is(journal: SqliteJournal) -> None:
    meter, costs = Meter(journal), []
    for number, length in enumerate((500, 5000)):
        claim = await begin(journal, new(f"q{number}", lane=f"u{number}", type="invoice.query"))
        for first in range(1, length, 100):
            assert await journal.record(step(claim, CommandState.RUNNING, *["page"] * 100, first=first))
        costs.append(await meter.steps(lambda: journal.due("w1", NOW, 256)))
        await journal._run(lambda s: s.connection.execute("DELETE FROM outbox"))
    assert costs[1] <= costs[0] * 1.2


async def test_looking_for_what_is_sought_costs_by_lanes_not_by_commands(journal: SqliteJournal) -> None:
    """Whatever a lane's account has waiting to be found, due or not, it is one probe."""
    meter = Meter(journal)
    for number in range(10):
        await seek(journal, new(f"c{number}", lane=f"u{number}"))
    assert await journal.enter_look_ups(NOW) == 10
    few = await meter.steps(lambda: journal.enter_look_ups(NOW + SECOND))
    await journal._run(lambda s: s.connection.execute(_COPIES))
    assert (await journal.backlog(NOW)).sought == 2010
    many = await meter.steps(lambda: journal.enter_look_ups(NOW + SECOND))
    assert many <= few * 1.2


async def test_looking_for_rivals_costs_by_those_without_a_number(journal: SqliteJournal) -> None:
    meter = Meter(journal)
    for number in range(10):
        await seek(journal, new(f"c{number}", lane=f"u{number}", seller="s"))
    few = await meter.steps(lambda: journal.rivals("s", (NOW, 0), 500))
    await journal._run(lambda s: s.connection.execute(_NUMBERED))
    many = await meter.steps(lambda: journal.rivals("s", (NOW, 0), 500))
    assert many <= few * 1.2


async def test_finding_rivals_by_clues_costs_by_those_that_are_found(journal: SqliteJournal) -> None:
    """However many open numbers the seller has with other totals, buyers and remarks."""
    meter = Meter(journal)
    for number in range(10):
        clues = Clues(buyer="91330701MA2DFB848M", total=10_000 + number, expected=11_300, mark="m")
        await seek(journal, new(f"c{number}", lane=f"u{number}", seller="s", clues=clues))
    probes = Probes((TotalProbe(10_000, 10_002), TotalProbe(10_005, 10_005, "91330701MA2DFB848M")), ("m",))
    few = await meter.steps(lambda: journal.rivals_by_clues("s", (NOW - SECOND, 0), probes, 500))
    await journal._run(lambda s: s.connection.execute(_OTHER_TOTALS))
    many = await meter.steps(lambda: journal.rivals_by_clues("s", (NOW - SECOND, 0), probes, 500))
    assert len(await journal.rivals_by_clues("s", (NOW - SECOND, 0), probes, 500)) == 10
    assert many <= few * 1.2


_OTHER_TOTALS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO command (source, id, type, content_hash, state, lane, priority, received_at, correlation_id, seller,
                     submitted_at, buyer, total_cents, expected_cents, mark)
SELECT source, id || ' ' || i, type, '', state, lane, priority, received_at, '', seller, submitted_at,
       CASE WHEN i % 2 THEN '91330701MA2DFB848X' ELSE '' END, 20000 + i, 30000 + i, 'other'
FROM command, n
"""
_NUMBERED = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO command (source, id, type, content_hash, state, lane, priority, received_at, correlation_id, seller,
                     submitted_at, invoice_number)
SELECT source, id || ' ' || i, type, '', state, lane, priority, received_at, '', seller, submitted_at, id || ' ' || i
FROM command, n
"""
_COPIES = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO command (source, id, type, content_hash, state, lane, priority, received_at, correlation_id, account,
                     sought_at)
SELECT source, id || ' ' || i, type, '', state, lane, priority, received_at, '', account, sought_at
FROM command, n WHERE sought_at IS NOT NULL
"""


async def test_an_issue_that_is_sought_takes_no_statement_more(journal: SqliteJournal) -> None:
    meter = Meter(journal)
    counts = []
    plain_and_sought: list[dict[str, Any]] = [{}, {"sought_at": NOW, "account": ACCOUNT}]
    for number, sought in enumerate(plain_and_sought):
        claim = await begin(journal, new(f"c{number}", lane=f"u{number}"))
        await submit(journal, claim)
        done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, **sought)
        counts.append(len(await meter.statements(lambda done=done: journal.record_and_next(done))))  # type: ignore[misc]
    assert counts[0] == counts[1]


async def test_an_audits_batch_costs_the_same_with_ten_times_the_list(journal: SqliteJournal) -> None:
    """All of whose invoices are alike, so that each has thousands that could be its double."""
    meter = Meter(journal)
    claim = await begin(journal, new("audit", type="invoice.audit"))
    costs = []
    for first, last in ((0, 2000), (2000, 20_000)):
        rows = [AuditedRow(f"{number:020}", f"{number:020}", b"{}", alike="a") for number in range(first, last)]
        await journal.keep_audited(claim.command, rows)
        costs.append(await meter.steps(lambda: journal.audited(claim.command, f"{900:020}", 200)))
    assert costs[1] <= costs[0] * 1.1
    assert await journal.count_audited(claim.command) == 20_000


def _plans_of_sqlite() -> dict[str, list[str]]:
    connection = sqlite3.connect(":memory:")
    for migration in migrations.load("sqlite"):
        connection.executescript(migration.sql)
    plans = {}
    for name, sql in queries.load("sqlite").items():
        values = dict.fromkeys(re.findall(r":([a-z_0-9]+)", sql))
        plans[name] = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    return plans


def test_no_statement_of_sqlite_walks_through_a_table() -> None:
    """But through small ones, and where a person asks for a list of everything, newest first."""
    walks = re.compile(r"^SCAN (?!CONSTANT|\()(\w+)(?! VIRTUAL)( LEFT-JOIN)?$")
    own = {"holders", "pair", "n", "s", "h", "wanted", "g", "tenants", "of"}  # results of the statement's own parts
    found = {
        (name, walk[1])
        for name, plan in _plans_of_sqlite().items()
        for line in plan
        if (walk := walks.match(line)) and walk[1] not in own | SMALL
    }
    # What a person asks for, of everything there is.
    assert found == {("list_commands", "c"), ("outbox_depth", "outbox"), ("vault_years", "vault_file")}


async def test_a_page_of_any_size_is_four_round_trips(server: PostgresJournal) -> None:
    claim = await begin(server, new("q", type="invoice.query"))
    counts, named = [], set(queries.load("postgres").values())
    for sequence, size in enumerate((10, 1000), 1):
        rows = [found(f"{sequence}-{number}") for number in range(size)]
        items = {row.invoice_id: b"[]" for row in rows}
        findings = brought(*rows, items=items, files=tuple(pdf(row.invoice_id) for row in rows))
        page = step(claim, CommandState.RUNNING, "page", first=sequence, findings=findings)
        asked: list[str] = []
        await _listen_to(server, asked)
        assert await server.record(page)
        counts.append(len([sql for sql in asked if sql in named]))
    assert counts == [4, 4]


async def test_what_is_asked_most_is_one_round_trip(server: PostgresJournal) -> None:
    """However much of it there is; a claim begins and ends a transaction besides."""
    asked: list[str] = []
    await _listen_to(server, asked)
    orders = [
        new(f"{turn}-{lane}", lane=f"u{lane}", order_no=f"{turn}/{lane}") for turn in range(2) for lane in range(30)
    ]
    await admit(server, *orders)
    claims = await server.claim("w1", 30, NOW)
    assert len(claims) == 30
    await asyncio.gather(*(server.unsettled(claim.lease.lane) for claim in claims))
    await asyncio.gather(*(server.last_results(claim.lease.lane, 5) for claim in claims))
    await asyncio.gather(*(server.seller("/a", str(number)) for number in range(30)))
    moves = [step(claim, CommandState.FAILED, "failed") for claim in claims]
    answers = await asyncio.gather(*map(server.record_and_next, moves))
    assert all(is_written and following is not None for is_written, following in answers)

    names = {sql: name for name, sql in queries.load("postgres").items()}
    assert [names.get(sql, sql) for sql in asked if sql in names or sql.startswith(("BEGIN", "COMMIT"))] == [
        "admit_plain",
        "claim",
        "unsettled_commands",
        "last_results",
        "read_sellers",
        "write_batch",
    ]


async def test_the_server_is_asked_once_what_arrays_are_made_of(server: PostgresJournal) -> None:
    """By one connection for all of them: over a slow store that is most of what each would wait for at first."""
    asked: list[str] = []
    await _listen_to(server, asked)
    pool: Any = server._connections._pool
    connections = [await pool.acquire() for _ in range(3)]
    for connection in connections:
        assert await connection.fetchval("SELECT $1::smallint[]", [1, 2]) == [1, 2]
        await pool.release(connection)

    assert len([sql for sql in asked if "typeinfo_tree" in sql]) <= 1


async def test_what_is_less_than_plain_is_admitted_one_by_one(server: PostgresJournal) -> None:
    """With the same answers, in whichever company it comes."""
    first = new("a", lane="u1", order_no="1")
    assert await admit(server, first, new("b", lane="u2")) == [Admission.ACCEPTED] * 2
    others = (first, new("c", lane="u3"), new("d", lane="u1", order_no="1"))
    assert await admit(server, *others) == [Admission.REPEATED, Admission.ACCEPTED, Admission.FOLLOWING]
    assert await admit(server, new("e"), new("e")) == [Admission.ACCEPTED, Admission.REPEATED]


async def _listen_to(journal: Any, asked: list[str]) -> None:
    """Have every connection of the pool tell what it is asked from now on."""
    pool = journal._connections._pool
    connections = [await pool.acquire() for _ in range(pool.get_max_size())]
    for connection in connections:
        connection.add_query_logger(lambda record: asked.append(record.query))
    await asyncio.gather(*(pool.release(connection) for connection in connections))


async def test_a_claim_within_bounds_costs_by_tenants_not_by_lanes(journal: SqliteJournal) -> None:
    """A tenant that may have no more has its lanes passed over at once, however many wait at the front."""
    meter, within = Meter(journal), ClaimBounds(connecting=20, of_tenant=500, left={"heavy": 0})
    await admit(journal, *(new(f"l{n}", source="light", lane=f"l{n}") for n in range(60)))
    await admit(journal, *(new(f"h{n}", source="heavy", lane=f"h{n}") for n in range(100)))
    few = await meter.steps(lambda: journal.claim("w1", 20, NOW, within=within))
    await admit(journal, *(new(f"g{n}", source="heavy", lane=f"g{n}") for n in range(10_000)))
    many = await meter.steps(lambda: journal.claim("w1", 20, NOW, within=within))
    assert many <= few * 1.2
