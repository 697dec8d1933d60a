"""What the broker itself did with a command before a worker took it: it expired, or was returned too often.

Such a message goes to the dead-letter exchange without a word to its sender. Its copy in `<prefix>.returned`
says by its headers where it died and of what, and the worker takes it from there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

EXPIRED: Final = "expired"
REASONS: Final = (EXPIRED, "delivery_limit", "maxlen", "rejected")
"""Why a broker dead-letters, in its own words."""


@dataclass(frozen=True, slots=True)
class Death:
    """That a message died in a queue of commands."""

    reason: str
    """One of `REASONS`, or another word of a broker to come."""


def death_in(headers: Mapping[str, Any], queues: Collection[str]) -> Death | None:
    """How this message last died, where that was in one of `queues`."""
    deaths = headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else None
    if not isinstance(last, dict) or last.get("queue") not in queues:
        return None
    return Death(str(last.get("reason")))
