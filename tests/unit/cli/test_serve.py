"""`run`, `sandbox`, `db upgrade`."""

import json
import socket
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ops.fakes import FakeOperatorJournal
from worker.errors import ConfigurationError, JournalUnavailable
from worker.settings import Settings

from .conftest import Run


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A worker that ends at once, as told."""
    told: dict[str, Any] = {"answer": 0}

    async def run_worker(settings: Settings) -> int:
        told["settings"] = settings
        if isinstance(told["answer"], Exception):
            raise told["answer"]
        return int(told["answer"])

    module = types.ModuleType("worker.bootstrap")
    module.run_worker = run_worker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "worker.bootstrap", module)
    return told


@pytest.mark.parametrize(
    ("answer", "code"),
    [(0, 0), (1, 1), (ConfigurationError("port taken"), 2), (JournalUnavailable("gone"), 1)],
)
def test_run_ends_with_the_workers_exit_code(run: Run, bootstrap: dict[str, Any], answer: Any, code: int) -> None:
    bootstrap["answer"] = answer

    result = run("run")

    assert result.exit_code == code
    assert ("error: " in result.stderr) == isinstance(answer, Exception)


def test_run_reads_the_environment(run: Run, bootstrap: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_PREFIX", "mine")

    run("run")

    assert bootstrap["settings"].prefix == "mine"


def test_run_with_settings_that_cannot_be_used_starts_nothing(
    run: Run, bootstrap: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAPIAO_GATEWAY_URL", "http://wrong")

    result = run("run")

    assert result.exit_code == 2
    assert "FAPIAO_GATEWAY_URL" in result.stderr
    assert "settings" not in bootstrap


def test_the_sandbox_is_started_as_asked(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[Any] = []

    async def fake(options: Any, _announce: Any) -> None:
        started.append(options)

    monkeypatch.setattr("worker.sandbox.server.run", fake)

    ledger = tmp_path / "books"
    words = ["--port", "18099", "--qr", "auto", "--auto-scan", "2.5", "--ledger", str(ledger)]
    assert run("sandbox", *words).exit_code == 0

    (options,) = started
    assert (options.port, options.qr, options.auto_scan_seconds, options.ledger_path) == (18099, "auto", 2.5, ledger)
    assert options.host == "127.0.0.1"


def test_a_taken_port_is_said_with_the_option_to_change(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = run("sandbox", "--port", str(port))

    assert result.exit_code == 2
    assert f"127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr


def test_upgrade_tells_what_it_applied(run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("db", "upgrade").stdout == "applied 0001_journal\n"
    assert json.loads(run("db", "upgrade", "--json").stdout) == {"applied": ["0001_journal"]}

    async def nothing() -> list[str]:
        return []

    monkeypatch.setattr(journal, "upgrade", nothing)
    assert "already" in run("db", "upgrade").stdout
