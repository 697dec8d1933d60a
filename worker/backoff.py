"""Delays between attempts, as a function of the attempt and of a chance drawn elsewhere. Pure: knows no clock.

A span that doubles with each failure up to a longest one, and full jitter over it: many callers that failed together do
not come back together.
"""

from datetime import timedelta
from typing import TypeVar

Span = TypeVar("Span", float, timedelta)
_MOST_DOUBLINGS = 20
"""Beyond every limit that is set, and within what a number or a span can hold."""


def doubled(failures: int, shortest: Span, longest: Span) -> Span:
    """The span after so many failures in a row (from 1)."""
    doublings: int = 2 ** min(max(failures, 1) - 1, _MOST_DOUBLINGS)
    return min(longest, shortest * doublings)


def full_jitter(failures: int, chance: float, *, shortest: Span, longest: Span) -> Span:
    """A delay after so many failures in a row, spread over the whole span by `chance` in [0, 1]."""
    return doubled(failures, shortest, longest) * chance


def is_worth_a_line(failures: int) -> bool:
    """Whether this failure (from 1) in a row should be logged: the first, the second, the fourth, the eighth and so on.
    A thousand lanes that each log every second that the database is away would fill the log with nothing else."""
    return failures & (failures - 1) == 0
