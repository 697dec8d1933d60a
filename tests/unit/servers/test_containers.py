"""The broker in a container, by the `docker` command; a script stands in for it."""

import shutil
import socket
import threading
from pathlib import Path

import pytest

from worker.servers import CannotProvisionError, containers
from worker.servers.containers import ContainerRabbit


def _fake_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    notes = folder / "notes"
    script = folder / "docker"
    script.write_text(f'#!/bin/sh\necho "$@" >>{notes}\n{body}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return notes


@pytest.mark.parametrize(("body", "answers"), [("echo 28.0", True), ("echo 'Cannot connect' >&2; exit 1", False)])
def test_a_docker_command_without_an_engine_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, answers: bool
) -> None:
    """Many machines have the one without the other."""
    _fake_docker(tmp_path, monkeypatch, body)
    assert containers.engine_answers() is answers


def test_a_machine_without_docker_has_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is run to find that out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("docker") is None
    assert not containers.engine_answers()


def test_a_container_listens_on_loopback_and_is_removed_with_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its guard removes it, so that it goes even if its owner is killed."""
    notes = _fake_docker(tmp_path, monkeypatch, "")
    broker = ContainerRabbit("image:1")
    with socket.create_server(("127.0.0.1", broker._port)) as listener:
        threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        broker.start()
    assert broker.url() == f"amqp://guest:guest@127.0.0.1:{broker._port}/"
    broker.close()
    started, removed = notes.read_text().splitlines()
    assert started == f"run --detach --name {broker._name} --publish 127.0.0.1:{broker._port}:5672 image:1"
    assert removed == f"rm --force --volumes {broker._name}"


def test_an_image_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what Docker said."""
    _fake_docker(tmp_path, monkeypatch, 'case "$1" in run) echo "pull access denied" >&2; exit 125;; esac')
    with pytest.raises(CannotProvisionError, match=r"The container image:1 did not start: pull access denied"):
        ContainerRabbit("image:1").start()


def _greet(listener: socket.socket) -> None:
    """Answer AMQP's greeting as a broker does."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(8)
        connection.sendall(b"\x01")
