"""A private RabbitMQ node from an installed `rabbitmq-server`.

Guarantees: own data, cookie, node name, epmd and ports on loopback, so it meets no other broker of the machine and may
be killed and started again on the same data. Measured: a start takes 5 to 8 s, 13 s on a busy machine. It does not
know what is sent through it.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

from worker.servers import CannotProvisionError
from worker.servers.processes import LOOPBACK, Guard, end, free_port, wait_until

START_SECONDS = 240.0
STOP_SECONDS = 40.0
LOG_TAIL_LINES = 15
# Debian and RPM packages first: there, the command on the path only answers to root and writes to the system's places.
PACKAGED = Path("/usr/lib/rabbitmq/bin")
CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
log.file.level = info
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 67108864
max_message_size = 134217728
"""  # the last is what 3.x has by itself; 4.0 takes 16 MiB, and tests send a body that no worker should read
JOINING = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {node}
cluster_partition_handling = pause_minority
"""  # the last is what an operator of three nodes would choose


def installed(packaged: Path = PACKAGED) -> Path | None:
    """Return the folder that holds RabbitMQ's own scripts, or None when no broker is installed."""
    if (packaged / "rabbitmq-server").exists() and shutil.which("erl"):
        return packaged
    on_path = shutil.which("rabbitmq-server")
    return Path(on_path).resolve().parent if on_path and shutil.which("erl") else None


def speaks_amqp(port: int) -> bool:
    """Tell whether a broker answers AMQP's greeting, which it does only when it is ready for connections."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return connection.recv(1) == b"\x01"
    return False


@dataclasses.dataclass(frozen=True)
class BrokerControl:
    """What another process needs to reach and command a running node."""

    scripts: str
    port: int
    environment: dict[str, str]

    def url(self, vhost: str = "/") -> str:
        """Return the node's AMQP address for a virtual host."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/{'' if vhost == '/' else vhost}"

    def ctl(self, *arguments: str, seconds: float = 240.0) -> str:
        """Run `rabbitmqctl` and return what it printed. It takes a second or two. Raises CalledProcessError."""
        command = [f"{self.scripts}/rabbitmqctl", "--silent", *arguments]
        done = subprocess.run(
            command,
            env=_clean_environment() | self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def to_json(self) -> str:
        """Return this as text, to pass through an environment variable."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "BrokerControl":
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


class PrivateRabbit:
    """A broker that belongs to this process. `start` it, `kill` it, `restart` it; `close` removes all of it."""

    def __init__(
        self,
        scripts: Path,
        beside: "PrivateRabbit | None" = None,
        *,
        home: Path | None = None,
        port: int | None = None,
        inherited: tuple[int, ...] = (),
    ) -> None:
        """With `beside`, a node that joins that one's cluster at its first start; that one runs by then. With `home`,
        one that keeps its data there and goes on with them. `inherited`: see `Guard`."""
        if home is not None:
            home.mkdir(exist_ok=True)
        self._guard = Guard("rabbitmq", home=home, inherited=inherited)
        self._keeps_data = home is not None
        self._beside = beside
        self._port = port or free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        self.control = self._lay_out(scripts)

    def start(self) -> Self:
        """Start the node and return when it takes connections. Raises CannotProvisionError with the log's end."""
        if self._epmd is None and self._beside is None:
            environment = _clean_environment() | self.control.environment
            self._epmd = self._spawn(["epmd"], environment, "epmd.out")
        self._node = self._spawn(
            [f"{self.control.scripts}/rabbitmq-server"], _clean_environment() | self.control.environment, "node.out"
        )
        if not wait_until(lambda: speaks_amqp(self.control.port), self._node, START_SECONDS):
            tail = self._log_tail()
            self.close()
            raise CannotProvisionError(f"The private RabbitMQ did not start; the end of its log: {tail}")
        return self

    def stop(self) -> None:
        """Stop the node in good order. Its data stay."""
        self._end_node(lambda node: end(node, signal.SIGTERM, STOP_SECONDS))

    def kill(self) -> None:
        """Kill the node as a power cut would. Its data stay as they are on disk.

        Measured with 3.10: a quorum queue declared less than about a second before is unusable afterwards, confirmed
        messages included, because the node notes its queues on disk every half second only.
        """

        def strike(node: "subprocess.Popen[bytes]") -> None:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait()

        self._end_node(strike)

    def restart(self) -> None:
        """Stop the node if it runs, and start it on the same data and the same port."""
        self.stop()
        self.start()

    def url(self, vhost: str = "/") -> str:
        """Return the node's AMQP address for a virtual host."""
        return self.control.url(vhost)

    def ctl(self, *arguments: str, seconds: float = 240.0) -> str:
        """Run `rabbitmqctl` on the node and return what it printed."""
        return self.control.ctl(*arguments, seconds=seconds)

    def add_vhost(self, vhost: str) -> str:
        """Create a virtual host for the user `guest` and return its AMQP address."""
        self.ctl("add_vhost", vhost)
        self.ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
        return self.url(vhost)

    def _log_tail(self) -> str:
        """Return the last lines that the node wrote."""
        files = [self._guard.directory / "node.out", *(self._guard.directory / "log").glob("*.log")]
        text = "\n".join(file.read_text(errors="replace") for file in files if file.exists())
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])

    def close(self) -> None:
        """End everything and remove it, epmd and data included; data that have a home stay, and are written out."""
        if self._keeps_data:
            self.stop()
        else:
            self.kill()
        if self._epmd is not None:
            end(self._epmd, signal.SIGTERM, 5)
            self._guard.forget("group", self._epmd.pid)
            self._epmd = None
        self._guard.close()

    def __enter__(self) -> Self:
        """Start the node."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Remove the node."""
        self.close()

    def _end_node(self, how: Callable[["subprocess.Popen[bytes]"], None]) -> None:
        node, self._node = self._node, None
        if node is None:
            return
        if node.poll() is None:
            how(node)
        self._guard.forget("group", node.pid)

    def _spawn(self, command: list[str], environment: dict[str, str], output: str) -> "subprocess.Popen[bytes]":
        with (self._guard.directory / output).open("ab") as sink:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self._guard.directory,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard.watch("group", process.pid)
        return process

    def _lay_out(self, scripts: Path) -> BrokerControl:
        home = self._guard.directory
        for folder in ("data", "log", "conf.d"):
            (home / folder).mkdir(exist_ok=True)
        port = self._port
        environment = _node_environment(home)
        configuration = CONFIGURATION.format(host=LOOPBACK, port=port)
        if self._beside is not None:
            cookie, theirs = home / ".erlang.cookie", self._beside.control.environment
            cookie.write_bytes((Path(theirs["HOME"]) / ".erlang.cookie").read_bytes())
            cookie.chmod(0o400)
            environment["ERL_EPMD_PORT"] = theirs["ERL_EPMD_PORT"]
            configuration += JOINING.format(node=theirs["RABBITMQ_NODENAME"])
        (home / "rabbitmq.conf").write_text(configuration)
        (home / "advanced.config").write_text("[].\n")
        (home / "enabled_plugins").write_text("[].\n")
        (home / "rabbitmq-env.conf").write_text("")
        return BrokerControl(str(scripts), port, environment)


def _node_environment(home: Path) -> dict[str, str]:
    loopback_only = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "HOME": str(home),  # Erlang keeps the node's cookie there
        "RABBITMQ_NODENAME": f"{home.name}@localhost",
        "RABBITMQ_BASE": str(home),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_CONFIG_FILES": str(home / "conf.d"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CTL_DIST_PORT_MIN": "0",  # any free port: the default range holds ten, too few for parallel runs
        "RABBITMQ_CTL_DIST_PORT_MAX": "0",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback_only,
        "RABBITMQ_CTL_ERL_ARGS": loopback_only,
        # An epmd of our own, in the foreground: the one that Erlang starts by itself would stay for ever.
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        # Makes the start script become the Erlang process, so that signals reach the node itself.
        "detached": "1",
    }


def _clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
