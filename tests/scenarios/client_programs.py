"""The sample clients of `contracts/clients`, made ready to run: what each needs is installed, and built once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.provisioning import tools
from tests.scenarios.worker_process import PATIENCE_SECONDS

CLIENTS = Path(__file__).resolve().parents[2] / "contracts" / "clients"


@dataclass(frozen=True)
class Program:
    """How a client is called, with the order's file behind, and the variables it needs."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def python(_folder: Path) -> Program:
    """aio-pika is here already."""
    return Program([sys.executable, str(CLIENTS / "python" / "issue.py")])


def node(folder: Path) -> Program:
    """amqplib comes from npm, as for anybody else."""
    tools.toolchain(tools.NODE, print)
    for name in ("issue.js", "package.json"):
        shutil.copy(CLIENTS / "node" / name, folder)
    _make(["npm", "install", "--silent", "--no-audit", "--no-fund"], folder)
    return Program(["node", str(folder / "issue.js")])


def php(_folder: Path) -> Program:
    """php-amqplib is Debian's."""
    tools.toolchain(tools.PHP, print)
    return Program(["php", str(CLIENTS / "php" / "issue.php")])


def go(folder: Path) -> Program:
    """amqp091-go is Debian's, which keeps Go's libraries as a GOPATH."""
    tools.toolchain(tools.GO, print)
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache")}
    _make(["go", "build", "-o", str(folder / "issue"), str(CLIENTS / "go" / "issue.go")], folder, environment)
    return Program([str(folder / "issue")])


def java(folder: Path) -> Program:
    """The libraries are Debian's. Compiled once, where `java Issue.java` compiles at each of nine starts."""
    tools.toolchain(tools.JAVA, print)
    path = ":".join(map(str, (*tools.JAVA_LIBRARIES, folder)))
    _make(["javac", "-cp", path, "-d", str(folder), str(CLIENTS / "java" / "Issue.java")], folder)
    return Program(["java", "-cp", path, "Issue"])


LANGUAGES: dict[str, Callable[[Path], Program]] = {
    "python": python, "node": node, "php": php, "go": go, "java": java,
}  # fmt: skip


def _make(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-500:]} {done.stderr[-500:]}"
