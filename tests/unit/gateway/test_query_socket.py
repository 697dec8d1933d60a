"""The query session on a socket that is a fake: what is lost, what is kept, what is measured."""

import asyncio
import json

import pytest
import structlog
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.unit.gateway.dialogue import frame
from tests.unit.gateway.queries import PAGE, ROW, order
from tests.unit.gateway.stage import LOST, Stage
from worker.errors import Transient
from worker.ports import Disconnected, DownloadTold, FrameIgnored, LoginAnswered, PageShown, QueryRefused

ZIP = "query_invoice_download_zip"
DATE = "2024-04-12 10:10:10"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def test_it_opens_on_the_query_side_and_sends_nothing(stage: Stage) -> None:
    session = await stage.gateway.connect_query("a/b &用户")

    assert stage.urls == ["ws://gateway.test/prefix/web/invoice?userId=a%2Fb%20%26%E7%94%A8%E6%88%B7"]
    assert stage.socket.sent == []
    assert session.is_open


async def test_a_dialogue_goes_its_way_and_is_measured(stage: Stage) -> None:
    session = await stage.queried()
    stage.socket.say(frame("login", "1"), frame("login", PAGE), frame(ZIP, DATE), frame(ZIP, "1"))

    assert await session.receive() == LoginAnswered(accepted=True)
    assert isinstance(await session.receive(), PageShown)
    assert await session.receive() == DownloadTold(ok=False, date=DATE)
    await session.retry_download(DATE)
    assert await session.receive() == DownloadTold(ok=True)
    assert [json.loads(text)["type"] for text in stage.socket.sent] == ["query_invoice", ZIP]
    assert [operation for operation, _ in stage.observed] == ["connect", "query", "download", "download"]
    assert all(seconds >= 0 for _, seconds in stage.observed)


@pytest.mark.parametrize(
    ("said", "event"),
    [(frame("query_invoice", "0"), QueryRefused()), (frame("login", "0"), LoginAnswered(accepted=False))],
)
async def test_a_refusal_is_an_answer_and_is_measured(stage: Stage, said: str, event: object) -> None:
    session = await stage.queried()
    stage.socket.say(said)

    assert await session.receive() == event
    assert [operation for operation, _ in stage.observed] == ["connect", "query"]
    assert session.is_open


async def test_what_answers_nothing_is_not_measured(stage: Stage) -> None:
    session = await stage.gateway.connect_query("1111")
    stage.socket.say(frame("query_invoice", PAGE), frame(ZIP, "1"), "{")

    for _ in range(3):
        assert isinstance(await session.receive(), FrameIgnored)
    assert [operation for operation, _ in stage.observed] == ["connect"]


async def test_a_caller_that_gives_up_loses_no_frame(stage: Stage) -> None:
    session = await stage.queried()

    for steps in range(4):
        call = asyncio.ensure_future(session.receive())
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    stage.socket.say(frame("query_invoice", PAGE))

    assert isinstance(await session.receive(), PageShown)


async def test_a_lost_connection_is_told_again_and_again(stage: Stage) -> None:
    session = await stage.queried()
    stage.socket.say(ConnectionClosedError(Close(1009, ""), None))

    assert [await session.receive() for _ in range(3)] == [Disconnected("oversized")] * 3
    assert not session.is_open


@pytest.mark.parametrize("error", [LOST, ConnectionResetError(), TimeoutError()])
async def test_what_cannot_be_sent_may_be_tried_again(stage: Stage, error: Exception) -> None:
    session = await stage.gateway.connect_query("1111")
    stage.socket.send_error = error

    for sending in (session.query(order()), session.retry_download(DATE)):
        with pytest.raises(Transient) as raised:
            await sending
        assert raised.value.__cause__ is error
    assert not session.is_open
    assert stage.socket.transport.is_cut
    assert isinstance(await session.receive(), Disconnected)


async def test_what_cannot_be_written_leaves_the_session_as_it_was(stage: Stage) -> None:
    session = await stage.queried()

    with pytest.raises(ValueError, match="queryType"):
        await session.query(order(queryType=2))
    with pytest.raises(ValueError, match="surrogate"):
        await session.retry_download("\ud800")
    assert session.is_open
    assert len(stage.socket.sent) == 1


@pytest.mark.parametrize("error", [None, OSError(), RuntimeError(), TimeoutError()])
async def test_closing_never_raises_and_leaves_nothing(stage: Stage, error: Exception | None) -> None:
    session = await stage.queried()
    stage.socket.close_error = error

    await session.close()

    assert not session.is_open
    assert stage.socket.transport.is_cut


async def test_rows_that_cannot_be_read_are_counted_in_the_log(stage: Stage) -> None:
    session = await stage.queried()
    stage.socket.say(frame("query_invoice", {**PAGE, "data": [ROW, {**ROW, "id": 1.5}, None]}))

    with structlog.testing.capture_logs() as lines:
        page = await session.receive()

    assert isinstance(page, PageShown)
    assert page.unreadable == 2
    assert lines == [{"event": "gateway_rows_unreadable", "log_level": "warning", "rows": 2}]
