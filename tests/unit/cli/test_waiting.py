"""What `status` of a command that waits learns from the worker beside it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typing_extensions import override

from tests.unit.ops.fakes import FakeOperatorJournal, command
from worker import configuration
from worker.cli.waiting import CHINESE
from worker.ops.conditions import Missing, Wait
from worker.records import CommandState
from worker.servers.processes import free_port
from worker.settings import Settings

from .conftest import Run


@contextmanager
def answering(body: str) -> Iterator[int]:
    """A worker's `/readyz`, or what somebody else says there: its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        @override
        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_sentence_has_words_in_both_languages() -> None:
    assert set(CHINESE) == {*Missing, *Wait}


def test_a_command_that_waits_says_what_the_worker_says(
    run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.held = [command(state=CommandState.WAITING)]
    with answering(f"{Missing.SPACE}\n{Wait.GATEWAY}\n<b>another program's page</b>\n") as port:
        monkeypatch.setenv("FAPIAO_HTTP_PORT", str(port))
        told = run("status", "cmd-1").stdout
        as_json = json.loads(run("status", "cmd-1", "--json").stdout)

    assert f"worker says {Missing.SPACE}\n" in told
    assert f"worker says {Wait.GATEWAY}\n" in told
    assert "page" not in told
    assert as_json["workerSays"] == [Missing.SPACE, Wait.GATEWAY]


@pytest.mark.parametrize("port", [0, None])
def test_without_a_worker_that_answers_it_says_what_the_journal_knows(
    run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch, port: int | None
) -> None:
    journal.held = [command(state=CommandState.WAITING)]
    monkeypatch.setenv("FAPIAO_HTTP_PORT", str(free_port() if port is None else port))
    assert json.loads(run("status", "cmd-1", "--json").stdout)["workerSays"] == []


def test_the_settings_are_read_once(run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read and check them takes 3 ms."""
    reads: list[Settings] = []
    load = configuration.load

    def counted() -> Settings:
        reads.append(load())
        return reads[-1]

    monkeypatch.setattr(configuration, "load", counted)
    monkeypatch.setenv("FAPIAO_HTTP_PORT", "0")
    journal.held = [command(state=CommandState.WAITING)]

    assert run("status", "cmd-1").exit_code == 0
    assert len(reads) == 1


def test_only_what_waits_is_asked_about(
    run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(f"ok\n{Wait.GATEWAY}\n") as port:
        monkeypatch.setenv("FAPIAO_HTTP_PORT", str(port))
        assert "worker says" not in run("status", "cmd-1").stdout
