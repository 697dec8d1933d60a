"""The session on a socket that is a fake: what is lost, what is kept, what is measured."""

import asyncio

import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.unit.gateway.dialogue import INVOICE, LOGIN, PASSWORD, RESULT, SUBMISSION, data_uri, frame, picture
from tests.unit.gateway.stage import LOST, Stage
from worker.errors import SubmissionInDoubt, Transient
from worker.gateway.client import WebSocketGateway
from worker.ports import Disconnected, QrShown, ResultShown, Submission
from worker.settings import Settings


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def test_the_user_id_is_url_encoded_as_a_whole(stage: Stage) -> None:
    await stage.gateway.connect("a/b &用户=?#")

    assert stage.urls == ["ws://gateway.test/prefix/invoice?userId=a%2Fb%20%26%E7%94%A8%E6%88%B7%3D%3F%23"]


async def test_headers_that_were_rotated_go_with_the_next_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    tokens = iter(("first", "next"))
    gateway = WebSocketGateway(Settings(_env_file=None), headers=lambda: {"X-Token": next(tokens)})

    await gateway.connect("1111")
    await gateway.connect_query("1111")

    assert stage.headers == [{"X-Token": "first"}, {"X-Token": "next"}]


async def test_the_headers_of_the_settings_go_with_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, gateway_headers={"X-Token": "abc"})

    await stage.gateway.connect("1111")

    assert stage.headers == [{"X-Token": "abc"}]


async def test_connecting_sends_nothing(stage: Stage) -> None:
    session = await stage.gateway.connect("1111")

    assert stage.socket.sent == []
    assert session.is_open


async def test_a_dialogue_goes_its_way_and_is_measured(stage: Stage) -> None:
    session = await stage.submitted()
    stage.socket.say(frame("invoice_qrcode", "text"), frame("invoice_pdf", RESULT))

    assert await session.receive() == QrShown(None, "text")
    assert isinstance(await session.receive(), ResultShown)
    assert len(stage.socket.sent) == 2
    assert [operation for operation, _ in stage.observed] == ["connect", "login", "first_answer"]


async def test_a_picture_is_read(stage: Stage) -> None:
    session = await stage.submitted()
    uri = data_uri(picture("hello"))
    stage.socket.say(frame("invoice_qrcode", uri))

    assert await session.receive() == QrShown(image=uri, content="hello")


async def test_a_caller_that_gives_up_loses_no_frame(stage: Stage) -> None:
    session = await stage.submitted()
    uri = data_uri(picture("hello"))
    stage.socket.say(frame("invoice_qrcode", uri), frame("invoice_pdf", RESULT))

    # Each round cancels the call one step further in: while waiting, while the picture is read.
    for steps in range(1, 6):
        call = asyncio.ensure_future(session.receive())
        for _ in range(steps):
            await asyncio.sleep(0)
        if call.done():
            break
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    else:
        call = asyncio.ensure_future(session.receive())

    assert await call == QrShown(image=uri, content="hello")
    assert isinstance(await session.receive(), ResultShown)


async def test_a_lost_connection_is_told_again_and_again(stage: Stage) -> None:
    session = await stage.submitted()
    stage.socket.say(ConnectionClosedError(Close(1011, ""), None))

    assert [await session.receive() for _ in range(3)] == [Disconnected("closed:1011")] * 3
    assert not session.is_open


@pytest.mark.parametrize("error", [LOST, ConnectionResetError(), TimeoutError()])
async def test_a_login_that_cannot_be_sent_may_be_tried_again(stage: Stage, error: Exception) -> None:
    session = await stage.gateway.connect("1111")
    stage.socket.send_error = error

    with pytest.raises(Transient):
        await session.login(LOGIN)
    assert not session.is_open
    assert stage.socket.transport.is_cut


@pytest.mark.parametrize("error", [LOST, ConnectionResetError(), TimeoutError()])
async def test_trap_11_an_invoice_that_may_have_been_sent_is_in_doubt(stage: Stage, error: Exception) -> None:
    session = await stage.gateway.connect("1111")
    await session.login(LOGIN)
    stage.socket.say(frame("login", "1"))
    await session.receive()
    stage.socket.send_error = error

    with pytest.raises(SubmissionInDoubt) as raised:
        await session.submit(SUBMISSION)
    assert raised.value.__cause__ is error
    assert not session.is_open
    assert isinstance(await session.receive(), Disconnected)


@pytest.mark.parametrize("error", [None, OSError(), RuntimeError(), TimeoutError()])
async def test_closing_never_raises_and_leaves_nothing(stage: Stage, error: Exception | None) -> None:
    session = await stage.submitted()
    stage.socket.close_error = error

    await session.close()
    await session.close()

    assert not session.is_open
    assert stage.socket.transport.is_cut


async def test_trap_12_a_frame_that_a_small_server_might_refuse_is_sent_all_the_same(stage: Stage) -> None:
    session = await stage.submitted()
    line = {"name": "咨询费", "quantity": "1", "unitPrice": "1"}

    await session.submit(Submission({**INVOICE, "invoiceItems": [line] * 200}, "a", SecretStr(PASSWORD)))

    assert len(stage.socket.sent[-1].encode()) > 8192
