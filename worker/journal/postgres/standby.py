"""Commits that wait for a synchronous standby, and those that nobody waited for. Knows nothing of what is committed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from asyncpg import InterfaceError

from worker.errors import JournalUnavailable

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import PoolConnectionProxy

_WAITING_FUNCTION = "SyncRepWaitForLSN"
"""Where the server gives the warning; its text comes in the server's language."""


class StandbyWait:
    """Whether commits of one pool are known to be where the server was told to keep them.

    Where PostgreSQL is told to wait for a standby, a commit whose wait is cancelled (by an operator, by a time limit,
    by the end of a session) stands on the primary alone: the server says so by a warning, and answers as if all were
    well. After a fail-over it would be gone. Guarantees that no such commit passes for durable: the operation that
    made it is unavailable, and nothing goes on until a later commit, which covers all before it, has been waited for
    to its end.
    """

    def __init__(self) -> None:
        self._doubts = 0
        self._proven = 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether a commit must be waited for to its end before anything goes on."""
        return self._proven < self._doubts

    def doubt(self) -> None:
        """A commit may have gone through that nobody waited for."""
        self._doubts += 1

    @contextmanager
    def watched(self, connection: "PoolConnectionProxy[Record]") -> Iterator[None]:
        """Raises `JournalUnavailable` at the end where the server gave up waiting for its standby meanwhile."""
        given_up: list[object] = []

        def note(_: object, message: Any) -> None:
            if getattr(message, "server_source_function", None) == _WAITING_FUNCTION:
                given_up.append(message)

        connection.add_log_listener(note)
        try:
            yield
        finally:
            with suppress(InterfaceError):  # of a connection that ended meanwhile
                connection.remove_log_listener(note)
        if given_up:
            raise JournalUnavailable("PostgreSQL: a commit is not on the synchronous standby, for its wait was ended")

    @contextmanager
    def proving(self) -> Iterator[None]:
        """What ends here without an error proves every commit before it began."""
        doubts = self._doubts
        yield
        self._proven = max(self._proven, doubts)
