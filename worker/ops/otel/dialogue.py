"""The gateway's dialogue: a span for opening a session, for each sending, and for each wait."""

from collections.abc import Awaitable, Mapping
from typing import Any

from opentelemetry.trace import Span, SpanKind, Tracer

from worker.ops.otel.runs import Runs
from worker.ops.otel.spans import Forwarding, ended, fail
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrShown, QueryEvent, SessionEvent


class TracedGateway(Forwarding):
    """`Gateway`: opening a session, under the run that needs it."""

    def __init__(self, part: Any, steps: "Steps") -> None:
        super().__init__(part)
        self._steps = steps

    async def connect(self, user_id: str) -> Any:
        with ended([self._steps.begin(user_id, "connect")]):
            session = await self._part.connect(user_id)
        return TracedSession(session, user_id, self._steps)

    async def connect_query(self, user_id: str) -> Any:
        with ended([self._steps.begin(user_id, "connect")]):
            session = await self._part.connect_query(user_id)
        return TracedSession(session, user_id, self._steps)


class Steps:
    """Makes the spans of a dialogue's steps."""

    def __init__(self, tracer: Tracer, runs: Runs, server: Mapping[str, str | int]) -> None:
        self._tracer = tracer
        self._server = server
        self.runs = runs

    def begin(self, lane: str, step: str) -> Span:
        return self._tracer.start_span(
            f"{step} gateway", context=self.runs.context(lane), kind=SpanKind.CLIENT, attributes=dict(self._server)
        )


class TracedSession(Forwarding):
    """`GatewaySession` and `QuerySession`: each sending, and each wait for what it should bring: `login`, `query` and
    `download` to their answers, `submit` for the sending alone, `answer` from there to the first word of it, `scan`
    from a QR to what follows it."""

    def __init__(self, part: Any, lane: str, steps: Steps) -> None:
        super().__init__(part)
        self._lane = lane
        self._steps = steps
        self._waiting: Span | None = None
        self._logs_in = False
        """What is waited for is the login's answer: on the query side one comes in between, too."""

    async def login(self, login: Any) -> None:
        await self._ask("login", self._part.login(login))

    async def query(self, order: Any) -> None:
        await self._ask("query", self._part.query(order))

    async def retry_download(self, date: str) -> None:
        await self._ask("download", self._part.retry_download(date))

    async def _ask(self, step: str, sending: Awaitable[None]) -> None:
        self._wait_for(step)
        try:
            await sending
        except BaseException as error:
            self._over(type(error).__name__)
            raise

    async def submit(self, submission: Any) -> None:
        with ended([self._steps.begin(self._lane, "submit")]):
            await self._part.submit(submission)
        self._wait_for("answer")

    async def receive(self) -> SessionEvent | QueryEvent:
        event: SessionEvent | QueryEvent = await self._part.receive()
        self._heard(event)
        return event

    async def close(self) -> None:
        self._over("closed")
        await self._part.close()

    def _heard(self, event: SessionEvent | QueryEvent) -> None:
        word = type(event).__name__
        match event:
            case FrameIgnored(reason):
                self._steps.runs.note(self._lane, word, reason=reason)
            case Disconnected():
                self._over(word)
            case LoginAnswered(accepted=False):
                self._over("login_refused")
            case LoginAnswered() if not self._logs_in:
                pass
            case QrShown():
                self._over(None)
                self._wait_for("scan")
            case _:
                self._steps.runs.note(self._lane, word)
                self._over(None)

    def _wait_for(self, step: str) -> None:
        self._over("unanswered")
        self._waiting = self._steps.begin(self._lane, step)
        self._logs_in = step == "login"

    def _over(self, fault: str | None) -> None:
        if self._waiting is not None:
            if fault is not None:
                fail(self._waiting, fault)
            self._waiting.end()
            self._waiting = None
