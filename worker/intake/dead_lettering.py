"""Messages that are no command at all, on their way to `<prefix>.dead`.

Guarantees: body, headers and given properties arrive untouched, the reason beside them, and the delivery is
acknowledged only after the broker has confirmed the copy; a crash between the two leaves a second copy. What cannot be
kept where it is moves to headers: `user_id`, for the broker closes the channel of whoever sends another's;
`expiration`, for the copy would vanish; `CC` and `BCC`, for the broker would send copies where their sender may not.
One message that cannot be sent is in nobody's way, and neither are many where the dead queue takes none: before they
fill the prefetch they are left to the broker. Does not know what was wrong with a message.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from worker.amqp.confirms import Verdict
from worker.amqp.connections import backoff_seconds
from worker.amqp.deliveries import Delivery
from worker.amqp.tables import changed
from worker.amqp.wire import Outgoing
from worker.crashpoints import crashpoint
from worker.errors import BrokerLost
from worker.intake.admission import DeadLetterReason

log = structlog.get_logger()

CODE_HEADER = "x-fapiao-code"
REASON_HEADER = "x-fapiao-reason"
USER_ID_HEADER = "x-fapiao-user-id"
EXPIRATION_HEADER = "x-fapiao-expiration"
ROUTING_HEADERS = {"CC": "x-fapiao-cc", "BCC": "x-fapiao-bcc"}
"""Headers by which RabbitMQ routes whatever is published with them, to what they are kept as."""
TOGETHER = 50
"""Dead letters sent at once (count)."""
PATIENT_ROUNDS = 3
"""After so many rounds in a row in which the dead queue took none (count), what it declines is left to the broker: the
queue that the message came from keeps it, and moves it when there is room, without code and reason."""
_DECLINED = frozenset({Verdict.REFUSED, Verdict.RETURNED})


class DeadLetters(Protocol):
    """Whoever publishes to `<prefix>.dead`."""

    async def publish_dead(self, messages: Sequence[Outgoing]) -> Sequence[Verdict]:
        """Publish, mandatory and confirmed. Of those that share a message id, a `RETURNED` may be told of another one.
        Never raises for the broker's doing."""
        ...


class Acknowledger(Protocol):
    """Whoever holds deliveries, and can settle one if its epoch is still the current one."""

    def is_current(self, delivery: Delivery) -> bool: ...

    def let_go(self, delivery: Delivery) -> None:
        """It is held no longer."""
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None: ...

    async def dead_letter(self, delivery: Delivery) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class FaultyDelivery:
    """A delivery with what is wrong with it."""

    delivery: Delivery
    letter: DeadLetterReason

    @property
    def message_id(self) -> str:
        return self.delivery.properties.message_id or ""


def dead_letter_of(dead: FaultyDelivery, exchange: str) -> Outgoing:
    """The copy that goes to the dead-letter exchange, under the routing key it came with."""
    given = dead.delivery.properties
    added = {CODE_HEADER: str(dead.letter.code), REASON_HEADER: dead.letter.reason}
    if given.user_id is not None:
        added[USER_ID_HEADER] = given.user_id
    if given.expiration is not None:
        added[EXPIRATION_HEADER] = given.expiration
    headers = changed(given.headers, lambda name: ROUTING_HEADERS.get(name, name), added)
    properties = given._replace(headers=headers, user_id=None, expiration=None)
    return Outgoing(exchange, dead.delivery.routing_key, dead.delivery.body, properties)


class DeadLettering:
    """Dead letters that wait for the broker's confirm."""

    def __init__(
        self,
        publisher: DeadLetters,
        acknowledger: Acknowledger,
        exchange: str,
        *,
        broker_may_dead_letter: bool,
        count: Callable[[str], None],
    ) -> None:
        """`broker_may_dead_letter`: the queue is known to have a dead-letter exchange, so that a message which this
        worker cannot publish may be left to the broker, without code and reason."""
        self._publisher = publisher
        self._acknowledger = acknowledger
        self._exchange = exchange
        self._broker_may_dead_letter = broker_may_dead_letter
        self._count = count
        self._waiting: deque[FaultyDelivery] = deque()
        self._sending = 0
        """Sent, and without a verdict (count)."""
        self._declined_rounds = 0
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + self._sending

    def may_leave_to_broker(self, may: bool) -> None:
        """Whether the queues are as declared: one without dead-lettering would drop what is left to the broker."""
        self._broker_may_dead_letter = may

    def add(self, dead: FaultyDelivery) -> None:
        """One more; its delivery is acknowledged when its copy is durable."""
        self._waiting.append(dead)
        self._arrived.set()

    async def run(self) -> None:
        """Publish what comes, until cancelled; with growing pauses while the broker takes nothing."""
        failures = 0
        while True:
            await self._arrived.wait()
            failures = 0 if await self.run_once() else failures + 1
            if not self._waiting:
                self._arrived.clear()
            elif failures:
                await asyncio.sleep(backoff_seconds(failures, 1.0))

    async def run_once(self) -> int:
        """Send some and settle those confirmed. Returns how many are settled."""
        chosen = self._choose()
        self._sending = len(chosen)
        verdicts = await self._publisher.publish_dead([dead_letter_of(dead, self._exchange) for dead in chosen])
        self._sending = 0
        judged = _judged(chosen, verdicts)
        self._note_declined([verdict for _, verdict in judged])
        settled = 0
        for dead, verdict in judged:
            if await self._settle(dead, verdict):
                self._acknowledger.let_go(dead.delivery)
                settled += 1
            else:
                self._waiting.append(dead)
        return settled

    def _choose(self) -> list[FaultyDelivery]:
        """The next ones; those of an earlier epoch come again by themselves."""
        chosen: list[FaultyDelivery] = []
        while self._waiting and len(chosen) < TOGETHER:
            dead = self._waiting.popleft()
            if self._acknowledger.is_current(dead.delivery):
                chosen.append(dead)
            else:
                self._acknowledger.let_go(dead.delivery)
        return chosen

    def _note_declined(self, verdicts: Sequence[Verdict]) -> None:
        if Verdict.CONFIRMED in verdicts:
            self._declined_rounds = 0
        elif not _DECLINED.isdisjoint(verdicts):
            self._declined_rounds += 1
            if self._declined_rounds == PATIENT_ROUNDS:
                meanwhile = "wait in their own queue" if self._broker_may_dead_letter else "stop the intake in the end"
                advice = f"make room in it, or bind it again: messages that are no command {meanwhile}"
                log.error("dead_queue_declines", exchange=self._exchange, verdict=str(verdicts[0]), advice=advice)

    async def _settle(self, dead: FaultyDelivery, verdict: Verdict) -> bool:
        with contextlib.suppress(BrokerLost):  # it comes again, in the next epoch
            if verdict is Verdict.CONFIRMED:
                crashpoint("intake.dead_lettered")
                self._count(str(dead.letter.code))
                await self._acknowledger.acknowledge([dead.delivery])
                return True
            if self._is_left_to_broker(verdict):
                if verdict is Verdict.UNSENDABLE:  # the others may be many, and `dead_queue_declines` says why
                    log.warning("dead_letter_left_to_broker", code=str(dead.letter.code), reason=dead.letter.reason)
                self._count(str(dead.letter.code))
                await self._acknowledger.dead_letter(dead.delivery)
                return True
        log.warning("dead_letter_not_taken", code=str(dead.letter.code), verdict=str(verdict))
        return False

    def _is_left_to_broker(self, verdict: Verdict) -> bool:
        is_hopeless = verdict in _DECLINED and self._declined_rounds >= PATIENT_ROUNDS
        return self._broker_may_dead_letter and (is_hopeless or verdict is Verdict.UNSENDABLE)


def _judged(sent: Sequence[FaultyDelivery], verdicts: Sequence[Verdict]) -> list[tuple[FaultyDelivery, Verdict]]:
    """A broker does not say which of several messages with one id was returned. So if one was, all of them are taken
    for returned."""
    judged = list(zip(sent, verdicts, strict=True))
    returned = {dead.message_id for dead, verdict in judged if verdict is Verdict.RETURNED}
    return [(dead, Verdict.RETURNED if dead.message_id in returned else verdict) for dead, verdict in judged]
