"""Forgetting by age, and sealing anew what an earlier key sealed, on SQLite."""

from datetime import datetime

from worker.journal.rows import first_of, found, micros
from worker.journal.sealing import Sealer, reseal_all
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import FINAL, CommandState, Pruned, Resealing


class SqliteUpkeep(SqliteStore):
    """What an operator asks for now and then: see `OperatorJournal`."""

    @one_transaction
    def prune(self, statements: Statements, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        """See `OperatorJournal.prune`."""
        moment = micros(before)
        return _count(statements, moment) if dry_run else _prune(statements, moment, limit)

    async def reseal(self) -> Resealing:
        """See `OperatorJournal.reseal`."""
        return await reseal_all(await self._sealer(), self._reseal_some, self._key_ids)

    @one_transaction
    def _sealer(self, statements: Statements) -> Sealer:
        return statements.sealer

    @one_transaction
    def _key_ids(self, statements: Statements) -> list[bytes]:
        return [row["key_id"] for row in statements.all("sealing_keys")]

    @one_transaction
    def _reseal_some(
        self, statements: Statements, state: CommandState, after: int, limit: int
    ) -> tuple[int, int | None]:
        """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked
        at (None where there are no more)."""
        sealer = statements.sealer
        if state in FINAL:
            rows = statements.all("stale_secrets_sought", head=sealer.head, after=after, limit=limit)
        else:
            rows = statements.all("stale_secrets", state=state, head=sealer.head, after=after, limit=limit)
        done = 0
        for row in rows:
            sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
            if sealed is None:
                continue  # what cannot be opened stays, and is told
            done += statements.run("replace_secrets", key=row["key"], old=row["secrets"], new=sealed)
        return done, rows[-1]["key"] if len(rows) == limit else None


def _count(statements: Statements, before: int) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(statements.one("count_prunable", before=before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


def _prune(statements: Statements, before: int, limit: int) -> Pruned:
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
    statements.run_each("forget_audit", values)
    statements.run_each("forget_links", values)
    statements.run_each("forget_listeners", values)
    statements.run_each("forget_tellings", values)
    statements.run_each("forget_events", values)
    statements.run_each("forget_payload", values)
    statements.run_each("loosen_strays", values)
    statements.run_each("forget_command", values)


def _empty_issues(statements: Statements, keys: list[int]) -> None:
    values = [{"key": key} for key in keys]
    statements.run_each("forget_earlier_events", values)
    statements.run_each("forget_listeners", values)
    statements.run_each("empty_payload", values)
    statements.run_each("set_emptied", values)
