"""The processes that a benchmark compares: each takes the same commands from a queue and answers them.

Each runs in a process of its own, so that its CPU time and memory are its own.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running consumer and how to reach it."""

    name: str
    process: psutil.Process
    exchange: str
    routing_key: str
    queue: str

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Memory in use now."""
        return int(self.process.memory_info().rss)


@contextmanager
def stub_gateway(*options: str) -> Iterator[str]:
    """A light gateway in a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.benchmarks.stub_gateway", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["gateway"])
        finally:
            process.terminate()


@contextmanager
def started(
    name: str, amqp_url: str, gateway: str, prefix: str, *, lanes: int, postgres_url: str | None = None
) -> Iterator[Contestant]:
    """Start one by name: `bare`, `worker` (SQLite), or `worker-postgres` (on an empty database of `postgres_url`)."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "FAPIAO_AMQP_URL": amqp_url,
            "FAPIAO_GATEWAY_URL": gateway,
            "FAPIAO_PREFIX": prefix,
            "FAPIAO_HTTP_PORT": "0",
            "FAPIAO_DRAIN_SECONDS": "1",
            "FAPIAO_LOG_FORMAT": "json",
            "FAPIAO_MAX_LANES": str(lanes),
            "FAPIAO_TENANT_LANES": str(lanes),
            "FAPIAO_PREFETCH": str(lanes if name == "bare" else 200),
            "FAPIAO_DATABASE_URL": f"sqlite:///{folder}/journal.db",
            "BARE_QUEUE": f"{prefix}.bare",
        }
        if name == "bare":
            command = [sys.executable, str(Path(__file__).with_name("bare_consumer.py"))]
            where = ("", f"{prefix}.bare", f"{prefix}.bare")
        else:
            command = [sys.executable, "-m", "worker", "run"]
            where = (f"{prefix}.commands", "invoice.issue", f"{prefix}.issue")
        if name == "worker-postgres":
            assert postgres_url is not None
            environment["FAPIAO_DATABASE_URL"] = postgres_url
            environment["FAPIAO_JOURNAL_KEYS"] = base64.urlsafe_b64encode(bytes(32)).decode()
            subprocess.run([sys.executable, "-m", "worker", "db", "upgrade"], cwd=ROOT, env=environment, check=True)
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                yield Contestant(name, psutil.Process(process.pid), *where)
            finally:
                process.terminate()
                process.wait(30)
