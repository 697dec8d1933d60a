"""What all spans share: headers in and out, what names a command, and how a span tells of a fault."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contracts.commands import CommandType
from worker.records import Route

PROPAGATOR: Final = TraceContextTextMapPropagator()
TYPES: Final = frozenset(CommandType)


class Forwarding:
    """A part, with some of its methods replaced."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def context_of(route: Route) -> Context:
    """What a route's headers say; a context of its own where they say nothing, or nonsense."""
    headers = {"traceparent": route.traceparent, "tracestate": route.tracestate}
    return PROPAGATOR.extract({name: value for name, value in headers.items() if value}, context=Context())


def carrier_of(span: Span) -> dict[str, str]:
    """The headers that make this span the parent of what reads them."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier, context=set_span_in_context(span, Context()))
    return carrier


def identity(command_id: str, source: str, command_type: str) -> dict[str, str]:
    """What a command is found by; a type that is none is a caller's own text, and left out."""
    known = {"fapiao.command.type": command_type} if command_type in TYPES else {}
    return {"fapiao.command.id": command_id, "fapiao.command.source": source} | known


@contextmanager
def ended(spans: Sequence[Span]) -> Iterator[None]:
    """All of them end with the block; a fault is theirs, by its kind alone: its text may quote what is secret."""
    try:
        yield
    except BaseException as error:
        for span in spans:
            fail(span, type(error).__name__)
        raise
    finally:
        for span in spans:
            span.end()


def fail(span: Span, why: str) -> None:
    """The span ended otherwise than hoped for; `why` is one of few words."""
    span.set_attribute("error.type", why)
    span.set_status(Status(StatusCode.ERROR))


def nanoseconds(at: datetime) -> int:
    """A moment as OpenTelemetry counts it."""
    return int(at.timestamp() * 1_000_000) * 1000
