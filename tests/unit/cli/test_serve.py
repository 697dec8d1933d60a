"""`run`, `sandbox`, `db upgrade`, `db rekey`."""

import json
import socket
import sys
import types
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import worker.sandbox
from tests.unit.ops.fakes import FakeOperatorJournal
from worker.clock import Clock
from worker.errors import ConfigurationError, JournalUnavailable
from worker.journal.sealing import Sealer, parse_keys
from worker.records import Resealing
from worker.sandbox.house import SandboxOptions
from worker.settings import Settings

from .conftest import Run

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A worker that ends at once, as told."""
    told: dict[str, Any] = {"answer": 0, "cores": "allowed"}
    monkeypatch.setattr("worker.service.forbid_core_files", lambda: told.update(cores="forbidden"))

    async def run_worker(settings: Settings, clock: Clock | None = None) -> int:
        told["clock"] = clock
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


def test_run_forbids_core_files_unless_it_is_told_otherwise(
    run: Run, bootstrap: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAPIAO_CORE_DUMPS", "true")
    run("run")
    assert bootstrap["cores"] == "allowed"

    monkeypatch.delenv("FAPIAO_CORE_DUMPS")
    run("run")
    assert bootstrap["cores"] == "forbidden"


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


def test_every_option_of_the_sandbox_is_one_of_the_command_and_stands_in_the_readme(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without any, all is as in a test that starts one, but at a port that stays the same."""
    started: list[SandboxOptions] = []

    async def fake(options: SandboxOptions, _announce: Any) -> None:
        started.append(options)

    monkeypatch.setattr("worker.sandbox.server.run", fake)
    line = (
        "--port 1 --qr auto --auto-scan 2 --qr-valid-seconds 9 --ledger a.jsonl --clock c.json --careful-unregister "
        "--query-delay-seconds 1 --download-delay-seconds 2 --login-delay-seconds 3 --issue-delay-seconds 4 "
        "--archive-count 5000 --archive-seed 7 --archive-from 2025-01-01 --archive-to 2025-06-30 --archive-company C "
        "--files-not-ready 1 --notice-at-end --keep-alive-seconds 0 --max-message-bytes 9 --host ::1 "
        "--public-url http://p"
    )

    assert run("sandbox").exit_code == 0
    assert run("sandbox", *line.split()).exit_code == 0

    assert started[0] == SandboxOptions(port=8090)
    default, given = asdict(SandboxOptions()), asdict(started[1])
    assert {name for name in given if given[name] == default[name]} == set()
    assert (given["archive_from"], given["ledger_path"]) == (date(2025, 1, 1), Path("a.jsonl"))
    readme = (Path(worker.sandbox.__path__[0]) / "README.md").read_text(encoding="utf-8")
    for name in given:
        assert f"`{name}`" in readme


def test_an_option_that_makes_no_sense_is_said(run: Run, tmp_path: Path) -> None:
    assert run("sandbox", "--archive-from", "yesterday").exit_code == 2
    assert run("sandbox", "--qr", "perhaps").exit_code == 2
    assert run("sandbox", "--port", "80900", "--ledger", str(tmp_path / "no" / "ledger")).stderr.count("65535") == 1
    (tmp_path / "clock").write_text("not a clock")
    result = run("sandbox", "--port", "0", "--clock", str(tmp_path / "clock"))
    assert result.exit_code == 2
    assert "not a clock" not in result.stderr
    assert str(tmp_path) in run("sandbox", "--port", "0", "--ledger", str(tmp_path / "no" / "ledger")).stderr


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


@pytest.fixture
def is_postgres(monkeypatch: pytest.MonkeyPatch, journal: FakeOperatorJournal) -> FakeOperatorJournal:
    """The settings of a worker on PostgreSQL, with a key."""
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "postgresql://u@127.0.0.1/d")
    monkeypatch.setenv("FAPIAO_JOURNAL_KEYS", KEY)
    journal.resealing = Resealing(3, Sealer(parse_keys([SecretStr(KEY)])).sealing_id.hex(), is_complete=True)
    return journal


def test_rekey_tells_how_many_and_that_old_keys_may_go(run: Run, is_postgres: FakeOperatorJournal) -> None:
    result = run("db", "rekey")

    assert result.exit_code == 0
    assert result.stdout.startswith("3 commands sealed anew with key ")
    assert "old ones may be taken away" in result.stdout
    assert json.loads(run("db", "rekey", "--json").stdout)["resealed"] == 3


def test_rekey_that_leaves_something_is_exit_code_1(run: Run, is_postgres: FakeOperatorJournal) -> None:
    is_postgres.resealing = replace(is_postgres.resealing, is_complete=False)

    result = run("db", "rekey")

    assert result.exit_code == 1
    assert "still sealed with another key" in result.stderr
    assert "taken away" not in result.stdout


def test_rekey_by_a_worker_with_other_keys_says_to_restart_it(run: Run, is_postgres: FakeOperatorJournal) -> None:
    """It sealed with its own first key: the old key here must stay."""
    is_postgres.resealing = replace(is_postgres.resealing, key_id="ffffffff")

    result = run("db", "rekey")

    assert result.exit_code == 1
    assert "restart it" in result.stderr
