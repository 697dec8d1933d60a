"""Spans of time as people write them: 30s, 2m, 6h, 400d. Pure."""

from datetime import timedelta
from typing import Any, Final

LONGEST_SECONDS: Final = 1_000_000_000
"""Thirty years: more could not be added to a date."""
UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def delays(value: Any) -> Any:
    """Read "30s,2m,6h" as delays, each counted from the one before; what is no text is left as it is. Raises
    `ValueError`."""
    if not isinstance(value, str):
        return value
    found = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        number, unit = part[:-1], part[-1]
        if unit not in UNIT_SECONDS or not number.replace(".", "", 1).isdigit():
            raise ValueError("must be delays such as 30s,2m,6h (s, m, h, d)")
        seconds = float(number) * UNIT_SECONDS[unit]
        if seconds > LONGEST_SECONDS:
            raise ValueError("must be delays of thirty years at most")
        found.append(timedelta(seconds=seconds))
    return tuple(found)
