"""What all spans share: headers in and out, what names a command, and how a span tells of a fault; and the spans of
messages in and events out, at intake and at the relay."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contracts.commands import CommandType
from worker.amqp.topology import ISSUE, Topology
from worker.records import Admission, Copy, NewCommand, OutboxRow, Route

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


# ---- messages in, events out ----------------------------------------------------------------------------


class TracedIntake(Forwarding):
    """`IntakeJournal`: from a message's arrival to its commit."""

    def __init__(self, part: Any, tracer: Tracer, topology: Topology) -> None:
        super().__init__(part)
        self._tracer = tracer
        self._topology = topology

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        """As the journal does, each command with the context of its span in its route."""
        spans = [self._begin(command) for command in commands]
        with ended(spans):
            results: Sequence[Admission] = await self._part.admit(
                [_continued(command, span) for command, span in zip(commands, spans, strict=True)],
                worker=worker,
                waiting_max=waiting_max,
            )
            for span, result in zip(spans, results, strict=True):
                span.set_attribute("fapiao.admission", result)
            return results

    def _begin(self, command: NewCommand) -> Span:
        exchange = self._topology.commands_exchange
        destination, routing = exchange, {}
        if command.type in TYPES:
            queue = self._topology.issue_queue if command.type == ISSUE else self._topology.query_queue
            destination = f"{exchange}:{command.type}:{queue}"
            routing = {"messaging.rabbitmq.destination.routing_key": command.type}
        return self._tracer.start_span(
            f"process {destination}",
            context=context_of(command.route),
            kind=SpanKind.CONSUMER,
            start_time=nanoseconds(command.received_at),
            attributes={
                "messaging.system": "rabbitmq",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": destination,
                "messaging.message.id": command.id,
                "messaging.message.conversation_id": command.route.correlation_id,
                **routing,
                **identity(command.id, command.source, command.type),
            },
        )


def _continued(command: NewCommand, span: Span) -> NewCommand:
    carrier = carrier_of(span)
    route = replace(command.route, traceparent=carrier.get("traceparent"), tracestate=carrier.get("tracestate") or None)
    return replace(command, route=route)


class TracedPublisher(Forwarding):
    """The relay's publisher: from the sending of a copy to the broker's verdict, or to the end of the round."""

    def __init__(self, part: Any, tracer: Tracer, topology: Topology) -> None:
        super().__init__(part)
        self._tracer = tracer
        self._topology = topology

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> Mapping[int, Any]:
        """As the publisher does, each row with the context of its span in its headers."""
        spans = [self._begin(row) for row in rows]
        with ended(spans):
            verdicts: Mapping[int, Any] = await self._part.publish(
                [_headed(row, span) for row, span in zip(rows, spans, strict=True)], patience_seconds
            )
            for row, span in zip(rows, spans, strict=True):
                verdict = str(verdicts[row.seq])
                span.set_attribute("fapiao.verdict", verdict)
                if verdict not in {"confirmed", "pending"}:
                    fail(span, verdict)
            return verdicts

    def _begin(self, row: OutboxRow) -> Span:
        if row.copy is Copy.TOPIC:
            destination = name = f"{self._topology.events_exchange}:{row.destination}"
            template = {}
        else:  # named by the caller: there may be one for each of its processes
            destination, name = row.destination, "(reply_to)"
            template = {"messaging.destination.template": name}
        return self._tracer.start_span(
            f"publish {name}",
            context=context_of(Route(None, row.correlation_id, row.traceparent, row.tracestate)),
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "rabbitmq",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": destination,
                "messaging.rabbitmq.destination.routing_key": row.destination,
                "messaging.message.id": row.message_id,
                "messaging.message.conversation_id": row.correlation_id,
                "fapiao.command.id": row.command_id,
                "fapiao.attempts": row.attempts + 1,
                **template,
            },
        )


def _headed(row: OutboxRow, span: Span) -> OutboxRow:
    carrier = carrier_of(span)
    return row._replace(traceparent=carrier.get("traceparent"), tracestate=carrier.get("tracestate") or None)
