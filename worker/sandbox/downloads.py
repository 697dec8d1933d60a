"""Which downloads failed, and how often each will fail again.

Pure. The gateway knows a failed download by its date text alone (trap 74), so the memory is by ``userId`` and that
text, byte for byte (trap 73). It outlives the socket, as ``invoice.download`` needs. It has nothing to do with which
files the look-ups list: the manual does not connect them.
"""

from typing import Final

ALWAYS: Final = 10**9
"""So many failures that no client sees the end of them."""


class Downloads:
    """The failed downloads of all users."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], int] = {}

    def fail(self, user_id: str, date: str, more: int = 0) -> None:
        """Note a failure that was told; retries fail so many times ``more``, then succeed."""
        self._left[user_id, date] = more

    def knows(self, user_id: str, date: str) -> bool:
        """Whether this user was told of a failure in exactly these bytes."""
        return (user_id, date) in self._left

    def retry(self, user_id: str, date: str) -> bool:
        """Try a known one again; true once it succeeds, and ever after."""
        left = self._left[user_id, date]
        self._left[user_id, date] = max(0, left - 1)
        return left == 0

    def forget(self) -> None:
        self._left.clear()
