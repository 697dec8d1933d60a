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
    commands = first_of(await statements.all("pick_commands", before, limit), limit)
    issues = first_of(await statements.all("pick_issues", before, limit), limit)
    invoices = [row["key"] for row in await statements.all("pick_invoices", before, limit)]
    return Pruned(
        commands=len(await statements.all("forget_commands", commands)),
        payloads=len(await statements.all("empty_issues", issues)),
        invoices=len(await statements.all("forget_invoices", invoices)),
        items=len(await statements.all("forget_items", before, limit)),
        files=len(await statements.all("forget_files", before, limit)),
        strays=len(await statements.all("forget_strays", before, limit)),
    )
