"""Named places where a crash must do no harm: the durable steps of every flow.

Inert unless `FAPIAO_CRASH_AT` names one, as `name` or `name:n` for its n-th passing; then the process kills
itself with SIGKILL there, as a power cut would. `FAPIAO_CRASH_LOG` names a file that gets a line per passing,
so that a recording run can list the points. Neither is for production.
"""

import os
import signal
from collections import Counter
from pathlib import Path

_target, _, _nth = os.environ.get("FAPIAO_CRASH_AT", "").partition(":")
_log = os.environ.get("FAPIAO_CRASH_LOG", "")
_passed: Counter[str] = Counter()


def crashpoint(name: str) -> None:
    """Die here if asked to. Names read as a claim about what is already durable."""
    if not _target and not _log:
        return
    if _log:
        with Path(_log).open("a", encoding="utf-8") as log:
            log.write(f"{name}\n")
    if name == _target:
        _passed[name] += 1
        if _passed[name] == int(_nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
