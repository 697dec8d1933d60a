"""Spans kept in memory, by the SDK's own exporter."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from worker.ops.otel import Spans
from worker.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
"""What a caller's own span would have put into the command's header."""


class Kept:
    """A worker's spans, and the wrapping parts that make them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = Spans(provider, Settings(_env_file=None, gateway_url="wss://gateway.example/tax"))

    @property
    def all(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in the order in which they did."""
        return self._exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.all]

    def one(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (span,) = [span for span in self.all if span.name == name]
        return span


def said(span: ReadableSpan, attribute: str) -> object:
    """One attribute; None where it is missing."""
    return (span.attributes or {}).get(attribute)


def parent_of(span: ReadableSpan) -> str | None:
    """The parent's id as a header writes it."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    """Its own id, likewise."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def trace_of(span: ReadableSpan) -> str:
    """The trace it belongs to."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"
