"""Forgetting by age, and sealing anew what an earlier key sealed, on PostgreSQL."""

from datetime import datetime

from worker.journal.postgres.statements import Statements
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import first_of, found
from worker.journal.sealing import reseal_all
from worker.records import FINAL, CommandState, Pruned, Resealing


class PostgresUpkeep(PostgresStore):
    """What an operator asks for now and then: see `OperatorJournal`."""

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        """See `OperatorJournal.prune`. What another transaction has locked is left for the next time."""
        if dry_run:
            return await self._run(lambda statements: _count(statements, before))
        return await self._transact(lambda statements: _prune(statements, before, limit))

    async def reseal(self) -> Resealing:
        """See `OperatorJournal.reseal`."""
        return await reseal_all(self._sealer, self._reseal_some, self._key_ids)

    @without_transaction
    async def _key_ids(self, statements: Statements) -> list[bytes]:
        return [row["key_id"] for row in await statements.all("sealing_keys")]

    @one_transaction
    async def _reseal_some(
        self, statements: Statements, state: CommandState, after: int, limit: int
    ) -> tuple[int, int | None]:
        """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked
        at (None where there are no more). A command that ended meanwhile is left alone."""
        sealer = statements.sealer
        if state in FINAL:
            rows = await statements.all("stale_secrets_sought", sealer.head, after, limit)
        else:
            rows = await statements.all("stale_secrets", state, sealer.head, after, limit)
        done = 0
        for row in rows:
            sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
            if sealed is None:
                continue  # what cannot be opened stays, and is told
            done += await statements.one("replace_secrets", row["key"], row["secrets"], sealed) is not None
        return done, rows[-1]["key"] if len(rows) == limit else None


async def _count(statements: Statements, before: datetime) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(await statements.one("count_prunable", before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


async def _prune(statements: Statements, before: datetime, limit: int) -> Pruned:
    commands = await _published(statements, first_of(await statements.all("pick_commands", before, limit), limit))
    await statements.run("forget_commands", commands)
    issues = await _published(statements, first_of(await statements.all("pick_issues", before, limit), limit))
    await statements.run("empty_issues", issues)
    invoices = [row["key"] for row in await statements.all("pick_invoices", before, limit)]
    await statements.run("forget_invoices", invoices)
    return Pruned(
        commands=len(commands),
        payloads=len(issues),
        invoices=len(invoices),
        items=len(await statements.all("forget_items", before, limit)),
        files=len(await statements.all("forget_files", before, limit)),
        strays=len(await statements.all("forget_strays", before, limit)),
    )


async def _published(statements: Statements, keys: list[int]) -> list[int]:
    """Those of these commands, whose rows are locked, that nobody has queued a copy for before the lock was had."""
    return [row["key"] for row in await statements.all("without_copies", keys)]
