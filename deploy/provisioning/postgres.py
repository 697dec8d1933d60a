"""A private PostgreSQL cluster from an installed server.

Guarantees: own data and port on loopback, no socket in the system's places, never run as root (which PostgreSQL
refuses). `durable=True` keeps fsync on: what the worker promises about crashes rests on it.
It does not know the schema.
"""

import os
import pwd
import shutil
import signal
import subprocess
from io import BufferedWriter
from pathlib import Path
from typing import Self

from deploy.provisioning import CannotProvisionError
from worker.servers.processes import LOOPBACK, Guard, end, free_port, wait_until

START_SECONDS = 240.0
STOP_SECONDS = 30.0
LOG_TAIL_LINES = 15
PACKAGED = Path("/usr/lib/postgresql")
USER = "fapiao"


def installed(packaged: Path = PACKAGED) -> Path | None:
    """Return the folder with `initdb` and `postgres` of the newest installed version, or None."""
    versions = sorted(packaged.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def account() -> pwd.struct_passwd | None:
    """Return the account to run the server as, or None for the present one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotProvisionError(
        "PostgreSQL does not run as root and this machine has no account 'postgres' or 'nobody'."
    )


class PrivatePostgres:
    """A database server that belongs to this process; `close` removes all of it."""

    def __init__(self, programs: Path, *, durable: bool = True) -> None:
        self._guard = Guard("postgres")
        self._programs = programs
        self._durable = durable
        self._account = account()
        self._server: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self._data = self._guard.directory / "data"

    def start(self) -> Self:
        """Start the server and return when it takes connections. Raises CannotProvisionError with the log's end."""
        if not self._data.exists():
            self._initialise()
        switch = "on" if self._durable else "off"
        options = [f"fsync={switch}", f"full_page_writes={switch}", "unix_socket_directories=", "max_connections=300"]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-h", LOOPBACK, "-p", str(self._port)]
        with (self._guard.directory / "server.out").open("ab") as sink:
            self._server = self._spawn([*command, *(word for option in options for word in ("-c", option))], sink)
        self._guard.watch("group", self._server.pid)
        if not wait_until(self._ready, self._server, START_SECONDS):
            tail = self._log_tail()
            self.close()
            raise CannotProvisionError(f"The private PostgreSQL did not start; the end of its log: {tail}")
        return self

    def stop(self) -> None:
        """Stop the server in good order, sessions cut. Its data stay."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop the server at once, as a crash would: it recovers from its log at the next start."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop the server if it runs and start it on the same data and port."""
        self.stop()
        self.start()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{USER}@{LOOPBACK}:{self._port}/{database}"

    def _log_tail(self) -> str:
        """Return the last lines that the server wrote."""
        output = self._guard.directory / "server.out"
        return "\n".join(output.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]) if output.exists() else ""

    def close(self) -> None:
        """Stop the server and remove it with its data."""
        self.stop()
        self._guard.close()

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Remove the server."""
        self.close()

    def _end(self, wish: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if server.poll() is None:
            end(server, wish, STOP_SECONDS)
        self._guard.forget("group", server.pid)

    def _initialise(self) -> None:
        if self._account is not None:
            os.chown(self._guard.directory, self._account.pw_uid, self._account.pw_gid)
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", USER, "-A", "trust"]
        done = self._spawn([*command, "-E", "UTF8", "--locale=C", "--no-sync"], subprocess.PIPE)
        output, _ = done.communicate()
        if done.returncode:
            tail = output.decode(errors="replace").strip().splitlines()[-3:]
            self._guard.close()
            raise CannotProvisionError(f"PostgreSQL's initdb failed: {' '.join(tail)}")

    def _ready(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self._port), "-U", USER]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _spawn(self, command: list[str], sink: int | BufferedWriter) -> "subprocess.Popen[bytes]":
        identity = self._account
        return subprocess.Popen(
            command,
            cwd=self._guard.directory,
            env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=identity.pw_uid if identity else None,
            group=identity.pw_gid if identity else None,
            extra_groups=[] if identity else None,
        )
