"""What flows that begin on a lane decide alike: who may begin, when to try again, how to end.

Pure, as the flows are. Knows a flow's state only as something that can end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, Self, TypeVar

from contracts.failures import FailureCode, Stage
from worker.backoff import full_jitter
from worker.flows.announce import failure
from worker.flows.looks import NO_SCHEDULES, Schedules
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connected,
    ConnectFailed,
    CountLogin,
    Draining,
    Effect,
    Input,
    Record,
)
from worker.making import made_often, replace
from worker.ports import LoginAnswered
from worker.records import Command, CommandState


class FlowState(Protocol):
    """Where a run stands, in memory."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing is awaited any more."""
        ...

    def ended(self) -> Self:
        """The same, at its end."""
        ...


S_co = TypeVar("S_co", bound=FlowState, covariant=True)
S = TypeVar("S", bound=FlowState)
W_co = TypeVar("W_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Phased:
    """What the states of all flows share: frozen dataclasses with a `phase`, one of whose values is `ended`."""

    __slots__ = ()
    phase: Any

    @property
    def has_ended(self) -> bool:
        """Whether nothing is awaited any more."""
        return bool(self.phase == "ended")

    def moved(self, phase: StrEnum) -> Self:
        """The same in another phase."""
        return replace(self, phase=phase)  # type: ignore[type-var]  # whoever is of this kind is a dataclass

    def ended(self) -> Self:
        """The same at its end."""
        return self.moved(type(self.phase)("ended"))


@made_often
@dataclass(frozen=True, slots=True)
class Decision(Generic[S_co]):
    """What follows. `timer` restarts the phase's clock; None lets a running one run on."""

    state: S_co
    effects: tuple[Effect, ...] = ()
    timer: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """The flows' time-outs, from the settings."""

    login: timedelta
    answer: timedelta
    scan: timedelta
    result: timedelta
    refusal_grace: timedelta
    retry_min: timedelta
    retry_max: timedelta
    login_attempts: int

    @property
    def longest_answer(self) -> timedelta:
        """From a submission until no answer to it can come any more."""
        return self.answer + self.scan + self.result


@made_often
@dataclass(frozen=True, slots=True)
class Situation(Generic[S_co, W_co, R_co]):
    """What a decision may look at besides the input; each flow says of what its own is made."""

    state: S_co
    command: Command
    wish: W_co
    """What the command wants, as its flow reads it."""
    rules: R_co
    """The settings of its kind alone."""
    timing: Timing
    now: datetime
    chance: float
    """In [0, 1], for jitter."""
    looks: Schedules = NO_SCHEDULES


class At(Protocol[S_co]):
    """What the decisions below look at: a part of any situation."""

    @property
    def state(self) -> S_co: ...
    @property
    def command(self) -> Command: ...
    @property
    def timing(self) -> Timing: ...
    @property
    def now(self) -> datetime: ...
    @property
    def chance(self) -> float: ...


Table = Mapping[tuple[Any, type[Input]], Callable[[Any, Any], Decision[S]]]
"""Phase and kind of input to what follows."""


def follow(transitions: Table[S], phase: object, at: At[S], given: Input) -> Decision[S]:
    """What the table has for this pair; a pair that is not in it changes nothing."""
    transition = transitions.get((phase, type(given)))
    return Decision(at.state) if transition is None else transition(at, given)


def obstacle(at: At[S], given: Begin) -> Decision[S] | None:
    """Why the command must not begin: no credential, too late, or an account that rests."""
    if given.credential_fault is not None and given.fault_is_passing:
        return again(at, FailureCode.CREDENTIAL_MISSING, Stage.QUEUED, given.credential_fault)
    if given.credential_fault is not None:
        return fail(at, FailureCode.CREDENTIAL_MISSING, Stage.QUEUED, given.credential_fault)
    if is_overdue(at):
        return fail(at, *deadline_exceeded())
    if given.suspended_until is not None and at.now < given.suspended_until:
        until = given.suspended_until.isoformat(timespec="seconds")
        return fail(
            at,
            FailureCode.LOGIN_SUSPENDED,
            Stage.LOGIN,
            f"Logins of this account were refused several times in a row; it rests until {until}. Check the login.",
        )
    return None


def is_overdue(at: At[S]) -> bool:
    """Whether the command's deadline has passed."""
    return at.command.deadline_at is not None and at.now >= at.command.deadline_at


def deadline_exceeded() -> tuple[FailureCode, Stage, str]:
    """Why a command that waited too long fails."""
    message = "The command's deadline passed while it waited. Nothing was submitted."
    return FailureCode.DEADLINE_EXCEEDED, Stage.QUEUED, message


def login_refused(at: At[S], given: LoginAnswered) -> Decision[S]:
    """Not tried again: the portal locks accounts. Counted, so that one that is refused again and again rests."""
    message = "The gateway refused the login and does not say why: a wrong password, an SMS code, or the portal down."
    if given.reason is not None:
        message = "The gateway refused the login, and says why (gatewayMessage)."
    refused = fail(at, FailureCode.LOGIN_REFUSED, Stage.LOGIN, message, given.reason)
    return replace(refused, effects=(CountLogin(accepted=False), *refused.effects))


def connect_failed(at: At[S], given: ConnectFailed) -> Decision[S]:
    """No session: again later, unless that is no use."""
    if given.code is not None:
        return fail(at, given.code, Stage.CONNECT, given.message)
    return again(at, FailureCode.GATEWAY_UNAVAILABLE, Stage.CONNECT, given.message, given.retry_after)


def put_back(at: At[S], _: Draining) -> Decision[S]:
    """Nothing irreversible happened: whoever takes the lane next begins anew."""
    return end(at, Record(CommandState.WAITING, due_at=at.now), CloseSession())


def opening(
    phases: type[StrEnum],
    begin: Callable[[Any, Begin], Decision[S]],
    connected: Callable[[Any, Connected], Decision[S]],
    *,
    failed: Callable[[Any, ConnectFailed], Decision[S]] = connect_failed,
    left: Callable[[Any, Draining], Decision[S]] = put_back,
) -> dict[tuple[Any, type[Input]], Callable[[Any, Any], Decision[S]]]:
    """The rows of every flow that needs a session: its phases begin with `taken` and `connecting`."""
    taken, connecting = phases("taken"), phases("connecting")
    return {
        (taken, Begin): begin,
        (taken, Draining): left,
        (connecting, Connected): connected,
        (connecting, ConnectFailed): failed,
        (connecting, Draining): left,
    }


def again(at: At[S], code: FailureCode, stage: Stage, message: str, not_before: timedelta | None = None) -> Decision[S]:
    """Back to waiting with a delay, or failed if the deadline would pass meanwhile."""
    due_at = at.now + retry_delay(at, not_before)
    if at.command.deadline_at is not None and due_at >= at.command.deadline_at:
        return fail(at, code, stage, message)
    return end(at, Record(CommandState.WAITING, due_at=due_at), CloseSession())


def retry_delay(at: At[S], not_before: timedelta | None = None) -> timedelta:
    """Grows with the attempts, with full jitter."""
    delay = full_jitter(at.command.attempts, at.chance, shortest=at.timing.retry_min, longest=at.timing.retry_max)
    return max(delay, not_before or timedelta(0))


def failed(at: At[S], code: FailureCode, stage: Stage, message: str, gateway_message: str | None = None) -> Record:
    """The record of a failure."""
    told = failure(code, stage, message, at.command.attempts, gateway_message)
    return Record(CommandState.FAILED, (told,))


def fail(at: At[S], code: FailureCode, stage: Stage, message: str, gateway_message: str | None = None) -> Decision[S]:
    """Its session is closed too, so that no late frame can come for a command that has failed."""
    return end(at, failed(at, code, stage, message, gateway_message), CloseSession())


def end(at: At[S], *effects: Effect) -> Decision[S]:
    """Nothing more is awaited."""
    return Decision(at.state.ended(), effects)
