"""One worker's end of a socket at the gateway of the model, and its way there."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from tests.model.gateway import ModelGateway
from tests.model.simulation import Process
from worker.errors import SubmissionInDoubt, Transient
from worker.ports import (
    Disconnected,
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    PageShown,
    QueryOrder,
    QueryRefused,
    ResultShown,
    Submission,
)


class Socket:
    """One worker's end of a socket, of either endpoint: `GatewaySession` and `QuerySession`."""

    def __init__(self, gateway: ModelGateway, process: Process, user_id: str) -> None:
        self.process = process
        self.user_id = user_id
        self._gateway = gateway
        self._inbox: deque[Any] = deque()
        self._heard: asyncio.Future[None] | None = None
        self._is_over = False
        self._has_submitted = False
        self._has_asked = False

    @property
    def is_open(self) -> bool:
        return not self._is_over

    def hear(self, event: Any) -> None:
        """From outside, at any time: what the worker has not read yet waits."""
        self._inbox.append(event)
        if self._heard is not None and not self._heard.done():
            self._heard.set_result(None)

    async def login(self, login: LoginFields) -> None:
        self._send("login")
        self._gateway.take_login(self)

    async def submit(self, submission: Submission) -> None:
        self._send("submission", SubmissionInDoubt)
        self._has_submitted = True
        self._gateway.take_submission(self, submission)
        await self.process.passing()

    async def query(self, order: QueryOrder) -> None:
        self._send("query")
        self._has_asked = True
        self._gateway.take_query(self, order)

    async def retry_download(self, date: str) -> None:
        raise AssertionError("no query here asks for downloads")

    def _send(self, act: str, fault: type[SubmissionInDoubt] | type[Transient] = Transient) -> None:
        self.process.check_alive()
        if any(isinstance(event, Disconnected) for event in self._inbox):
            raise fault("the connection is gone")
        self._gateway.check_sender(self, act)

    @property
    def has_unheard(self) -> bool:
        return bool(self._inbox)

    async def receive(self) -> Any:
        self.process.check_alive()
        while not self._inbox:
            self._heard = self.process.loop.create_future()
            await self._heard
        event = self._inbox.popleft()
        if isinstance(event, Disconnected):
            self._is_over = True
            self._inbox.appendleft(event)
        return self._meaning(event)

    def _meaning(self, event: Any) -> Any:
        """What the real session makes of a frame that nobody asked for: a late result, or nothing."""
        if isinstance(event, (Disconnected, LoginAnswered, ResultShown)):
            return event
        is_answer = isinstance(event, (PageShown, QueryRefused))
        if is_answer and self._has_asked:
            self._has_asked = False
            return event
        if not is_answer and self._has_submitted:
            return event
        return FrameIgnored("unexpected_phase")

    async def close(self) -> None:
        self._is_over = True
        if not self.process.is_alive:
            return
        await asyncio.sleep(0.05)
        self.process.check_alive()
        self._gateway.close(self)


class GatewayLink:
    """One process's way to the gateway: `worker.ports.Gateway` and `InvoiceDetails`."""

    def __init__(self, gateway: ModelGateway, process: Process) -> None:
        self._gateway = gateway
        self._process = process
        process.ended.append(self._let_go)

    async def connect(self, user_id: str) -> Socket:
        await self._process.passing()
        await asyncio.sleep(0.1)
        await self._process.passing()
        if self._gateway.faults.is_down:
            raise Transient("the gateway refuses connections")
        socket = Socket(self._gateway, self._process, user_id)
        self._gateway.open(socket)
        return socket

    async def connect_query(self, user_id: str) -> Socket:
        return await self.connect(user_id)

    async def items(self, invoice_id: str) -> tuple[dict[str, Any], ...]:
        await self._process.passing()
        return ()

    async def files(self, invoice_ids: Sequence[str], types: Sequence[str]) -> tuple[dict[str, Any], ...]:
        await self._process.passing()
        return tuple(
            {"invoiceBasicInfoId": each, "type": name, "url": f"https://files.example/{each}.{name}"}
            for each in invoice_ids
            for name in types
        )

    def _let_go(self) -> None:
        """The system closes the sockets of a process that is no more."""
        for socket in [one for one in self._gateway.sockets if one.process is self._process]:
            self._gateway.close(socket)
