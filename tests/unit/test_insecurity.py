"""What is switched off is said each minute."""

import asyncio
import ssl

import pytest
from structlog.testing import capture_logs

from tests.virtual_time import in_virtual_time
from worker.settings import Settings
from worker.tls import Insecurity, broker_tls


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


def test_authorities_that_no_address_needs_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the system's is a third of what a start does, imports left aside."""
    read = list[str | None]()
    made = ssl.create_default_context

    def make(cafile: str | None = None) -> ssl.SSLContext:
        read.append(cafile)
        return made(cafile=cafile)

    monkeypatch.setattr(ssl, "create_default_context", make)
    tls = broker_tls(Settings(_env_file=None))
    assert read == []

    assert tls.context() is tls.context()
    assert read == [None]
