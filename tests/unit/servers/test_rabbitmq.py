"""The private broker's layout, and how an installed one is found."""

from pathlib import Path

import pytest

from worker.servers import rabbitmq
from worker.servers.rabbitmq import BrokerControl, PrivateRabbit


def test_debians_own_scripts_are_preferred_to_its_wrapper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrapper on the path switches to the system's account and directories."""
    _program(tmp_path / "packaged" / "rabbitmq-server")
    _program(tmp_path / "path" / "rabbitmq-server")
    _program(tmp_path / "path" / "erl")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert rabbitmq.installed(tmp_path / "packaged") == tmp_path / "packaged"
    assert rabbitmq.installed(tmp_path / "absent") == tmp_path / "path"


def test_a_broker_without_erlang_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scripts could not run."""
    _program(tmp_path / "rabbitmq-server")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rabbitmq.installed(tmp_path) is None


def test_two_nodes_share_neither_name_nor_port_nor_directory() -> None:
    """So that two runs on one machine do not meet."""
    first, second = PrivateRabbit(Path("/nowhere")), PrivateRabbit(Path("/nowhere"))
    try:
        for name in ("RABBITMQ_NODENAME", "RABBITMQ_BASE", "ERL_EPMD_PORT", "RABBITMQ_DIST_PORT", "HOME"):
            assert first.control.environment[name] != second.control.environment[name]
        assert first.url() != second.url()
    finally:
        first.close()
        second.close()


def test_a_node_listens_on_loopback_only() -> None:
    """Clients, other nodes and the port mapper alike."""
    node = PrivateRabbit(Path("/nowhere"))
    try:
        home = Path(node.control.environment["RABBITMQ_BASE"])
        assert "listeners.tcp.1 = 127.0.0.1:" in (home / "rabbitmq.conf").read_text()
        assert node.control.environment["ERL_EPMD_ADDRESS"] == "127.0.0.1"
        assert "{127,0,0,1}" in node.control.environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    finally:
        node.close()
    assert not home.exists()


def test_a_handle_survives_the_way_through_an_environment_variable() -> None:
    """That is how `tests/run` hands the node to the test processes."""
    control = BrokerControl("/scripts", 20001, {"HOME": "/x"})
    assert BrokerControl.from_json(control.to_json()) == control
    assert control.url() == "amqp://guest:guest@127.0.0.1:20001/"
    assert control.url("aside") == "amqp://guest:guest@127.0.0.1:20001/aside"


def _program(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
