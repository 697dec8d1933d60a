"""The command line in a clean room: no settings but the test's own, an empty directory, and fakes for journal and
broker."""

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.logs import use_plain_logs
from tests.unit.ops.fakes import FakeOperatorJournal, command
from worker.cli import app

from .fakes import FakeBroker

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("FAPIAO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    use_plain_logs()


@pytest.fixture
def _beijing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The terminal stands in Beijing, whatever this machine's zone is."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "CST-8")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def run() -> Run:
    """Run `fapiao-worker …`; what it printed and its exit code."""

    def invoke(*words: str, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(app, list(words), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> FakeOperatorJournal:
    """The journal behind the command line: one command in doubt. As if PostgreSQL."""
    fake = FakeOperatorJournal(command())

    def open_journal(_settings: Any, _clock: Any, *, readonly: bool = False) -> FakeOperatorJournal:
        del readonly
        return fake

    monkeypatch.setattr("worker.journal.open_journal", open_journal)
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "postgresql://u:db-word@h/d")
    return fake


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    """The broker behind the command line."""
    fake = FakeBroker()

    @asynccontextmanager
    async def connect(_settings: Any) -> AsyncIterator[FakeBroker]:
        if fake.unreachable is not None:
            raise fake.unreachable
        yield fake

    monkeypatch.setattr("worker.cli.broker.broker", connect)
    return fake
