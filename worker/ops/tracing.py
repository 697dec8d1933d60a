"""Traces, or none: what the worker's parts are wrapped in where `FAPIAO_OTEL` asks for it.

Guarantees that without it nothing of OpenTelemetry is imported and nothing is wrapped, so that it costs nothing.
Knows nothing of spans: they are in `otel`, which only `bootstrap` imports, where traces are asked for.
"""

from typing import TypeVar

Part = TypeVar("Part")


class Tracing:
    """Every part as it is. `otel.Spans` wraps it, so that what it does is traced; what comes out has all that the part
    has."""

    def intake(self, journal: Part) -> Part:
        """An `IntakeJournal`: a span for each message taken in."""
        return journal

    def lanes(self, journal: Part) -> Part:
        """A `LaneJournal`: a span for each run of a command, and for each end without a lane."""
        return journal

    def gateway(self, gateway: Part) -> Part:
        """A `Gateway`: a span for each step of the dialogue."""
        return gateway

    def publisher(self, publisher: Part) -> Part:
        """The relay's publisher: a span for each attempt to publish a copy."""
        return publisher

    async def close(self) -> None:
        """Send what is left, bounded in time. Never raises."""
