"""A broker that answers as told, and remembers what was published."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from worker.cli.broker import DeadLetter
from worker.cli.outgoing import OutgoingCommand
from worker.cli.terminal import Stop


class FakeBroker:
    """Delivers `bodies` to whoever listens; None among them is the loss of the broker."""

    user_id: str | None = None

    def __init__(self) -> None:
        self.bodies: list[bytes | None] = []
        self.leaves_queues: list[bool] = []
        self.published: list[tuple[OutgoingCommand, str | None]] = []
        self.refusal: Exception | None = None
        self.unreachable: Exception | None = None
        self.letters: list[DeadLetter] = []
        self.unattended: dict[str, str] = {}
        """Queues that nobody consumes, by the commands in them."""
        self.sent_again: list[int] = []
        self.stuck: set[int] = set()
        """Dead letters that the broker does not take."""

    async def listen(self, *, outlives: bool = False) -> "tuple[str, asyncio.Queue[bytes | None]]":
        self.leaves_queues.append(outlives)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for body in self.bodies:
            queue.put_nowait(body)
        return "send-reply", queue

    async def publish(self, order: OutgoingCommand, reply_to: str | None) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.published.append((order, reply_to))

    async def unattended_queue(self, command_type: str) -> str | None:
        return self.unattended.get(command_type)

    async def dead_count(self) -> int:
        return len(self.letters)

    async def dead_letters(self, limit: int) -> AsyncIterator[tuple[DeadLetter, Any]]:
        for letter in self.letters[:limit]:
            yield letter, None

    async def send_again(self, letter: DeadLetter, _message: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        if letter.tag in self.stuck:
            raise Stop("not as it is")
        self.sent_again.append(letter.tag)


def dead_letter(tag: int, code: str = "invalid") -> DeadLetter:
    """A message of the dead queue."""
    return DeadLetter(
        tag, f"letter-{tag}", code, "/invoice is required", "invoice.issue", f"cmd-{tag}", "erp", "invoice.issue", 99
    )
