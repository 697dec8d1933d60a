"""Tenants of one worker: each with a source and a reply queue of its own, and all that ever came to that queue."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aio_pika.abc import AbstractIncomingMessage

from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack


@dataclass
class Tenant:
    """One source. `heard` is what came to its queue, by the command's id, in order, copies left out."""

    stack: Stack
    source: str
    queue: str = ""
    heard: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    raw: list[str] = field(default_factory=list)
    """Every body that came, as it came."""

    @classmethod
    async def of(cls, stack: Stack, source: str, suffix: str = "") -> Self:
        """A tenant that listens from now on; a second queue is one of a client of it that started anew."""
        tenant = cls(stack, source, queue=f"{stack.prefix}.replies.{source}{suffix}")
        queue = await stack.channel.declare_queue(tenant.queue, durable=True)
        await queue.consume(tenant._take, no_ack=True)
        return tenant

    async def _take(self, message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        self.raw.append(message.body.decode())
        events = self.heard.setdefault(event["subject"], [])
        if event["id"] not in {known["id"] for known in events}:
            events.append(event)

    async def send(self, command_id: str, data: object, **properties: Any) -> str:
        """Publish a command of this source; its events come to this queue."""
        await self.stack.publish(command_id, data, **{"app_id": self.source, "reply_to": self.queue} | properties)
        return command_id

    async def order(self, command_id: str, user: str = "user-1", *, remark: str | None = None, **changes: Any) -> str:
        """Publish an order; its remark is the same for all that are to be the same order."""
        return await self.send(command_id, make_order(remark or command_id, user, **changes))

    def said(self, command_id: str) -> list[str]:
        """The outcomes told so far."""
        return [event["type"].rpartition(".")[2] for event in self.heard.get(command_id, [])]

    def last(self, command_id: str, outcome: str) -> dict[str, Any]:
        """The data of the newest event of that outcome."""
        found = [event for event in self.heard.get(command_id, []) if event["type"].endswith(f".{outcome}")]
        assert found, f"{self.source} {command_id}: no {outcome} among {self.said(command_id)}"
        data: dict[str, Any] = found[-1]["data"]
        return data

    async def until(self, command_ids: Sequence[str], *outcomes: str) -> None:
        """Wait until each command has one of these outcomes."""

        def has_come() -> bool:
            return all(set(self.said(one)) & set(outcomes) for one in command_ids)

        try:
            await self.stack.wait_for(has_come)
        except TimeoutError:
            told = {one: self.said(one) for one in command_ids}
            raise AssertionError(f"{self.source}: no {outcomes} among {told}") from None
