"""The worker's own view of its lease: how long it may still act, by a clock that does not stop when the process does.

Pure: moments come in as monotonic seconds. Errs on the safe side: the lease is counted from before it was asked
for, and ends a margin early.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LeaseWatch:
    """One lease on all of this worker's lanes."""

    length_seconds: float
    closing_seconds: float = 0.0
    """What the closing of a session may take."""
    _asked_at: float = float("-inf")
    is_given_up: bool = False
    """Set once the lease is known to be lost; the worker must register anew."""
    margin_seconds: float = field(init=False)
    """Kept back for clocks that run apart, for what is already on its way, and for sessions to be closed in; never more
    than half of the lease, or it could not be renewed in time."""

    def __post_init__(self) -> None:
        usual = min(10.0, self.length_seconds / 6)
        self.margin_seconds = min(self.length_seconds / 2, max(usual, self.closing_seconds))

    def granted(self, asked_at: float) -> None:
        """The store granted or renewed the lease; it was asked at this moment."""
        self._asked_at = max(self._asked_at, asked_at)

    def is_safe(self, at: float) -> bool:
        """Whether an irreversible act may begin, and whether sessions may stay open."""
        return self.seconds_safe(at) > 0

    def seconds_safe(self, at: float) -> float:
        """How long `is_safe` will go on to hold without a renewal; 0 where it does not. Sessions must be closed by
        then: the margin is there so that they are gone before another worker may open theirs."""
        if self.is_given_up:
            return 0.0
        return max(0.0, self._asked_at + self.length_seconds - self.margin_seconds - at)
