"""The circuit breaker: while the gateway does not answer, few lanes may try to connect, and seldom.

What concerns one user closes nothing for the others: a refused identity counts for nothing, and what may be one user's
own trouble (no answer in time, a server error, a connection that is dropped in the handshake) counts only where it
meets several of them in a row. Pure: moments come in as monotonic seconds, chances in [0, 1]. Knows nothing of lanes
or sockets.
"""

from dataclasses import dataclass, field

from worker.backoff import doubled

OPENS_AFTER = 3
"""Failures in a row of the kind that everybody would meet, after which only probes go on."""
SEVERAL = 5
"""Different users that failed in a row, after which it is taken to concern everybody."""


@dataclass(slots=True)
class GatewayBreaker:
    """Open as long as connections succeed; after a row of failures it lets a few probes through, spaced out."""

    probes: int
    shortest_seconds: float = 0.5
    longest_seconds: float = 15.0
    longest_seconds_unsure: float = 2.0
    """The longest pause between probes where the failures may be some users' own trouble: the other users must not wait
    for long."""
    failures: int = 0
    """In a row, of the kind that everybody would meet."""
    _unsure: int = 0
    """Failures in a row that may be one user's own trouble."""
    _users: set[str] = field(default_factory=set)
    """The users who met one of these."""
    _next_probe_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether everybody may connect."""
        return self.failures < OPENS_AFTER and len(self._users) < SEVERAL

    def may_begin(self, wished: int, at: float) -> int:
        """How many that have no session yet may begin now."""
        if self.is_open:
            return wished
        return min(wished, self.probes) if at >= self._next_probe_at else 0

    def seconds_closed(self, at: float) -> float:
        """How long until the next probe; 0 where one may go now."""
        return 0.0 if self.is_open else max(0.0, self._next_probe_at - at)

    def succeeded(self) -> None:
        """A connection stands, or an identity was refused, which only somebody who is there can do: everybody may
        connect again."""
        self.failures = self._unsure = 0
        self._users.clear()

    def probed(self, at: float) -> None:
        """Probes were let through: no more of them until they have had time to fail."""
        if not self.is_open:
            self._next_probe_at = max(self._next_probe_at, at + self._span)

    def failed(self, user: str, at: float, chance: float, *, concerns_all: bool) -> None:
        """No connection for this user. `concerns_all` where nobody else could have had one at that moment."""
        if concerns_all:
            self.failures += 1
        else:
            self._unsure += 1
            if len(self._users) < SEVERAL:
                self._users.add(user)
        if not self.is_open:
            self._next_probe_at = at + self._span * (0.5 + chance / 2)

    @property
    def _span(self) -> float:
        is_sure = self.failures >= OPENS_AFTER
        row = self.failures - OPENS_AFTER if is_sure else self._unsure - SEVERAL
        longest = self.longest_seconds if is_sure else self.longest_seconds_unsure
        return doubled(row + 1, self.shortest_seconds, longest)
