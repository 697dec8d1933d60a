"""The clock of a `dev` goes with the sandbox's, forward only, and no other worker has one."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.beside_dev import environment
from worker.cli.dev.worker import SandboxClock
from worker.sandbox.timepiece import Timepiece


class Machine:
    """A machine's clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC)

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


def ahead(clock: SandboxClock) -> timedelta:
    return clock.now() - Machine().now()


def test_it_is_as_far_ahead_as_the_sandbox_was_moved(tmp_path: Path) -> None:
    clock, sandbox = SandboxClock(tmp_path / "clock", Machine()), Timepiece(path=tmp_path / "clock")
    assert ahead(clock) == timedelta(0)
    sandbox.advance(3600)
    assert ahead(clock) == timedelta(hours=1)
    sandbox.advance(60)
    assert ahead(clock) == timedelta(hours=1, minutes=1)


@pytest.mark.parametrize("text", ["", "{}", '{"offsetSeconds": 5}', '{"offsetSeconds": -5}', None])
def test_it_never_goes_back_whatever_becomes_of_the_file(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "clock"
    clock = SandboxClock(path, Machine())
    Timepiece(path=path).advance(3600)
    assert ahead(clock) == timedelta(hours=1)
    path.unlink() if text is None else path.write_text(text)
    assert ahead(clock) == timedelta(hours=1)


def test_leases_and_timeouts_go_by_the_machine(tmp_path: Path) -> None:
    Timepiece(path=tmp_path / "clock").advance(3600)
    assert SandboxClock(tmp_path / "clock", Machine()).monotonic() == 1


@pytest.mark.parametrize("gateway", ["ws://127.0.0.1:8090", "wss://gateway.example.com"])
def test_no_worker_but_that_of_a_dev_has_it(tmp_path: Path, gateway: str) -> None:
    """Where no `dev` holds the folder, its worker does not start; `run` has no option and no setting for a clock."""
    ended = subprocess.run(
        [sys.executable, "-m", "worker.cli.dev.worker"],
        cwd=tmp_path,
        env=environment() | {"FAPIAO_GATEWAY_URL": gateway},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 2
    assert "fapiao-worker dev" in ended.stderr
