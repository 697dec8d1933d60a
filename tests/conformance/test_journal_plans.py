"""How PostgreSQL goes about each statement: by a probe of an index, whatever it believes of its tables."""

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.conformance.journal_builders import admit, new
from worker.journal import queries
from worker.journal.postgres import PostgresJournal
from worker.journal.postgres.pool import _SESSION

SMALL = {"worker", "account", "seller_rest"}
"""Tables of a row per process, or per tax-bureau account that was refused."""


@pytest.fixture
async def session(server: PostgresJournal, postgres_url: str) -> AsyncIterator[Any]:
    """A session as the journal's own, beside it."""
    connection = await asyncpg.connect(postgres_url, server_settings=_SESSION)
    yield connection
    await connection.close()


async def plan_of(session: Any, sql: str) -> list[str]:
    """The lines of a statement's plan, made for any values."""
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    await session.execute(f"PREPARE asked AS {sql}")
    given = f"({', '.join(['NULL'] * count)})" if count else ""
    plan = [line for (line,) in await session.fetch(f"EXPLAIN EXECUTE asked{given}")]
    await session.execute("DEALLOCATE asked")
    return plan


async def test_no_statement_of_postgres_walks_through_a_table(session: Any) -> None:
    walked = set()
    for name, sql in queries.load("postgres").items():
        plan = await plan_of(session, sql)
        walked |= {(name, table) for line in plan for table in re.findall(r"Seq Scan on (\w+)", line)}
    # What a person asks for, of everything there is.
    assert {(name, table) for name, table in walked if table not in SMALL} == {("vault_years", "vault_file")}


async def test_no_statement_of_postgres_goes_through_an_index_for_a_key(session: Any) -> None:
    """Planned while there is nothing, as a new worker's are, it would look through all that waits for each of a batch.
    What takes the first of an order, counts, or is listed for a person goes through an index rightly."""
    walked = set()
    for name, sql in queries.load("postgres").items():
        plan = "\n".join(await plan_of(session, sql))
        walked |= {(name, index) for index in re.findall(r"Scan using (\w+) on .*(?:\n(?! +Index Cond: )|$)", plan)}
    assert walked - _FOR_A_PERSON <= _IN_ORDER | _COUNTED


_IN_ORDER = {
    ("dead_holders", "lane_holder"),
    ("take_lanes", "lane_ready"),
    ("nudged_followers", "follower_nudged"),
    ("look_ups_to_lift", "one_look_up_per_account"),
    ("lanes_held_for_seller", "command_held"),
    ("lock_unentered_files", "invoice_file_unentered"),
    ("commands_to_tell", "vault_telling_ready"),
    ("give_up_rows", "worker_pkey"),
}
_COUNTED = {
    ("count_ready_lanes", "lane_ready_kind"),
    ("count_sought", "command_sought"),
    ("count_unconfirmed", "command_unconfirmed"),
    ("outbox_depth", "outbox_due"),
    ("outbox_depth", "outbox_undeliverable"),
}
_FOR_A_PERSON = {
    ("undeliverable_rows", "outbox_undeliverable"),
    ("resend_rows", "outbox_undeliverable"),
    ("discard_rows", "outbox_undeliverable"),
    ("count_prunable", "command_pkey"),
}


async def test_all_that_waits_is_not_gone_through_where_the_statistics_are_of_a_backlog_that_is_over(
    session: Any,
) -> None:
    """Most tables are analysed while nothing waits. An index of all that waits looks as if it were empty then, and
    cheaper than one by lane: each lane's head was looked for among all that waits on any lane."""
    await session.execute(_BACKLOG)
    await session.execute("UPDATE command SET state = 'completed'")
    await session.execute("ANALYZE command")
    walked = set()
    for name, sql in queries.load("postgres").items():
        plan = "\n".join(await plan_of(session, sql))
        walked |= {(name, found[1] or found[2]) for found in _THROUGH_WHAT_WAITS.finditer(plan)}
    assert walked == {("sealing_keys", "command_state")}  # of all that has secrets


_THROUGH_WHAT_WAITS = re.compile(
    r"Scan using (command_waiting\w*|command_held\w*|command_unsettled) on command\b.*\n(?! +Index Cond: )"
    r"|Scan using (command_state) on command\b.*\n +Index Cond: \(state = (?:'waiting'|'held'|ANY)"
)
_BACKLOG = """
INSERT INTO command (source, id, type, content_hash, state, lane, priority, received_at, correlation_id, seller,
                     fingerprint)
SELECT 'erp', state || n, 'invoice.issue', '', state, state || n, 0, now(), '', 's', n
FROM generate_series(1, 1000) AS n, unnest(ARRAY['waiting', 'held', 'checking', 'in_doubt']) AS state
"""


@pytest.mark.parametrize("rows", [0, 20])
async def test_a_batch_finds_its_commands_by_key_where_the_statistics_are_old(
    server: PostgresJournal, session: Any, rows: int
) -> None:
    """Analysed while little waited, the planner would go through everything that waits for each of a batch."""
    await admit(server, *(new(f"c{number}", lane=f"u{number}") for number in range(rows)))
    await session.execute("ANALYZE")
    asked = ("take_heads", "peek_heads", "read_heads", "resume_commands", "busy_lanes")
    for name in (*asked, "move_command", "move_commands"):
        plan = await plan_of(session, queries.load("postgres")[name])
        for number, line in enumerate(plan):
            if scan := re.search(r"Scan using (\w+) on (command|payload|lane)\b", line):
                assert scan[1] in _BY_KEY_OR_LANE, (name, line)
                assert re.search(rf"Index Cond: .*\b{_BY_KEY_OR_LANE[scan[1]]}\b", plan[number + 1]), (name, line)


@pytest.mark.parametrize("rows", [0, 300])
async def test_a_row_to_publish_is_compared_with_its_stream_alone(
    server: PostgresJournal, session: Any, rows: int
) -> None:
    """And not with all that is to be published, though the planner takes the outbox for as empty as it mostly is."""
    await session.execute(_PENDING, rows)
    await session.execute("ANALYZE")
    probes = {"due_rows": 3, "due_heads": 2, "outbox_due_since": 1, "has_second_pending": 1, "postpone_streams": 1}
    for name, number in probes.items():
        plan = "\n".join(await plan_of(session, queries.load("postgres")[name]))
        by_stream = re.findall(r"Scan using outbox_stream on outbox.*\n +Index Cond: \(\(command_key = ", plan)
        assert len(by_stream) == number, plan
    for name in ("postpone_rows", "postpone_streams", "set_undeliverable", "give_up_rows", "adopt_rows"):
        plan = "\n".join(await plan_of(session, queries.load("postgres")[name]))
        assert not re.search(r"Scan using \w+ on outbox.*\n(?! +Index Cond: )", plan), plan


_PENDING = """
INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id, owner,
                    due_at, created_at)
SELECT n, 1, n, 't', '', n, '', '', 'w1', now(), now() FROM generate_series(1, $1::integer) AS n
"""


_BY_KEY_OR_LANE = {
    "command_pkey": "key",
    "payload_pkey": "key",
    "command_waiting": "lane",
    "command_unsettled": "lane",
    "one_running_per_lane": "lane",
    "lane_pkey": "lane",
}
"""Index to the column that it must be probed by."""
