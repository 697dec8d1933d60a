"""Events as the journal has them, and the copies of them that are to be published."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from worker.making import made_often


@made_often
@dataclass(frozen=True, slots=True)
class Event:
    """An event as it will be published: the same id and bytes at every attempt."""

    sequence: int
    """Per command, from 1; 0 for an answer that is not the command's own (`id_reused`, `busy`)."""
    id: str
    type: str
    body: bytes


@made_often
@dataclass(frozen=True, slots=True)
class Route:
    """Where the events of a command go, and what comes back on each."""

    reply_to: str | None
    correlation_id: str
    traceparent: str | None = None
    tracestate: str | None = None


class Copy(StrEnum):
    """Which of an event's two copies; its value ends the AMQP message id."""

    REPLY = "r"
    TOPIC = "t"


class OutboxRow(NamedTuple):
    """One copy of one event that the broker has not confirmed yet."""

    seq: int
    command_key: int
    """0 for an answer that belongs to no command."""
    command_id: str
    copy: Copy
    destination: str
    """Queue name for a reply; the event's type for the topic."""
    event_id: str
    event_type: str
    body: bytes
    correlation_id: str
    traceparent: str | None
    tracestate: str | None
    attempts: int
    created_at: datetime

    @property
    def message_id(self) -> str:
        """Unique per copy and stable across attempts."""
        return f"{self.event_id}:{self.copy}"


@dataclass(frozen=True, slots=True)
class LooseEvent:
    """An answer that is not a command's own event (`id_reused`, `busy`)."""

    event: Event
    command_id: str
    route: Route
    at: datetime


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A committed event with what is left to publish of it."""

    event: Event
    created_at: datetime
    pending: tuple[Copy, ...]
    undeliverable: bool


@dataclass(frozen=True, slots=True)
class UndeliverableReply:
    """A reply whose queue stayed missing for the whole of its time."""

    seq: int
    command_source: str
    command_id: str
    event_id: str
    event_type: str
    destination: str
    attempts: int
    created_at: datetime
