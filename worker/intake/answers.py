"""Answers to messages that are no command of their own: repeats of an id, a tenant's surplus, what cannot be held.

PURE. Guarantees that the same message gets the same event, except where the message may be accepted when it comes
again.
"""

import hashlib
from datetime import datetime
from typing import Final, Protocol

from contracts.envelope import build_event
from contracts.events import FieldError, Outcome, Rejected
from contracts.failures import RejectionCode
from worker.intake.reading import MessageFault, Reading
from worker.records import Event, LooseEvent, NewCommand, Route

UNKNOWN_TYPE: Final = "command"
"""What a message of no known type is called: its event is `command.rejected`."""
UNSTORABLE: Final = "the journal cannot hold this command: a value in it fits into no column"


class Answering(Protocol):
    """Who answers."""

    @property
    def worker(self) -> str: ...


def answer_reused(command: NewCommand, rules: Answering) -> LooseEvent:
    """The answer to a message whose id came before with other content; the same message gets the same event."""
    about = f"id_reused\n{command.content_hash}\n{command.route.reply_to or ''}"
    message = "this source has used this id with other content; give the new order an id of its own"
    return _loose(command, rules, RejectionCode.ID_REUSED, about, FieldError(path="/id", message=message))


def answer_busy(command: NewCommand, rules: Answering) -> LooseEvent:
    """The answer to a tenant over its limit. Each message gets an event of its own, for the next may be accepted."""
    about = f"busy\n{command.received_at.isoformat()}"
    message = "this source has too many waiting commands; send this one again later, under the same id"
    return _loose(command, rules, RejectionCode.BUSY, about, FieldError(path="", message=message))


def answer_duplicate(command: NewCommand, double: str | None, rules: Answering) -> LooseEvent:
    """The answer to an order that came a moment ago under another id; the same message gets the same event."""
    about = f"duplicate\n{command.content_hash}\n{command.route.reply_to or ''}\n{double or ''}"
    message = (
        "the same order came a moment ago under another id; an orderNo would tell them apart, and "
        "allowDuplicate: true says that it is meant"
    )
    return _loose(command, rules, RejectionCode.DUPLICATE, about, FieldError(path="", message=message), double)


def answer_unstorable(command: NewCommand, rules: Answering) -> LooseEvent:
    """The answer to a command that the journal cannot hold; the same message gets the same event."""
    about = f"unstorable\n{command.content_hash}\n{command.route.reply_to or ''}"
    return _loose(command, rules, RejectionCode.INVALID, about, FieldError(path="", message=UNSTORABLE))


def answer_nameless(  # noqa: PLR0913, PLR0917  what an envelope has
    reading: Reading, fault: MessageFault, name: str, route: Route, at: datetime, rules: Answering
) -> LooseEvent:
    """The answer to a message without an id, under a name that was made for it."""
    event_type = f"{reading.type or UNKNOWN_TYPE}.{Outcome.REJECTED}"
    data = Rejected(commandId=name, commandSource=reading.source, code=fault.code, errors=list(fault.errors))
    event_id, body = build_event(
        worker=rules.worker,
        command_source=reading.source,
        command_id=name,
        event_type=event_type,
        sequence=0,
        identity="unnamed",
        time=at,
        data=data.model_dump(exclude_none=True),
    )
    return LooseEvent(Event(0, event_id, event_type, body), name, route, at)


def _loose(  # noqa: PLR0913, PLR0917
    command: NewCommand,
    rules: Answering,
    code: RejectionCode,
    about: str,
    error: FieldError,
    first_command_id: str | None = None,
) -> LooseEvent:
    event_type = f"{command.type}.{Outcome.REJECTED}"
    data = Rejected(
        commandId=command.id,
        commandSource=command.source,
        userId=command.user_id,
        orderNo=command.order_no,
        code=code,
        errors=[error],
        firstCommandId=first_command_id,
    )
    event_id, body = build_event(
        worker=rules.worker,
        command_source=command.source,
        command_id=command.id,
        event_type=event_type,
        sequence=0,
        identity=hashlib.sha256(about.encode()).hexdigest(),
        time=command.received_at,
        data=data.model_dump(exclude_none=True),
    )
    return LooseEvent(Event(0, event_id, event_type, body), command.id, command.route, command.received_at)
