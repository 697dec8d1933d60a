"""Runs as a process of its own and clears up after the process that started it, even after a SIGKILL.

It is told over standard input what to clear up (`process PID`, `group PGID`, `container NAME`,
`directory PATH`, `forget …`). When that pipe closes, which the kernel sees to whatever becomes of the owner, it ends
the processes and groups (first politely, then by force), removes the containers, then the directories. It knows
nothing of what the processes are.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

POLITE_SECONDS = 10.0


def _signal(targets: list[int], number: int) -> list[int]:
    """Signal processes (positive) and process groups (negative); return those that were there."""
    there = []
    for target in targets:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(target, number)
            there.append(target)
    return there


def _end(targets: list[int]) -> None:
    left = _signal(targets, signal.SIGTERM)
    deadline = time.monotonic() + POLITE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _signal(left, 0)
    _signal(left, signal.SIGKILL)


def main() -> None:
    """Listen until the pipe closes, then clear up."""
    # The owner's terminal sends Ctrl-C to every process of its group; this one has to outlive that.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    held: dict[str, list[str]] = {"process": [], "group": [], "container": [], "directory": []}
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "forget":
            kind, _, value = rest.partition(" ")
            held[kind].remove(value)
        else:
            held[verb].append(rest)
    _end([int(process) for process in held["process"]])
    _end([-int(group) for group in held["group"]])
    for container in held["container"]:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], capture_output=True, check=False)
    for directory in held["directory"]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
