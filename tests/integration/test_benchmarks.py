"""Every benchmark at a small size, so that none of them rots. What it shows is looked at by people."""

import argparse
import json
import os
from pathlib import Path

import pytest

from tests.benchmarks import report, suite
from tests.benchmarks.contestants import PEERS, stub_gateway
from tests.benchmarks.measures import Places

CONSUMERS = ",".join(("bare", *(PEERS if "BENCH_PYTHON" in os.environ else ()), "worker", "worker-postgres"))
"""Peers where there is an environment that has them: the tests install nothing."""


@pytest.mark.parametrize(
    ("only", "contestants", "figures"),
    [
        ("throughput", CONSUMERS, {"commands/s", "CPU ms"}),
        ("latency", "worker", {"p50 ms", "p95 ms", "CPU ms"}),
        ("parked", "worker", {"KiB/scan"}),
        ("beside parked", "worker-postgres", {"alone commands/s", "beside commands/s", "beside to alone"}),
        ("big tenant", "worker", {"alone p50 ms", "beside p50 ms", "ratio"}),
        ("replicas", "worker-postgres", {"commands/s, 1", "CPU ms, 3", "PostgreSQL CPU ms, 2"}),
        ("store", "", {"claim ms, 1,000 wait", "claim ms, many wait", "the same, analysed"}),
    ],
)
async def test_it_runs(
    only: str, contestants: str, figures: set[str], amqp_url: str, postgres_server: str, tmp_path: Path
) -> None:
    options = argparse.Namespace(
        only=only, contestants=contestants, commands=40, users=10, rounds=1, scans=20, waiting=2000
    )
    with stub_gateway() as quick, stub_gateway("--qr") as scanning:
        results = await suite.run(options, Places(amqp_url, quick, scanning, postgres_server))
    report.write(results, tmp_path, {"command": "a test"})
    told = json.loads(tmp_path.joinpath("results.json").read_text())["results"][only]
    assert all(figures <= set(rounds[0]) for rounds in told.values())
    assert tmp_path.joinpath("table.md").read_text()
    assert tmp_path.joinpath(f"{only.replace(' ', '-')}.png").read_bytes().startswith(b"\x89PNG")
