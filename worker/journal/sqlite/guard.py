"""Whether the files of an open journal are still the ones at their places.

A file that is removed or replaced under its worker goes on for the worker, and is gone with it: what was acknowledged
meanwhile nobody would know any more, and an order would be issued again. Guarantees that no transaction is told as
durable while database, write-ahead log or process lock are not in their places. Costs a few microseconds.
"""

import os
from pathlib import Path

import structlog

from worker.errors import JournalUnavailable
from worker.journal.sqlite.opening import ProcessLock

log = structlog.get_logger()

Identity = tuple[int, int]


class FileGuard:
    """Remembers the files as they were opened."""

    def __init__(self, database: Path, lock: ProcessLock) -> None:
        self._lock = lock
        self._files: dict[Path, Identity | None] = {
            database: _identity(database),
            database.with_name(database.name + "-wal"): None,  # made by the first write
        }

    def check(self) -> None:
        """Raises `JournalUnavailable`, with what happened and what to do."""
        for file, known in self._files.items():
            found = _identity(file)
            if known is None:
                self._files[file] = found
            elif found is None:
                raise JournalUnavailable(f"{file} is gone from under the worker: put it back where it was. {_ADVICE}")
            elif found != known:
                raise JournalUnavailable(f"{file} was replaced under the worker: put the first one back. {_ADVICE}")
        if self._lock.is_lost():
            self._lock.take_again()


_ADVICE = "Nothing is taken in or begun until then. If it cannot be found, end the worker and see Back up and restore"


def _identity(file: Path) -> Identity | None:
    try:
        status = os.stat(file)  # noqa: PTH116  on each transaction
    except OSError:
        return None
    return status.st_dev, status.st_ino
