"""The PostgreSQL journal: any number of worker processes."""

from worker.journal.postgres.journal import PostgresJournal

__all__ = ["PostgresJournal"]
