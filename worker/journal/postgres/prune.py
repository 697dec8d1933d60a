"""Forgetting by age, on PostgreSQL."""

from datetime import datetime

from worker.journal.postgres.statements import Statements
from worker.journal.pruning import first_of
from worker.journal.rows import found
from worker.records import Pruned


async def count(statements: Statements, before: datetime) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(await statements.one("count_prunable", before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


async def prune(statements: Statements, before: datetime, limit: int) -> Pruned:
    """See `OperatorJournal.prune`. Inside one transaction; what another one has locked is left for the next time."""
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
