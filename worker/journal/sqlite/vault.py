"""Files to fetch into the vault, files kept there, and who is told of them, on SQLite."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.invoice_rows import to_due_file, to_kept_file, to_untold, to_vault_year
from worker.journal.rows import found, micros
from worker.journal.sqlite.outbox import insert_events
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import DueFile, Event, KeptCopy, KeptFile, Untold, VaultYear


class SqliteVault(SqliteStore):
    """See `VaultJournal`."""

    @one_transaction
    def enter_files(self, statements: Statements, now: datetime, limit: int) -> int:
        """See `VaultJournal.enter_files`."""
        rows = statements.all("unentered_files", limit=limit)
        for row in rows:
            statements.run("set_entered", invoice_id=row["invoice_id"], type=row["type"])
            if row["number"] is None or row["invoice_date"] is None or not row["seller_id"]:
                continue
            values = {name: row[name] for name in ("number", "type", "invoice_id", "seller_id", "invoice_date", "url")}
            entered = statements.run("enter_vault_file", **values, now=micros(now))
            statements.run("enter_tellings", number=row["number"], type=row["type"])
            if entered:
                statements.run("open_tellings", number=row["number"], type=row["type"])
        return len(rows)

    @one_transaction
    def files_due(self, statements: Statements, now: datetime, until: datetime, limit: int) -> list[DueFile]:
        """See `VaultJournal.files_due`."""
        rows = statements.all("take_due_files", now=micros(now), until=micros(until), limit=limit)
        return [to_due_file(row, statements.one("invoice_by_number", number=row["number"])) for row in rows]

    @one_transaction
    def file_kept(self, statements: Statements, file: DueFile, copy: KeptCopy) -> bool:
        """See `VaultJournal.file_kept`."""
        kept = statements.run(
            "keep_vault_file",
            key=file.key,
            url=file.url,
            vault_key=copy.vault_key,
            sha256=copy.sha256,
            size=copy.size,
            at=micros(copy.stored_at),
            differs=copy.differs,
        )
        if kept:
            statements.run("ready_tellings", key=file.key)
        return kept > 0

    @one_transaction
    def file_put_off(self, statements: Statements, file: DueFile, due_at: datetime, reason: str) -> None:
        """See `VaultJournal.file_put_off`."""
        statements.run("put_off_vault_file", key=file.key, due_at=micros(due_at), reason=reason, url=file.url)

    @one_transaction
    def file_missing(self, statements: Statements, file: DueFile, reason: str) -> bool:
        """See `VaultJournal.file_missing`."""
        missed = statements.run("miss_vault_file", key=file.key, reason=reason)
        if missed:
            statements.run("ready_tellings", key=file.key)
        return missed > 0

    @one_transaction
    def untold_files(self, statements: Statements, commands: int, files: int) -> list[Untold]:
        """See `VaultJournal.untold_files`."""
        untold = []
        for row in statements.all("commands_to_tell", limit=commands):
            key = row["command_key"]
            command = statements.command(found(statements.one("read_command", key=key), key))
            untold.append(to_untold(command, statements.all("files_to_tell", command_key=key, limit=files)))
        return untold

    @one_transaction
    def tell_files(self, statements: Statements, untold: Untold, event: Event, now: datetime) -> bool:
        """See `VaultJournal.tell_files`."""
        command = untold.command
        counted = statements.run(
            "count_event", key=command.key, last_sequence=event.sequence, known_sequence=command.last_sequence
        )
        if not counted:
            return False
        insert_events(statements, command.key, command, (event,), at=now)
        statements.run_each("set_told", [{"command_key": command.key, "file_key": key} for key in untold.file_keys])
        return True

    @one_transaction
    def kept_files(
        self, statements: Statements, after: int, limit: int, number: str | None = None
    ) -> Sequence[KeptFile]:
        """See `VaultJournal.kept_files`."""
        return [to_kept_file(row) for row in statements.all("kept_files", after=after, limit=limit, number=number)]

    @one_transaction
    def vault_years(self, statements: Statements) -> Sequence[VaultYear]:
        """See `VaultJournal.vault_years`."""
        return [to_vault_year(row) for row in statements.all("vault_years")]
