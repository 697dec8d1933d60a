"""Publishes commands and follows them to a typed outcome, in a hundred lines over aio-pika.

    async with Client("amqp://guest:guest@127.0.0.1:5672/%2f", source="/shop", replies="shop.replies") as client:
        outcome = await client.issue(order, command_id, on_event=show)

Guarantees: `publish` returns when RabbitMQ has the command on disk; an event is acknowledged only after `on_event` has
returned, and given to it once while this client lives. `command_id` is yours: store it beside your order before you
call, for the same id again never issues twice. Two processes must not share `replies`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from fapiao_contracts.commands import COMMANDS, AnyCommand, CommandType, IssueInvoice
from fapiao_contracts.events import (
    EVENTS,
    Completed,
    Confirmed,
    EventData,
    Failed,
    InDoubt,
    Outcome,
    Rejected,
    Unconfirmed,
)
from pydantic import BaseModel, SecretStr, ValidationError

EventHandler = Callable[["Event"], Awaitable[None]]
_LAST = (Rejected, Failed, Confirmed, Unconfirmed)


@dataclass(frozen=True)
class Event:
    """One event: its stable id, its type, and its data, typed where this version knows the type."""

    id: str
    type: str
    command_id: str
    data: EventData


IssueOutcome = Confirmed | Unconfirmed | Failed | Rejected | InDoubt
"""What an order ends with: `InDoubt` only where a person must decide first."""


class Client:
    """One connection, one queue for replies."""

    def __init__(
        self, url: str, *, source: str, replies: str, on_other: EventHandler | None = None, prefix: str = "fapiao"
    ) -> None:
        """`on_other` gets the events of commands that nobody here follows (any more): one published before a restart,
        or what follows an order's end. Without it they are dropped; they are on the topic all the same."""
        self._url, self._source, self._replies, self._prefix = url, source, replies, prefix
        self._handlers: dict[str, EventHandler] = {}
        self._on_other = on_other
        self._seen: set[str] = set()

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect_robust(self._url)
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        self._exchange = await channel.get_exchange(f"{self._prefix}.commands", ensure=False)
        queue = await channel.declare_queue(self._replies, durable=True)
        await queue.consume(self._take)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def publish(self, command: AnyCommand, command_id: str) -> None:
        """Publish a command. Raises `aio_pika.exceptions.DeliveryError` where the broker refuses or nobody takes it."""
        type_ = next(name for name, model in COMMANDS.items() if isinstance(command, model))
        envelope = {"specversion": "1.0", "id": command_id, "source": self._source, "type": str(type_)}
        data = command.model_dump(exclude_unset=True)
        message = aio_pika.Message(
            json.dumps({**envelope, "data": data}, ensure_ascii=False, default=_plain).encode(),
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            reply_to=self._replies,
        )
        await self._exchange.publish(message, routing_key=str(type_))

    async def issue(
        self, order: IssueInvoice, command_id: str, *, on_event: EventHandler | None = None, seconds: float = 3600
    ) -> IssueOutcome:
        """Publish an order and follow it to its number. Raises TimeoutError; the order goes on all the same."""
        ended: asyncio.Future[IssueOutcome] = asyncio.get_running_loop().create_future()

        async def handle(event: Event) -> None:
            if on_event is not None:
                await on_event(event)
            data = event.data
            is_last = isinstance(data, _LAST) or (isinstance(data, InDoubt) and data.needsPerson)
            if is_last and not ended.done():
                ended.set_result(data)  # type: ignore[arg-type]  # one of the outcomes, as was just seen

        self._handlers[command_id] = handle
        try:
            await self.publish(order, command_id)
            return await asyncio.wait_for(ended, seconds)
        finally:
            del self._handlers[command_id]

    async def _take(self, message: AbstractIncomingMessage) -> None:
        async with message.process(requeue=True):  # acknowledged when the handler has returned
            event = read_event(message.body)
            handle = self._handlers.get(event.command_id, self._on_other)
            if handle is not None and event.id not in self._seen:
                await handle(event)
                self._seen.add(event.id)


def read_event(body: bytes) -> Event:
    """An event from its JSON. A type that this version does not know comes as bare `EventData`; data that a newer
    version made (a code that is new, say) come as they are, unchecked."""
    told = json.loads(body)
    command, _, outcome = told["type"].rpartition(".")
    known = EVENTS.get(CommandType(command), {}) if command in set(CommandType) else {}
    model = known.get(Outcome(outcome), EventData) if outcome in set(Outcome) else EventData
    try:
        data = model.model_validate(told["data"])
    except ValidationError:
        data = model.model_construct(**told["data"])
    return Event(told["id"], told["type"], told["subject"], data)


def _plain(value: Any) -> Any:
    """Money as exact text, times as RFC 3339, a password as it is: this is the one place where it must be."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


__all__ = ["Client", "Completed", "Event", "IssueOutcome", "read_event"]
