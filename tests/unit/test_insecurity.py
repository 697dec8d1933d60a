"""What is switched off is said each minute."""

import asyncio

from structlog.testing import capture_logs

from tests.virtual_time import in_virtual_time
from worker.tls import Insecurity


@in_virtual_time
async def test_a_warning_comes_at_once_and_each_minute() -> None:
    with capture_logs() as lines:
        running = asyncio.create_task(Insecurity(["FAPIAO_GATEWAY_INSECURE: anybody"]).run())
        await asyncio.sleep(185)
        running.cancel()

    assert [(line["log_level"], line["event"]) for line in lines] == [("warning", "insecure")] * 4
    assert "FAPIAO_GATEWAY_INSECURE" in lines[0]["reason"]


def test_without_anything_to_warn_of_it_is_quiet() -> None:
    with capture_logs() as lines:
        assert Insecurity([]).run_once() == 0

    assert lines == []
