"""Events of a command, ready to be committed: numbered, named and encoded. Knows nothing of where they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.envelope import build_event, loads
from contracts.events import Outcome
from contracts.failures import KEEPS_ORDER, RETRYABLE, FailureCode, Stage
from contracts.told import AnyEventData, FailedData
from worker.making import made_often
from worker.records import DISCOUNTS_FOLDED, Command, Event

_FOLDED = b'"%b":' % DISCOUNTS_FOLDED.encode()
"""Inside a text the quotes would be escaped: only a member of this name looks like this."""


@made_often
@dataclass(frozen=True, slots=True)
class Announcement:
    """What an event will say beyond what every event of the command says."""

    outcome: Outcome
    data: Mapping[str, Any]


def announced(outcome: Outcome, data: AnyEventData) -> Announcement:
    """An announcement whose data are what the contract says, member by member; mypy holds flows to it."""
    return Announcement(outcome, data)


def failure(
    code: FailureCode, stage: Stage, message: str, attempts: int, gateway_message: str | None = None
) -> Announcement:
    """The final `failed`; with the gateway's own words, where it said why."""
    data: FailedData = {
        "code": code,
        "stage": stage,
        "message": message,
        "retryable": code in RETRYABLE,
        "attempts": attempts,
    }
    if gateway_message is not None:
        data["gatewayMessage"] = gateway_message
    return announced(Outcome.FAILED, data)


def keeps_order(announcements: Sequence[Announcement]) -> bool:
    """Whether an end that is told so leaves the order's number with its command."""
    return any(said.data.get("code") in KEEPS_ORDER for said in announcements if said.outcome is Outcome.FAILED)


def events_of(
    command: Command, announcements: Sequence[Announcement], *, worker: str, at: datetime
) -> tuple[Event, ...]:
    """The command's next events. Their ids depend on the command and the sequence alone: after a crash the same
    step makes the same ids."""
    return tuple(
        _event(command, announcement, command.last_sequence + number, worker, at)
        for number, announcement in enumerate(announcements, start=1)
    )


def _event(command: Command, announcement: Announcement, sequence: int, worker: str, at: datetime) -> Event:
    event_type = f"{command.type}.{announcement.outcome}"
    identifier, body = build_event(
        worker=worker,
        command_source=command.source,
        command_id=command.id,
        event_type=event_type,
        sequence=sequence,
        time=at,
        data={**what_every_event_says(command), **announcement.data},
    )
    return Event(sequence=sequence, id=identifier, type=event_type, body=body)


def what_every_event_says(command: Command) -> dict[str, Any]:
    """The members common to all events of a command."""
    data: dict[str, Any] = {"commandId": command.id, "commandSource": command.source}
    if command.user_id is not None:
        data["userId"] = command.user_id
    if command.order_no is not None:
        data["orderNo"] = command.order_no
    if command.warnings != b"[]":
        data["warnings"] = loads(command.warnings)
    if _FOLDED in command.data:
        data[DISCOUNTS_FOLDED] = loads(command.data)[DISCOUNTS_FOLDED]
    return data
