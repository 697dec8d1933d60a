"""What this worker may publish, as far as the broker has said: replies, and each type of event on the topic.

Replies have one right for all. On the topic a broker may look at the type, too (`set_topic_permissions`, written for an
earlier version's types): such a type holds up no other. Publishes nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiormq.exceptions import ChannelAccessRefused

from contracts.events import Outcome
from contracts.kinds import CommandType
from worker.amqp.confirms import Confirming
from worker.amqp.wire import Outgoing, Properties
from worker.records import Copy, OutboxRow

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0
ASKED_WITH: Final = {
    Copy.REPLY: "fapiao-worker-asks-for-its-rights",
    Copy.TOPIC: f"{CommandType.ISSUE}.{Outcome.QR_REQUIRED}",
}
"""The routing keys with which it asks for its rights. On the topic one of its events': a broker may allow these alone
(`set_topic_permissions`), and would refuse any other."""
NO_TIME: Final = "none"
"""An expiration that the broker refuses in any message, once it has found that its sender may publish."""
FORBIDDEN_SECONDS: Final = 5.0
"""A type that may not be published is not tried again sooner: each try costs a channel."""
VITAL: Final = frozenset(
    f"{CommandType.ISSUE}.{each}" for each in (Outcome.QR_REQUIRED, Outcome.COMPLETED, Outcome.IN_DOUBT, Outcome.FAILED)
)
"""Types without which no order should be begun."""


class Rights:
    """Asked for at each connection, and learned from what is refused."""

    def __init__(self) -> None:
        self.is_to_ask = asyncio.Event()
        """A type was refused: the broker should be asked whether all are."""
        self._forbidden: set[Copy] = set()
        self._apart: dict[str, float] = {}
        """Types of which one is forbidden, and until when (the loop's time) it is known to be this one; 0 where that
        is not known yet."""

    @property
    def are_enough(self) -> bool:
        """Whether replies may be published, and on the topic what every order needs."""
        return not self._forbidden and not any(self._apart.get(each) for each in VITAL)

    @property
    def are_doubtful(self) -> bool:
        """Whether anything is, or may be, forbidden."""
        return bool(self._forbidden or self._apart)

    def goes_apart(self, row: OutboxRow) -> bool:
        """Whether a batch with it and with other types could end over one of them."""
        return row.copy is Copy.TOPIC and row.destination in self._apart

    def is_forbidden(self, row: OutboxRow) -> bool:
        """Whether its type was refused a moment ago."""
        until = self._apart.get(row.destination, 0.0) if row.copy is Copy.TOPIC else 0.0
        return until > asyncio.get_running_loop().time()

    def refused(self, rows: Sequence[OutboxRow], refusal: ChannelAccessRefused) -> bool:
        """The broker refused one of these, and closed the channel over it. Whether that holds for all of them; of
        several types it does not say which, and each goes by itself until it is confirmed."""
        types = {row.destination for row in rows if row.copy is Copy.TOPIC}
        if not types:
            self._forbidden.update(row.copy for row in rows)
        elif len(types) == 1:
            self._apart |= dict.fromkeys(types, asyncio.get_running_loop().time() + FORBIDDEN_SECONDS)
            self.is_to_ask.set()
        else:
            self._apart |= dict.fromkeys(types - self._apart.keys(), 0.0)
            return False
        told = {"type": next(iter(types), None), "rows": len(rows), "reason": str(refusal)}
        log.error("publishing_forbidden", copy=str(rows[0].copy), **told)
        return True

    def allowed(self, row: OutboxRow) -> None:
        """The broker took it."""
        if row.copy is Copy.REPLY:
            self._forbidden.discard(row.copy)
        else:
            self._apart.pop(row.destination, None)

    def answered(self, copy: Copy, refusal: BaseException | None) -> None:
        """What the broker said to a question."""
        self._forbidden.discard(copy)
        if isinstance(refusal, ChannelAccessRefused):
            self._forbidden.add(copy)
            log.error("publishing_forbidden", copy=str(copy), type=None, rows=0, reason=str(refusal))


async def is_answered(copy: Copy, exchange: str, channel: Confirming, rights: Rights) -> bool:
    """Ask whether this copy may be published: no message comes of it, for the broker looks at the right first, and then
    refuses what no message may have. Whether there was an answer. Raises `BrokerLost`."""
    batch = await channel.send([Outgoing(exchange, ASKED_WITH[copy], b"", Properties(expiration=NO_TIME))])
    was_answered = await batch.wait(ASK_SECONDS)
    rights.answered(copy, batch.ended_by)
    await channel.close()
    return was_answered
