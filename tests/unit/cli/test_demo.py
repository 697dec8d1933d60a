"""`demo`: its order, its stage, its proof."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.commands import IssueInvoice
from contracts.envelope import loads
from contracts.queries import QueryInvoices
from worker.cli.demo import example_order, example_query, fetch_pdf
from worker.cli.stages import DemoStage
from worker.cli.terminal import Stop
from worker.settings import Settings

from .conftest import Run


def test_its_order_is_the_published_example_under_an_id_and_order_number_of_its_own() -> None:
    order, other = example_order(), example_order()

    told = loads(order.body)
    command = IssueInvoice.model_validate(told["data"])
    assert told["id"] == order.id == command.orderNo
    assert order.id != other.id
    assert order.type == "invoice.issue"


def test_its_query_is_the_published_example_for_yesterday_and_today() -> None:
    order = example_query()

    told = loads(order.body)
    query = QueryInvoices.model_validate(told["data"])
    assert (told["id"], order.type) == (order.id, "invoice.query")
    assert query.condition.endInvoiceDate - query.condition.startInvoiceDate == timedelta(days=1)
    assert query.userId == loads(example_order().body)["data"]["userId"], "the same user's lane"


def test_its_stage_keeps_apart_from_everything_else_and_never_shows_a_password() -> None:
    settings = Settings(_env_file=None, amqp_url="amqp://u:pass-word@h:5672/v", prefix="production")
    stage = DemoStage(settings, None)
    try:
        assert stage.settings.prefix.startswith("fapiao-demo-")
        assert stage.settings.database_url != settings.database_url
        assert "pass-word" not in "\n".join([*stage.exports(), stage.broker_address])
        assert stage.example_path.exists()
    finally:
        stage.database.parent.rmdir()


async def test_its_worker_is_at_the_broker_that_it_publishes_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder where a `dev` runs that is the `dev`'s, and the worker was at the default address."""
    stage = DemoStage(Settings(_env_file=None, amqp_url="amqp://u@127.0.0.1:5673/"), None)
    given: dict[str, str] = {}

    async def start(_: object, __: str, ___: list[str], environment: dict[str, str]) -> None:
        given.update(environment)

    async def until(*_: object) -> None: ...

    monkeypatch.setattr("worker.cli.parts.Parts.start", start)
    monkeypatch.setattr("worker.cli.parts.Parts.until", until)
    try:
        await stage._start_worker()
    finally:
        stage.database.parent.rmdir()

    assert given["FAPIAO_AMQP_URL"] == "amqp://u@127.0.0.1:5673/"


async def _served(body: bytes) -> tuple[asyncio.Server, str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/1.pdf"


async def test_the_proof_is_a_file_that_begins_as_a_pdf() -> None:
    server, url = await _served(b"%PDF-1.7 and so on")
    async with server:
        assert await fetch_pdf(url) == 18


async def test_anything_else_is_no_proof() -> None:
    server, url = await _served(b"<html>")
    async with server:
        with pytest.raises(Stop, match="no PDF"):
            await fetch_pdf(url)
    with pytest.raises(Stop, match="Cannot fetch"):
        await fetch_pdf(url)
    for missing in (None, "file:///etc/passwd"):
        with pytest.raises(Stop, match="names no PDF"):
            await fetch_pdf(missing)


def test_without_a_broker_it_says_so_and_leaves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAPIAO_AMQP_URL", "amqp://127.0.0.1:1/")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    result = run("demo")

    assert result.exit_code == 2
    assert "Cannot reach RabbitMQ at amqp://127.0.0.1:1/" in result.stderr
    assert list(tmp_path.iterdir()) == []
