"""What flows that ask the gateway for a list or its files decide alike: how the login went, and that no answer comes.

Pure, as the flows are. What differs is a sentence; each flow names its own.
"""

from collections.abc import Callable
from typing import Any

from contracts.failures import FailureCode, Stage
from worker.flows.table import At, Decision, S, again, end, fail, login_refused
from worker.flows.vocabulary import CloseSession, ConnectionLost, CountLogin, Overtaken, Record, TimedOut
from worker.ports import LoginAnswered, QueryRefused
from worker.records import CommandState


def login_answered(at: At[S], given: LoginAnswered) -> Decision[S]:
    """The request carries a login, so its status may come by itself before the answer (trap 54)."""
    if given.accepted:
        return Decision(at.state, (CountLogin(accepted=True),))
    return login_refused(at, given)


def query_refused(blamed: str) -> Callable[[Any, QueryRefused], Decision[Any]]:
    """Why a query fails that was refused; `blamed` may be the reason where the gateway says none."""

    def transition(at: At[S], given: QueryRefused) -> Decision[S]:
        message = f"The gateway refused the query and does not say why: {blamed}, or the portal down."
        if given.reason is not None:
            message = "The gateway refused the query, and says why (gatewayMessage)."
        return fail(at, FailureCode.QUERY_REFUSED, Stage.QUERY, message, given.reason)

    return transition


def connection_lost(stage: Stage, when: str) -> Callable[[Any, ConnectionLost], Decision[Any]]:
    """Nothing irreversible was asked for: again later."""

    def transition(at: At[S], given: ConnectionLost) -> Decision[S]:
        message = f"The connection was lost {when} ({given.reason})."
        return again(at, FailureCode.GATEWAY_UNAVAILABLE, stage, message)

    return transition


def give_way_unanswered(at: At[S], _: Overtaken) -> Decision[S]:
    """An order does not wait for an answer that does not come, nor does the next one right behind it. Where the answer
    comes later after all, it is no answer to anything, so the session is closed."""
    return end(at, Record(CommandState.WAITING, due_at=at.now + at.timing.retry_max), CloseSession())


def answer_overdue(stage: Stage, message: str) -> Callable[[Any, TimedOut], Decision[Any]]:
    """Again later, as often as a login is tried."""

    def transition(at: At[S], _: TimedOut) -> Decision[S]:
        if at.command.attempts >= at.timing.login_attempts:
            return fail(at, FailureCode.GATEWAY_TIMEOUT, stage, message)
        return again(at, FailureCode.GATEWAY_TIMEOUT, stage, message)

    return transition
