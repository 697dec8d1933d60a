"""What the journal holds of invoices, for people: which ones a person means, and how they are told.

Pure. Days are Beijing's, as on the invoices.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from contracts.envelope import timestamp
from worker.errors import WorkerError
from worker.flows.stored import stored_invoice
from worker.records import BEIJING, Stored, StoredFilter

INVOICE_NUMBER: Final = re.compile(r"[0-9]{20}")
"""A fully digitalised invoice has a number of 20 digits; the gateway's ids have 19 at most."""
LARGEST_NUMBER: Final = 2**63 - 1
"""That a store can hold."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INVOICE_NAME: Final = re.compile(r"[0-9]{1,20}")


class BadRequest(WorkerError):
    """The request makes no sense. The message says what to change."""


def filter_of(wanted: Mapping[str, Any], limit: int, offset: int) -> StoredFilter:
    """The filter for these wishes: `user_id`, `source`, `buyer`, `number`, and the days `since` and `until`, both
    included. Raises `BadRequest`."""
    if not 0 <= offset <= LARGEST_NUMBER:
        raise BadRequest(f"An offset is from 0 to {LARGEST_NUMBER}.")
    since, until = _day(wanted.get("since"), "since"), _day(wanted.get("until"), "until")
    if since is not None and until is not None and since > until:
        raise BadRequest("The first day is after the last: swap --since and --until.")
    return StoredFilter(
        user_id=wanted.get("user_id"),
        source=wanted.get("source"),
        number=wanted.get("number"),
        buyer=wanted.get("buyer"),
        since=None if since is None else _midnight(since),
        until=None if until is None else _midnight(until + timedelta(days=1)),
        limit=limit,
        offset=offset,
    )


def filters_for(names: Sequence[str], limit: int) -> list[StoredFilter]:
    """Filters that find these invoices: numbers one by one, ids together. Raises `BadRequest`."""
    odd = [name for name in names if not _INVOICE_NAME.fullmatch(name)]
    if odd or not names:
        raise BadRequest("Name invoices by the gateway's id or by their number of 20 digits.")
    numbers = [name for name in dict.fromkeys(names) if INVOICE_NUMBER.fullmatch(name)]
    ids = tuple(name for name in dict.fromkeys(names) if name not in numbers)
    by_number = [StoredFilter(number=number, limit=limit) for number in numbers]
    return [*by_number, *([StoredFilter(invoice_ids=ids, limit=limit)] if ids else [])]


def reply_numbers(numbers: Sequence[int]) -> list[int]:
    """These numbers of replies. Raises `BadRequest`."""
    if odd := [number for number in numbers if not 0 < number <= LARGEST_NUMBER]:
        raise BadRequest(f"{odd[0]} is no reply's number: `fapiao-worker replies` lists them.")
    return list(numbers)


def describe_stored(stored: Stored) -> dict[str, Any]:
    """An invoice for JSON, as `invoice.stored` tells it, and whose it is."""
    state = stored.command_state
    told = stored_invoice(stored) | {"commandState": None if state is None else str(state)}
    return {"userId": stored.user_id} | told | {"seenAt": timestamp(stored.seen_at)}


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    # Midnight in Beijing, and the day after, must be moments that every store can hold.
    if day is not None and date.min < day < date.max:
        return day
    raise BadRequest(f"--{option} is a day, such as 2026-01-31.")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)
