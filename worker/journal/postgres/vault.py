"""Files to fetch into the vault, files kept there, and who is told of them, on PostgreSQL.

Replicas share the work: what one has taken is not due until its time is over, and locked rows are passed over.
"""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.invoice_rows import to_due_file, to_kept_file, to_untold, to_vault_year
from worker.journal.postgres.outbox import copies_of, insert_copies, insert_events
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_snapshot, one_transaction, without_transaction
from worker.journal.rows import found
from worker.records import DueFile, Event, KeptCopy, KeptFile, Untold, VaultYear


class PostgresVault(PostgresStore):
    """See `VaultJournal`."""

    @one_transaction
    async def enter_files(self, statements: Statements, now: datetime, limit: int) -> int:
        """See `VaultJournal.enter_files`."""
        rows = await statements.all("unentered_files", limit)
        pairs = [(row["invoice_id"], row["type"]) for row in rows]
        if pairs:
            await statements.run("set_entered", *columns(pairs, 2))
        # In one order, so that two replicas that enter the same files do not wait for each other in a circle.
        named = sorted((row for row in rows if row["number"]), key=lambda row: (row["number"], row["type"]))
        for row in named:
            if row["invoice_date"] is None or not row["seller_id"]:
                continue
            values = [row[name] for name in ("number", "type", "invoice_id", "seller_id", "invoice_date", "url")]
            await statements.run("enter_vault_file", *values, now)
            await statements.run("enter_tellings", row["number"], row["type"])
            await statements.run("open_tellings", row["number"], row["type"])
        return len(rows)

    @one_transaction
    async def files_due(self, statements: Statements, now: datetime, until: datetime, limit: int) -> list[DueFile]:
        """See `VaultJournal.files_due`."""
        rows = await statements.all("take_due_files", now, until, limit)
        return [to_due_file(row, await statements.one("invoice_by_number", row["number"])) for row in rows]

    @one_transaction
    async def file_kept(self, statements: Statements, file: DueFile, copy: KeptCopy) -> bool:
        """See `VaultJournal.file_kept`."""
        told = (copy.vault_key, copy.sha256, copy.size, copy.stored_at, copy.differs, file.url)
        if await statements.one("keep_vault_file", file.key, *told) is None:
            return False
        await statements.run("ready_tellings", file.key)
        return True

    @without_transaction
    async def file_put_off(self, statements: Statements, file: DueFile, due_at: datetime, reason: str) -> None:
        """See `VaultJournal.file_put_off`."""
        await statements.run("put_off_vault_file", file.key, due_at, reason, file.url)

    @one_transaction
    async def file_missing(self, statements: Statements, file: DueFile, reason: str) -> bool:
        """See `VaultJournal.file_missing`."""
        if await statements.one("miss_vault_file", file.key, reason) is None:
            return False
        await statements.run("ready_tellings", file.key)
        return True

    @one_snapshot
    async def untold_files(self, statements: Statements, commands: int, files: int) -> list[Untold]:
        """See `VaultJournal.untold_files`."""
        untold = []
        for row in await statements.all("commands_to_tell", commands):
            key = row["command_key"]
            command = statements.command(found(await statements.one("read_command", key), key))
            untold.append(to_untold(command, await statements.all("files_to_tell", key, files)))
        return untold

    @one_transaction
    async def tell_files(self, statements: Statements, untold: Untold, event: Event, now: datetime) -> bool:
        """See `VaultJournal.tell_files`."""
        command = untold.command
        counted = await statements.one("count_event", command.key, event.sequence, command.last_sequence)
        if counted is None:
            return False
        await insert_events(statements, [(command.key, event, now)])
        await insert_copies(statements, copies_of(command.key, command, (event,), now), self._worker)
        await statements.run("set_told", command.key, untold.file_keys)
        return True

    @without_transaction
    async def kept_files(
        self, statements: Statements, after: int, limit: int, number: str | None = None
    ) -> Sequence[KeptFile]:
        """See `VaultJournal.kept_files`."""
        return [to_kept_file(row) for row in await statements.all("kept_files", after, number, limit)]

    @without_transaction
    async def vault_years(self, statements: Statements) -> Sequence[VaultYear]:
        """See `VaultJournal.vault_years`."""
        return [to_vault_year(row) for row in await statements.all("vault_years")]
