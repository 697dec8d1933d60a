"""What lanes do with a command: a span from the moment it is taken to the record that ends its run, and below it the
gateway's dialogue: a span for opening a session, for each sending, and for each wait.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context

from contracts.envelope import loads
from worker.ops.otel.spans import Forwarding, context_of, ended, fail, identity
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrShown, QueryEvent, SessionEvent
from worker.records import ACTIVE, SUBMITTED, Claim, Command, CommandState, LaneLease, Settlement, Step

FAILED: Final = frozenset({CommandState.FAILED, CommandState.IN_DOUBT})


class Runs:
    """The span of what each lane is running. A lane runs one command at a time, so its name finds it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._spans: dict[str, Span] = {}

    def begin(self, lane: str, command: Command) -> None:
        """A command was taken, or taken over."""
        self.end(lane, "lost")
        self._spans[lane] = self._tracer.start_span(
            f"run {command.type}",
            context=context_of(command.route),
            attributes={
                **identity(command.id, command.source, command.type),
                "fapiao.attempts": command.attempts,
                "fapiao.taken_over": command.state in SUBMITTED,
            },
        )

    def context(self, lane: str) -> Context:
        """Under the lane's run; of its own where it runs nothing."""
        span = self._spans.get(lane)
        return Context() if span is None else set_span_in_context(span, Context())

    def note(self, lane: str, event: str, **attributes: Any) -> None:
        """Something happened during the run."""
        if lane in self._spans:
            self._spans[lane].add_event(event, attributes)

    def recorded(self, lane: str, step: Step) -> None:
        """A step is durable. It may be the run's end."""
        self.note(lane, f"recorded {step.to}")
        if step.to not in ACTIVE and (span := self._spans.pop(lane, None)) is not None:
            _say_end(span, step.to, step.events[-1].body if step.events else b"")
            span.end()

    def end(self, lane: str, fault: str | None = None) -> None:
        """Over without a record; does nothing where nothing runs."""
        span = self._spans.pop(lane, None)
        if span is not None:
            if fault is not None:
                fail(span, fault)
            span.end()

    def end_all(self, fault: str) -> None:
        """None of them is this worker's any more."""
        for lane in list(self._spans):
            self.end(lane, fault)


class TracedLanes(Forwarding):
    """`LaneJournal`: from the moment a command is taken to the record that ends its run."""

    def __init__(self, part: Any, tracer: Tracer, runs: Runs) -> None:
        super().__init__(part)
        self._tracer = tracer
        self._runs = runs

    async def register(self, worker: str, *given: Any, **named: Any) -> None:
        self._runs.end_all("lease_lost")
        await self._part.register(worker, *given, **named)

    async def claim(self, *given: Any, **named: Any) -> Sequence[Claim]:
        claims: Sequence[Claim] = await self._part.claim(*given, **named)
        for claim in claims:
            self._runs.begin(claim.lease.lane, claim.command)
        return claims

    async def next_command(self, lease: LaneLease, *given: Any, **named: Any) -> Command | None:
        command: Command | None = await self._part.next_command(lease, *given, **named)
        if command is not None:
            self._runs.begin(lease.lane, command)
        return command

    async def record(self, step: Step) -> bool:
        is_written: bool = await self._part.record(step)
        if is_written:
            self._runs.recorded(step.lease.lane, step)
        return is_written

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        is_written, command = await self._part.record_and_next(step)
        if is_written:
            self._runs.recorded(step.lease.lane, step)
        if command is not None:
            self._runs.begin(step.lease.lane, command)
        return is_written, command

    async def release(self, lease: LaneLease, *given: Any, **named: Any) -> None:
        self._runs.end(lease.lane, "given_up")
        await self._part.release(lease, *given, **named)

    async def end_look_up(self, look_up: Command, lease: LaneLease, **named: Any) -> bool:
        is_ended: bool = await self._part.end_look_up(look_up, lease, **named)
        if is_ended:
            self._runs.end(lease.lane)
        return is_ended

    async def settle(self, settlement: Settlement) -> bool:
        command = settlement.command
        span = self._tracer.start_span(
            f"settle {command.type}",
            context=context_of(command.route),
            attributes=identity(command.id, command.source, command.type),
        )
        with ended([span]):
            is_written: bool = await self._part.settle(settlement)
            span.set_attribute("fapiao.written", is_written)
            _say_end(span, settlement.to, settlement.events[-1].body if settlement.events else b"")
        return is_written


def _say_end(span: Span, state: CommandState, body: bytes) -> None:
    span.set_attribute("fapiao.state", state)
    if state in FAILED:
        data = loads(body).get("data", {}) if body else {}
        fail(span, str(data.get("code") or state))


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
