"""Delays between attempts, as a function of the attempt and of a chance drawn elsewhere. Knows no clock."""

from datetime import timedelta


def full_jitter(attempt: int, chance: float, *, shortest: timedelta, longest: timedelta) -> timedelta:
    """A delay after the `attempt`-th failure (from 1), spread over the whole span by `chance` in [0, 1].

    The span doubles with each attempt up to `longest`, so that many callers that failed together do not come
    back together.
    """
    doublings: int = 2 ** min(max(attempt, 1) - 1, 30)
    return min(longest, shortest * doublings) * chance
