"""Open files: every lane has a socket, and containers often begin with a soft limit of 1,024.

Guarantees that the soft limit is raised as far as the hard one allows and is of use, and that no more lanes are served
than there is room for: a process without a free descriptor answers no probe, and blames the gateway.
"""

import resource
from typing import Final

import structlog

from worker.settings import Settings

log = structlog.get_logger()

RESERVE: Final = 200
"""For all that is no lane: probes, the broker, files of the store, what the interpreter opens (count)."""
ENOUGH: Final = 65_536
"""More is of no use to anybody, and some libraries walk through all of them (count)."""


def make_room(settings: Settings) -> Settings:
    """Raise the soft limit of open files, and return settings with as many lanes as fit."""
    reserve = RESERVE + settings.database_pool_size + settings.http_concurrency
    limit = _raised(max(ENOUGH, settings.max_lanes + reserve))
    room = max(1, limit - reserve)
    if room >= settings.max_lanes:
        return settings
    log.warning(
        "lanes_limited",
        lanes=room,
        wanted=settings.max_lanes,
        open_files=limit,
        advice="raise the hard limit of open files (ulimit -Hn, LimitNOFILE), or set FAPIAO_MAX_LANES",
    )
    return settings.model_copy(update={"max_lanes": room})


def _raised(wanted: int) -> int:
    """The soft limit, after it was raised to `wanted` or as near as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= goal:
        return wanted if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
    except (OSError, ValueError):
        return soft
    return goal
