"""One trace from the caller's message to the last event, though the worker is killed on the way."""

import asyncio
from collections.abc import Callable

import pytest

from tests.scenarios.collector import Collector
from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.sandbox.server import SandboxOptions

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "shop=1"}
SECRETS = (b"sandbox-password", b"phone-of-user-1", b"91330701MA2DFB848M", b"user-1")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_trace_goes_on_after_a_crash(new_stack: Callable[..., Stack]) -> None:
    """Both workers' spans are in the caller's trace, and every event's header continues it."""
    with Collector() as collector:
        async with new_stack(options=SandboxOptions(qr="always"), settings=collector.settings) as stack:
            first = await stack.begin()
            order = stack.new_id()
            await stack.publish(order, make_order(order), headers=HEADERS)
            await stack.until([order], ["qr_required"])
            (before,) = await _spans(collector, 1, "answer gateway")
            first.kill()  # while the scan is waited for
            stack.start_worker()
            await stack.until([order], ["in_doubt"])
            _, after = await _spans(collector, 2, "publish ")
            told = {message.message_id: message.headers for message in stack.messages}  # one may come twice

    assert len(told) >= 2  # the QR and the doubt
    for headers in told.values():
        assert str(headers["traceparent"]).startswith(f"00-{TRACE}-")
        assert headers["tracestate"] == "shop=1"
    assert len({str(headers["traceparent"]) for headers in told.values()}) == len(told)  # each its own span
    assert any(name.startswith("process ") for name in before)
    assert {"connect gateway", "login gateway", "submit gateway", "answer gateway"} <= set(before)
    assert "run invoice.issue" in after
    for secret in SECRETS:
        assert not any(secret in body for body in collector.bodies), secret


async def _spans(collector: Collector, workers: int, last: str) -> list[list[str]]:
    """Wait until so many workers have told of their spans, the last of them of one that begins so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            spans = list(collector.spans(TRACE).values())
            if len(spans) == workers and any(name.startswith(last) for name in spans[-1]):
                return spans
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_collector_that_is_away_holds_nobody_up(new_stack: Callable[..., Stack]) -> None:
    """Orders are issued, and the worker ends when told to, with a clean exit."""
    settings = {"FAPIAO_OTEL": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    async with new_stack(settings=settings) as stack:
        worker = await stack.begin()
        order = await stack.publish_order()
        await stack.until([order], ["completed"])

        worker.process.terminate()

        assert await worker.died() == 0
