"""Forgetting by age, on SQLite. Each function is one operation, or a part of one, inside the writer's transaction."""

from worker.journal.pruning import first_of
from worker.journal.rows import found
from worker.journal.sqlite.statements import Statements
from worker.records import Pruned


def count(statements: Statements, before: int) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(statements.one("count_prunable", before=before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


def prune(statements: Statements, before: int, limit: int) -> Pruned:
    """See `OperatorJournal.prune`."""
    commands = first_of(statements.all("pick_commands", before=before, limit=limit), limit)
    _forget_commands(statements, commands)
    issues = first_of(statements.all("pick_issues", before=before, limit=limit), limit)
    _empty_issues(statements, issues)
    invoices = [{"key": row["key"]} for row in statements.all("pick_invoices", before=before, limit=limit)]
    statements.run_each("forget_links_to", invoices)
    statements.run_each("forget_invoice", invoices)
    return Pruned(
        commands=len(commands),
        payloads=len(issues),
        invoices=len(invoices),
        items=statements.run("forget_items", before=before, limit=limit),
        files=statements.run("forget_files", before=before, limit=limit),
        strays=statements.run("forget_strays", before=before, limit=limit),
    )


def _forget_commands(statements: Statements, keys: list[int]) -> None:
    values = [{"key": key} for key in keys]
    statements.run_each("forget_links", values)
    statements.run_each("forget_events", values)
    statements.run_each("forget_payload", values)
    statements.run_each("loosen_strays", values)
    statements.run_each("forget_command", values)


def _empty_issues(statements: Statements, keys: list[int]) -> None:
    values = [{"key": key} for key in keys]
    statements.run_each("forget_earlier_events", values)
    statements.run_each("empty_payload", values)
    statements.run_each("set_emptied", values)
