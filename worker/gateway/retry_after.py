"""Reads `Retry-After`, of a handshake and of an HTTP answer alike. Pure: our clock has no part in it."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = timedelta(hours=1)


def retry_after(value: str, date: str) -> timedelta | None:
    """The wait that `value` asks for: seconds, or a date, which is read beside the answer's own `date`. None if it is
    neither; never longer than `LONGEST`."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), LONGEST)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), LONGEST)
