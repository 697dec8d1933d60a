"""When the invoice of a submission is looked for at the gateway, and what follows if it is never found.

Pure. Each kind of search has a schedule of delays, each from the look before; an empty one means that nobody looks.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.envelope import dumps, loads
from contracts.failures import FailureCode, Stage
from worker.backoff import doubled


class LookOutcome(StrEnum):
    """What one look meant for one command, in a word."""

    FOUND = "found"
    AGAIN = "again"
    """Nothing yet; looked for again later."""
    ABSENT = "absent"
    UNCONFIRMED = "unconfirmed"
    PERSON = "person"
    BOUND = "bound"
    """The invoice that was found was bound to another command meanwhile."""
    PUT_OFF = "put_off"
    """No look was made, for any of them. Counted once per look."""


class ListReading(StrEnum):
    """What the list that was read is worth."""

    WHOLE = "whole"
    """Absence from it is proof."""
    CUT = "cut"
    """Not all came that the gateway says there is; the next time it may."""
    ANOTHERS = "anothers"
    """It is not the seller's company's."""


@dataclass(frozen=True, slots=True)
class Schedules:
    """The three schedules, from the settings."""

    confirm: tuple[timedelta, ...] = ()
    """For the number of an invoice that was issued."""
    doubt: tuple[timedelta, ...] = ()
    refusal: tuple[timedelta, ...] = ()


NO_SCHEDULES = Schedules()


@dataclass(frozen=True, slots=True)
class LookUpRules:
    """What the settings say about looks."""

    page: timedelta
    skew: timedelta
    max_pages: int
    notice: timedelta
    """From the list's end to its download notice."""
    rest: timedelta
    """After a first refused login; longer after each further one."""
    late_files: tuple[timedelta, ...]
    """When files that are not ready are looked up again: the lane waits meanwhile, so these are few and short."""


def next_look(schedule: tuple[timedelta, ...], look_ups: int, now: datetime) -> datetime | None:
    """When to look next, after so many looks; None when the schedule is over."""
    return now + schedule[look_ups] if look_ups < len(schedule) else None


EXTRA_LOOKS = 2
"""After the end of the schedule, where the last list was not whole."""


def extra_look(schedule: tuple[timedelta, ...], look_ups: int, now: datetime) -> datetime | None:
    """When to look once more although the schedule is over, after so many looks."""
    return now + schedule[-1] if schedule and look_ups < len(schedule) + EXTRA_LOOKS else None


LONGEST_DELAY = timedelta(hours=1)


LONGEST_REST = timedelta(hours=12)


def rest_after_refusals(refusals: int, shortest: timedelta) -> timedelta:
    """How long look-ups rest when their login is refused, after so many refusals before it: twice as long each time,
    for a wrong password stays wrong, and the tax bureau locks an account that is refused too often."""
    return doubled(refusals + 1, shortest, max(LONGEST_REST, shortest))


def delay_after_nothing_seen(age: timedelta, shortest: timedelta) -> timedelta:
    """After what time a look that could not be made is tried again. The longer something has been sought, the longer
    the pause: a login that is gone, or a gateway that refuses, seldom comes back soon."""
    return max(shortest, min(age / 10, LONGEST_DELAY))


@dataclass(frozen=True, slots=True)
class Absence:
    """How a command ends if its invoice is not found. Journaled with the doubt, for the look may be days later."""

    code: FailureCode
    stage: Stage
    message: str
    gateway_message: str | None = None
    """Why, in the gateway's own words."""
    not_before: datetime | None = None
    """Until then absence proves nothing, whatever the schedule says, for the order's own answer may still come."""
    has_told_refusal: bool = False
    """Whether it was told that the look-ups' login is refused: once is enough."""

    def journaled(self) -> bytes:
        """As it is kept in the command's progress."""
        return dumps({name: value for name, value in asdict(self).items() if value not in {None, False}})

    @classmethod
    def read(cls, progress: bytes | None) -> "Absence":
        """What was journaled with the doubt. Where nothing was, `NOT_ISSUED`."""
        if progress is None:
            return NOT_ISSUED
        kept = loads(progress)
        not_before = kept.get("not_before")
        return cls(
            FailureCode(kept["code"]),
            Stage(kept["stage"]),
            kept["message"],
            kept.get("gateway_message"),
            None if not_before is None else datetime.fromisoformat(not_before),
            kept.get("has_told_refusal", False),
        )


NOT_ISSUED = Absence(
    FailureCode.NOT_ISSUED, Stage.RESULT, "The outcome was unknown, and no look-up found an invoice that fits."
)
EXPIRED = Absence(
    FailureCode.QR_EXPIRED, Stage.SCAN, "The QR was not scanned in time, and no look-up found an invoice that fits."
)
"""How an order ends whose QR nobody scanned."""
