"""The worker's own view of its lease: how long it may still act, by a clock that does not stop when the process does.

Pure: moments come in as monotonic seconds. Errs on the safe side: the lease is counted from before it was asked
for, and ends a margin early.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class LeaseWatch:
    """One lease on all of this worker's lanes."""

    length_seconds: float
    _asked_at: float = float("-inf")
    is_given_up: bool = False
    """Set once the lease is known to be lost; a new worker id is needed then."""

    @property
    def margin_seconds(self) -> float:
        """Kept back for clocks that run apart and for what is already on its way."""
        return min(10.0, self.length_seconds / 6)

    def granted(self, asked_at: float) -> None:
        """The store granted or renewed the lease; it was asked at this moment."""
        self._asked_at = max(self._asked_at, asked_at)

    def is_safe(self, at: float) -> bool:
        """Whether an irreversible act may begin."""
        return not self.is_given_up and at < self._asked_at + self.length_seconds - self.margin_seconds

    def has_run_out(self, at: float) -> bool:
        """Whether another worker may hold the lanes by now."""
        return self.is_given_up or at >= self._asked_at + self.length_seconds
