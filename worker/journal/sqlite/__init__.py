"""The SQLite journal: one file, one process, one writing thread."""

from worker.journal.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal"]
