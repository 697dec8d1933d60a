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
PEERS = ("faststream", "taskiq", "celery", "dramatiq")
"""Frameworks that host the same exchange, from the environment that `BENCH_PYTHON` names."""


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


def _peer(name: str) -> list[str]:
    if name not in PEERS:
        return [sys.executable, str(Path(__file__).with_name("bare_consumer.py"))]
    return [os.environ.get("BENCH_PYTHON", sys.executable), "-m", f"tests.benchmarks.peers.{name}_peer"]


@contextmanager
def started(
    name: str, amqp_url: str, gateway: str, prefix: str, *, lanes: int, postgres_url: str | None = None
) -> Iterator[Contestant]:
    """Start one by name: `bare`, one of `PEERS`, `worker` (SQLite), or `worker-postgres` (on an empty database of
    `postgres_url`)."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "FAPIAO_AMQP_URL": amqp_url,
            "FAPIAO_GATEWAY_URL": gateway,
            "FAPIAO_PREFIX": prefix,
            "FAPIAO_HTTP_PORT": "0",
            "FAPIAO_DRAIN_SECONDS": "1",
            # The gateway answers no query: a minute after the first result each lane would wait for a list that never
            # comes, and on a busy machine, where a measurement takes so long, orders behind it.
            "FAPIAO_CONFIRM": "false",
            "FAPIAO_LOG_FORMAT": "json",
            "FAPIAO_MAX_LANES": str(lanes),
            "FAPIAO_TENANT_LANES": str(lanes),
            "FAPIAO_PREFETCH": str(200 if name.startswith("worker") else lanes),
            "FAPIAO_DATABASE_URL": f"sqlite:///{folder}/journal.db",
            # The stub answers no query: a look-up holds its lane for two minutes, and a round may take more than one.
            "FAPIAO_CONFIRM_DELAY_SECONDS": "3600",
        }
        if not name.startswith("worker"):
            # Dramatiq declares a queue of its own kind, dead letters and all.
            queue = f"{prefix}.dramatiq" if name == "dramatiq" else f"{prefix}.bare"
            environment["BARE_QUEUE"] = queue
            command, where = _peer(name), ("", queue, queue)
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
