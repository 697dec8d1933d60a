"""Messages in and events out: the spans of intake and of the relay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import Span, SpanKind, Tracer

from worker.amqp.topology import ISSUE, Topology
from worker.ops.otel.spans import TYPES, Forwarding, carrier_of, context_of, ended, fail, identity, nanoseconds
from worker.records import Admission, Copy, NewCommand, OutboxRow, Route


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
