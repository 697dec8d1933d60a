"""What a test says: an order, what became of it, and waiting for what one's own program does.

    def test_an_order_is_invoiced(fapiao):
        story = fapiao.issue(fapiao.order())
        assert story.outcomes == ["qr_required", "completed", "confirmed"]

Guarantees: every wait is bounded and fails with what was seen instead; no test is given another's order.
"""

import asyncio
import itertools
import json
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from contracts.commands import CommandType
from contracts.envelope import CLOUDEVENTS_JSON, dumps
from worker.cli.contracts import fresh_example
from worker.sandbox.faults import FAULTS
from worker.testkit.processes import KitError, until

T = TypeVar("T")
ANSWER_SECONDS: Final = 30.0


class KitConnection:
    """The connection, as `with Connection(…) as connection`."""

    def __init__(self, amqp_url: str, prefix: str) -> None:
        self._url, self._prefix = amqp_url, prefix
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fapiao-testkit", daemon=True)
        self.events: list[dict[str, Any]] = []
        """As they came, CloudEvents; only ever appended to."""
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    def send(self, body: bytes, *, routing_key: str, content_type: str) -> None:
        """Publish a command, persistent and confirmed. Raises `aio_pika.exceptions.DeliveryError`."""
        message = aio_pika.Message(body, content_type=content_type, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        self._wait(self._exchange.publish(message, routing_key=routing_key))

    async def _open(self) -> None:
        self._connection = await aio_pika.connect(self._url)
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        self._exchange = await channel.get_exchange(f"{self._prefix}.commands", ensure=False)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(f"{self._prefix}.events", "#")
        await queue.consume(self._take, no_ack=True)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        if event["id"] not in self._seen:
            self._seen.add(event["id"])
            self.events.append(event)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)


WAIT_SECONDS: Final = 60.0
_FINAL: Final = {"completed", "failed", "rejected"}
_LAST_OF_ISSUE: Final = {"confirmed", "unconfirmed", "failed", "rejected"}


@dataclass(frozen=True)
class Story:
    """What was told of one command so far, in order."""

    command_id: str
    events: list[dict[str, Any]]
    """CloudEvents: `type`, `id`, `data`, …"""

    @property
    def outcomes(self) -> list[str]:
        """The last word of each event's type: `qr_required`, `completed`, …"""
        return [_outcome(event) for event in self.events]

    @property
    def last(self) -> dict[str, Any]:
        """The data of the last event."""
        data: dict[str, Any] = self.events[-1]["data"]
        return data

    def __getitem__(self, outcome: str) -> dict[str, Any]:
        """The data of the newest event with this outcome: `story["confirmed"]["invoiceNumber"]`. Raises KeyError."""
        for event in reversed(self.events):
            if _outcome(event) == outcome:
                found: dict[str, Any] = event["data"]
                return found
        raise KeyError(f"{outcome} is not among {self.outcomes}")


class Scenario(KitConnection):
    """Publishes as a caller would, and hears what anybody is told."""

    def order(self, *, fault: str | None = None, **changes: Any) -> dict[str, Any]:
        """The data of a good `invoice.issue`, with a user, an `orderNo` and a remark of its own. `fault` names what
        shall go wrong at the gateway (`worker/sandbox/README.md`); `invoice` changes single members of it."""
        name = f"T{uuid4().hex[:12]}"
        data: dict[str, Any] = fresh_example(CommandType.ISSUE, "test")["data"]
        data["userId"] = data["orderNo"] = data["invoice"]["remark"] = name
        data["login"]["phone"] = name  # an account of its own: refused logins suspend one
        data["invoice"] |= changes.pop("invoice", {})
        if fault is not None:
            _ask_for(fault, data)
        return data | changes

    def publish(
        self,
        data: Mapping[str, Any],
        *,
        command_type: str = CommandType.ISSUE,
        command_id: str | None = None,
        source: str = "/test",
    ) -> str:
        """Publish a command under this id, or a fresh one; the id."""
        name = command_id or f"test-{uuid4()}"
        envelope = {"specversion": "1.0", "id": name, "source": source, "type": str(command_type), "data": dict(data)}
        self.send(dumps(envelope), routing_key=str(command_type), content_type=CLOUDEVENTS_JSON)
        return name

    def issue(self, order: Mapping[str, Any], *, command_id: str | None = None, seconds: float = WAIT_SECONDS) -> Story:
        """Publish an order and follow it to its last event."""
        return self.follow(self.publish(order, command_id=command_id), seconds=seconds)

    def query(
        self, data: Mapping[str, Any], *, command_type: str = CommandType.QUERY, seconds: float = WAIT_SECONDS
    ) -> Story:
        """Publish a command that looks something up, and follow it to its last event."""
        return self.follow(self.publish(data, command_type=command_type), seconds=seconds)

    def follow(self, command_id: str, *, seconds: float = WAIT_SECONDS) -> Story:
        """Wait for the last event of a command: of an order that is `confirmed` or `unconfirmed`, `failed`,
        `rejected`, or `in_doubt` once a person must decide. Raises KitError when the time is over."""
        patience = until(seconds, f"the end of {command_id}")
        while not _is_over(story := self.story(command_id)):
            _go_on(patience, story.outcomes)
        return story

    def story(self, command_id: str) -> Story:
        """What was told of a command up to now."""
        return Story(command_id, [event for event in list(self.events) if event.get("subject") == command_id])

    def wait_for(self, outcome: str, *, seconds: float = WAIT_SECONDS, **members: Any) -> dict[str, Any]:
        """The first event with this outcome whose data have these members, whoever published the command:
        `wait_for("confirmed", orderNo="SO-1")`. Raises KitError when the time is over."""
        patience = until(seconds, f"{outcome} with {members}")
        for place in itertools.count():
            while place >= len(self.events):
                told = [each for each in list(self.events) if members.items() <= each["data"].items()]
                _go_on(patience, [_outcome(each) for each in told])
            event = self.events[place]
            if _outcome(event) == outcome and members.items() <= event["data"].items():
                return event
        raise AssertionError("unreachable")


def _go_on(patience: Any, told: Sequence[str]) -> None:
    """Wait a little longer; when the time is over, say what came instead."""
    try:
        patience.lasts()
    except KitError as error:
        raise KitError(f"{error}; told so far: {told or 'nothing'}") from None


def _outcome(event: Mapping[str, Any]) -> str:
    return str(event["type"]).rpartition(".")[2]


def _is_over(story: Story) -> bool:
    if not story.events:
        return False
    last, outcome = story.events[-1], story.outcomes[-1]
    if outcome == "in_doubt":
        return bool(last["data"].get("needsPerson"))
    issues = str(last["type"]).startswith(f"{CommandType.ISSUE}.")
    return outcome in (_LAST_OF_ISSUE if issues else _FINAL) or (not issues and outcome == "archived")


def _ask_for(fault: str, data: dict[str, Any]) -> None:
    name = fault.partition("=")[0]
    if name not in FAULTS:
        raise KitError(f"the sandbox knows no fault {name!r}: see `fapiao-worker sandbox` and its README")
    if "login" in FAULTS[name].phases and "invoice" not in FAULTS[name].phases:
        data["login"]["password"] += f"#fault={fault}"
    else:
        data["invoice"]["remark"] += f"#fault={fault}"
