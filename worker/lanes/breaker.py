"""Who may knock at a gateway that does not answer: few, and seldom.

Pure: moments come in as monotonic seconds, chances in [0, 1]. Knows nothing of lanes or sockets.
"""

from dataclasses import dataclass

OPENS_AFTER = 3
"""Connection failures in a row, over all lanes, after which only probes go on."""


@dataclass(slots=True)
class GatewayBreaker:
    """Open as long as connections succeed; after a row of failures it lets a few probes through, spaced out."""

    probes: int
    shortest_seconds: float = 0.5
    longest_seconds: float = 15.0
    failures: int = 0
    _next_probe_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether everybody may connect."""
        return self.failures < OPENS_AFTER

    def may_begin(self, wished: int, at: float) -> int:
        """How many lanes that have no session yet may begin now."""
        if self.is_open:
            return wished
        return min(wished, self.probes) if at >= self._next_probe_at else 0

    def seconds_closed(self, at: float) -> float:
        """How long until the next probe; 0 where one may go now."""
        return 0.0 if self.is_open else max(0.0, self._next_probe_at - at)

    def succeeded(self) -> None:
        """A connection stands: everybody may connect again."""
        self.failures = 0

    def probed(self, at: float) -> None:
        """Probes were let through: no more of them until they have had time to fail."""
        if not self.is_open:
            self._next_probe_at = max(self._next_probe_at, at + self._span)

    def failed(self, at: float, chance: float) -> None:
        """A connection could not be made for a reason that concerns all."""
        self.failures += 1
        if not self.is_open:
            self._next_probe_at = at + self._span * (0.5 + chance / 2)

    @property
    def _span(self) -> float:
        doublings: int = 2 ** min(self.failures - OPENS_AFTER, 10)
        return min(self.longest_seconds, self.shortest_seconds * doublings)
