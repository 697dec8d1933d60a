"""Private processes end with their owner, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from worker.servers.processes import HIGHEST_PORT, LOWEST_PORT, Guard, free_port, wait_until

OWNER = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from worker.servers.processes import Guard
guard = Guard("test")
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
guard.watch("group", child.pid)
print(guard.directory, child.pid, flush=True)
time.sleep(600)
"""


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_guard_holds_is_gone_after_its_owner_is(how: signal.Signals) -> None:
    """Even SIGKILL, which no handler sees, leaves neither a process nor a directory."""
    root = Path(__file__).parents[3]
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert owner.stdout is not None
    directory, pid = owner.stdout.readline().split()
    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()
    assert wait_until(lambda: _gone(int(pid)) and not os.path.exists(directory), None, 15)  # noqa: PTH110


def test_a_group_that_was_let_go_is_left_alone() -> None:
    """Its number may belong to somebody else by then."""
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    guard = Guard("test")
    guard.watch("group", child.pid)
    guard.forget("group", child.pid)
    guard.close()
    assert child.poll() is None
    child.kill()
    child.wait()
    assert not guard.directory.exists()


def test_closing_twice_is_harmless() -> None:
    """Error paths may close what is closed again on the way out."""
    guard = Guard("test")
    guard.close()
    guard.close()


def test_free_ports_lie_below_the_ephemeral_range() -> None:
    """A client that dials a stopped server must not be given the server's port as its own."""
    lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert lowest_ephemeral > HIGHEST_PORT
    assert all(LOWEST_PORT <= free_port() <= HIGHEST_PORT for _ in range(20))


def test_waiting_ends_when_the_process_has_ended() -> None:
    """Nobody waits a minute for a server that died at once."""
    process = subprocess.Popen(["true"])
    process.wait()
    started = time.monotonic()
    assert not wait_until(lambda: False, process, 30)
    assert time.monotonic() - started < 5
