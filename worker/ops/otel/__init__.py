"""Spans, made by hand after OpenTelemetry's conventions for messaging (v1.44, whose status is "development").

One trace tells a command's whole way: taken in (`process`), each `run` on its lane with the gateway's steps below it,
and each attempt to `publish` an event. The `process` span's context is journaled in place of the caller's, so the
trace goes on after a crash, and every event carries on in its header what began with the command.

Guarantees: no span holds a body, a password, a `userId` or an exception's text; whatever a part has beside the methods
traced here passes through unseen; a fault is reported and raised as it came. Knows nothing of what the parts do.
"""

import asyncio
import threading
from typing import Final, cast
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from typing_extensions import override

from worker.amqp.topology import Topology
from worker.ops.otel.runs import Runs, Steps, TracedGateway, TracedLanes
from worker.ops.otel.spans import TracedIntake, TracedPublisher
from worker.ops.tracing import Part, Tracing
from worker.ops.version import product_version
from worker.settings import Settings

CLOSE_SECONDS: Final = 5.0


def open_spans(settings: Settings, worker: str) -> "Spans":
    """Spans that go out by OTLP over HTTP, in batches, from a thread of their own. `OTEL_*` variables are heeded."""
    resource = Resource.create(
        {
            "service.name": "fapiao-worker",
            "service.version": product_version(),
            "service.instance.id": worker,
        }
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider, settings)


class Spans(Tracing):
    """With spans."""

    def __init__(self, provider: TracerProvider, settings: Settings) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("fapiao-worker", product_version())
        self._topology = Topology(settings.prefix)
        self._runs = Runs(self._tracer)
        address = urlsplit(settings.gateway_url)
        default_port = 443 if address.scheme == "wss" else 80
        server: dict[str, str | int] = {
            "server.address": address.hostname or "",
            "server.port": address.port or default_port,
        }
        self._steps = Steps(self._tracer, self._runs, server)

    @override
    def intake(self, journal: Part) -> Part:
        return cast("Part", TracedIntake(journal, self._tracer, self._topology))

    @override
    def lanes(self, journal: Part) -> Part:
        return cast("Part", TracedLanes(journal, self._tracer, self._runs))

    @override
    def gateway(self, gateway: Part) -> Part:
        return cast("Part", TracedGateway(gateway, self._steps))

    @override
    def publisher(self, publisher: Part) -> Part:
        return cast("Part", TracedPublisher(publisher, self._tracer, self._topology))

    @override
    async def close(self) -> None:
        """A collector that is away must not hold the worker up: what is not out in time is lost."""
        self._runs.end_all("stopped")
        sending = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, CLOSE_SECONDS)
