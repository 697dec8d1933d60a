"""What an order is, and what becomes of a command that names the number of an earlier one (design 9.4).

Pure. A number belongs to one command of a source, from that command's submission until it is known that no invoice
came of it. Guarantees that nothing of one source's command is ever told to another source.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import RejectionCode
from contracts.gateway import plain_number
from contracts.told import RejectedData
from worker.flows.announce import Announcement, announced, what_every_event_says
from worker.records import FINAL, Command, CommandState, Event, Following

_NO_CONTENT: Final = frozenset({"sellerLoginAccount", "sellerLoginPassword"})
"""Who logs in is no part of what is ordered."""


def content_of(data: Mapping[str, Any]) -> str:
    """SHA-256 in hex of what is ordered, from a command's data as they are journaled: the user and the invoice.

    How a decimal is written and whether an empty member is named make no difference. Not content: id, login,
    deadline, `expectedTotal`, `allowDuplicate`."""
    invoice = {name: value for name, value in data.get("invoice", {}).items() if name not in _NO_CONTENT}
    ordered = orjson.dumps([data.get("userId"), _plain(invoice)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(ordered).hexdigest()


@dataclass(frozen=True, slots=True)
class Tell:
    """The first one's events, as the repeat's own."""

    announcements: tuple[Announcement, ...]
    to: CommandState
    heard: int
    """The first one's last sequence that is told by then."""
    is_over: bool
    """Whether nothing more can come of the first one."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The number is another order's."""

    announcement: Announcement


@dataclass(frozen=True, slots=True)
class Succeed:
    """The number is free: the follower takes it and goes its own way."""


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Nothing is known yet, or nothing new."""

    is_over: bool = False


Reaction = Tell | Refuse | Succeed | KeepWaiting
"""What a follower does when something came of its first."""


def follow(following: Following, *, is_shared: bool) -> Reaction:
    """What a follower does now. `is_shared`: numbers are one over all sources of a seller."""
    follower, first = following.follower, following.first
    if first.source != follower.source:
        return _follow_another_source(first, is_shared=is_shared)
    if follower.state is CommandState.FOLLOWING:
        was_submitted = first.submitted_at is not None
        if not first.holds_order and not (was_submitted and _is_same(follower, first)) and _can_run(follower):
            return Succeed()
        if not was_submitted and first.state not in FINAL:
            return KeepWaiting()
        if first.holds_order and not _is_same(follower, first):
            return Refuse(_rejection(RejectionCode.ORDER_REUSED, _REUSED, first.id))
    return _tell(following)


def _follow_another_source(first: Command, *, is_shared: bool) -> Reaction:
    """Where numbers are each source's own, only a journal of an earlier version, or a change of the setting, leads
    here."""
    if not first.holds_order or not is_shared:
        return Succeed()
    if first.submitted_at is None and first.state not in FINAL:
        return KeepWaiting()
    return Refuse(_rejection(RejectionCode.ORDER_TAKEN, _TAKEN, None))


_REUSED: Final = "this source has used this number for an order with other content"
_TAKEN: Final = "this number of the seller is in use by another source"


def _rejection(code: RejectionCode, message: str, first: str | None) -> Announcement:
    data: RejectedData = {"code": code, "errors": [{"path": "/orderNo", "message": message}]}
    if first is not None:
        data["firstCommandId"] = first
    return announced(Outcome.REJECTED, data)


def _is_same(follower: Command, first: Command) -> bool:
    ours, theirs = _content(follower), _content(first)
    return ours is not None and ours == theirs


def _content(command: Command) -> str | None:
    """None where the data are forgotten and no digest was kept: then the two cannot be compared."""
    if command.order_hash is not None:
        return command.order_hash
    data = loads(command.data)
    return content_of(data) if data.get("invoice") else None


def _can_run(follower: Command) -> bool:
    """Version 1 threw a follower's password away. Such a follower cannot run: it is told how its first ended."""
    is_kept = bool(follower.secrets) or follower.secrets_fault is not None
    return is_kept or bool(loads(follower.data).get("credential"))


def _tell(following: Following) -> Reaction:
    follower, first = following.follower, following.first
    is_over = first.state in FINAL and first.sought_at is None
    told = [event for event in following.events if event.sequence > following.heard]
    if not told:
        return KeepWaiting(is_over)
    if following.heard == 0:
        told = told[_first_to_tell(told) :]
    announcements = tuple(_as_own(follower, first, event) for event in told)
    to = follower.state
    for announcement in announcements:
        if announcement.outcome.is_final:
            to = CommandState(announcement.outcome.value)
    return Tell(announcements, to, told[-1].sequence, is_over)


def _first_to_tell(events: list[Event]) -> int:
    """Where a repeat that comes late begins: at the first one's end, or else at its newest event. It is told how the
    order stands, not how it came to that."""
    for place, event in enumerate(events):
        if _outcome_of(event).is_final:
            return place
    return len(events) - 1


def _outcome_of(event: Event) -> Outcome:
    return Outcome(event.type.rpartition(".")[2])


def _as_own(follower: Command, first: Command, event: Event) -> Announcement:
    outcome = _outcome_of(event)
    common = what_every_event_says(first).keys() | what_every_event_says(follower).keys() | {"warnings"}
    data = {name: value for name, value in loads(event.body)["data"].items() if name not in common}
    if outcome is Outcome.CONFIRMED:
        data["expectedTotalMatches"] = _matches(follower, data.get("totalPriceAndTax"))
    return Announcement(outcome, {**data, "repeats": {"commandId": first.id}})


def _matches(follower: Command, total: Any) -> bool | None:
    expected = loads(follower.data).get("expectedTotal")
    return None if expected is None or total is None else Decimal(str(total)) == Decimal(str(expected))


def _plain(value: Any) -> Any:
    """Without empty members, decimals in one form."""
    if isinstance(value, Mapping):
        return {name: _number(name, _plain(inner)) for name, inner in value.items() if inner not in ("", None)}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


_DECIMALS: Final = frozenset({"quantity", "unitPrice"})


def _number(name: str, value: Any) -> Any:
    return plain_number(Decimal(str(value))) if name in _DECIMALS else value
