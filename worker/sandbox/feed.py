"""What happens in the sandbox, in the order in which it happens: for the page, for tests that wait, for the journal.

Guaranteed: numbers rise by one and are never given twice, also over a reset; whoever waits for something that has
happened already is told at once; nothing grows without bound, and no password is told.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from worker.sandbox.masking import LONGEST, masked

_KEPT: Final = 10_000
_KEPT_FRAMES: Final = 1_000
_KEPT_SECRETS: Final = 20
"""Of one user: whoever changes a password so often is a test."""

EVENTS: Final = {
    "session.opened": "a socket was opened",
    "session.closed": "a socket was closed",
    "session.denied": "a handshake was refused",
    "frame.heard": "a frame came in",
    "frame.sent": "a frame went out",
    "frame.lost": "a frame found no socket",
    "manual.violated": "a client left the manual",
    "order.received": "an `invoice_info` was entered in the ledger",
    "order.ended": "the exchange of an order ended",
    "qr.shown": "a QR was shown",
    "scan.confirmed": "a person scanned and confirmed",
    "scan.declined": "a person refused",
    "scan.expired": "a QR expired",
    "scan.superseded": "a newer QR replaced one",
    "invoice.issued": "an invoice was issued",
    "invoice.drafted": "a draft was saved",
    "invoice.changed": "an invoice was red-lettered or voided afterwards",
    "query.answered": "a page of a query was told",
    "fault.armed": "a fault was armed",
    "fault.unheard": "a magic word asked for nothing: no such fault, or not there",
    "fault.disarmed": "armed faults were taken back",
    "scenario.begun": "a scenario was begun",
    "replay.set": "a recorded exchange is to be replayed",
    "clock.moved": "the clock was moved forward",
    "sandbox.seeded": "the archive was laid out anew",
    "sandbox.reset": "books, counts, scans and faults were forgotten",
}
"""The one list of what happens, with what each means."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. `remark` is the order's, where it is about one."""

    number: int
    moment: datetime
    event: str
    user_id: str
    socket: int
    about: str
    remark: str = ""

    @property
    def at(self) -> str:
        return self.moment.isoformat()


@dataclass(frozen=True, slots=True)
class Awaited:
    """What somebody waits for. Empty text asks for anything; a remark need only be contained, for others add to it."""

    events: frozenset[str] = frozenset()
    user_id: str = ""
    remark: str = ""
    after: int = 0

    def fits(self, happening: Happening) -> bool:
        return (
            happening.number > self.after
            and (not self.events or happening.event in self.events)
            and self.user_id in ("", happening.user_id)
            and self.remark in happening.remark
        )


class Feed:
    """The last 10,000 things that happened, and the last 1,000 frames' texts."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: deque[Happening] = deque(maxlen=_KEPT)
        self._frames: OrderedDict[int, str] = OrderedDict()
        self._secrets: dict[str, deque[str]] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self.last_number = 0

    def add(  # noqa: PLR0913  what is known of a happening
        self, event: str, user_id: str = "", socket: int = 0, about: str = "", *, remark: str = "", frame: str = ""
    ) -> None:
        """Enter something. Raises `KeyError` for an event that is not in the list."""
        EVENTS[event]
        self.last_number += 1
        self._kept.append(Happening(self.last_number, self._now(), event, user_id, socket, about, remark))
        if frame:
            # Cut before it is kept: a frame of 5 MiB is one of the faults. Masked when told, which is seldom.
            too_long = len(frame) > 4 * LONGEST
            self._frames[self.last_number] = masked(frame, self.secrets_of(user_id)) if too_long else frame
            if len(self._frames) > _KEPT_FRAMES:
                self._frames.popitem(last=False)
        while self._waiting:
            waiting = self._waiting.pop()
            if not waiting.done():
                waiting.set_result(None)

    def hide(self, user_id: str, secrets: set[str]) -> None:
        """Know these as this user's passwords from now on."""
        known = self._secrets.setdefault(user_id, deque(maxlen=_KEPT_SECRETS))
        known.extend(secrets.difference(known))

    def secrets_of(self, user_id: str) -> tuple[str, ...]:
        """This user's passwords; for whoever shows a text."""
        return tuple(self._secrets.get(user_id, ()))

    def told(self, happening: Happening) -> dict[str, Any]:
        """As JSON, with its frame where that is still kept."""
        known = asdict(happening)
        del known["moment"]
        known["at"], known["userId"] = happening.at, known.pop("user_id")
        # A user's id stands in one frame with the password that an order's text may repeat.
        secrets = self.secrets_of(happening.user_id)
        known["about"], known["remark"] = masked(happening.about, secrets), masked(happening.remark, secrets)
        frame = self._frames.get(happening.number)
        return known if frame is None else {**known, "frame": masked(frame, secrets)}

    async def next(self, awaited: Awaited, count: int = 1) -> Happening:
        """The `count`-th thing that fits, those that happened already included. Cancel it to stop waiting."""
        after = awaited.after
        while True:
            for happening in self.since(after):
                after, count = happening.number, count - awaited.fits(happening)
                if count <= 0:
                    return happening
            # Not every number is kept: what was forgotten is behind whoever waits, too.
            after = max(after, self.last_number)
            await self.more_than(after)

    async def more_than(self, number: int) -> None:
        """Wait until something happened after this number."""
        while self.last_number <= number:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)

    def since(self, after: int) -> list[Happening]:
        """What happened after a number, as far as it is kept."""
        missing = self.last_number - after
        if missing <= 0:
            return []
        return list(islice(reversed(self._kept), missing))[::-1]

    def clear(self) -> None:
        """Forget what happened; numbers go on, and so does the knowledge of passwords."""
        self._kept.clear()
        self._frames.clear()

    def __iter__(self) -> Iterator[Happening]:
        return iter(tuple(self._kept))
