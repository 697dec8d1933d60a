"""What the operating system lets this process do: no core files, and as many open files as it needs.

While a command runs its password is in this process's memory, and a core file is that memory on disk. Guarantees that,
after `forbid_core_files`, the kernel writes no core of this process, not to a file and not to a pipe, and that no other
process of the same user can read its memory or attach to it.

Every lane has a socket, and containers often begin with a soft limit of 1,024 open files. Guarantees that the soft
limit is raised as far as the hard one allows and is of use, and that no more lanes are served than there is room for: a
process without a free descriptor answers no probe, and blames the gateway.
"""

import ctypes
import os
import resource
from typing import Final

import structlog

from worker.settings import Settings

log = structlog.get_logger()

_PR_SET_DUMPABLE = 4


def forbid_core_files() -> None:
    """For the rest of this process's life. Raises `OSError` where the kernel refuses."""
    # The limit holds for children too; a core that goes to a pipe pays no attention to it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


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
