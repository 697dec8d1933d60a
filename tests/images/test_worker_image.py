"""The image as it is run in production: confined, on a real broker and both stores, up to the issued invoice."""

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.images.conftest import ROOT, docker
from tests.images.hardened import CONFINED, STORE, HardenedWorker
from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions
from worker.servers.processes import free_port

SQLITE = f"sqlite:///{STORE}/fapiao.db"


@pytest.fixture
def new_stack(amqp_url: str, amqp_prefix: str, tmp_path: Path) -> Callable[..., Stack]:
    """Makes a scenario's stack for a store that the worker reaches under this address."""

    def make(database_url: str, **options: Any) -> Stack:
        return Stack(amqp_url, amqp_prefix, database_url, tmp_path, **options)

    return make


def _python(image: str, code: str) -> "subprocess.CompletedProcess[str]":
    command = ["docker", "run", "--rm", *CONFINED, "--entrypoint", "python3", image, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_the_image_says_what_it_is_and_runs_as_a_numeric_user(worker_image: str) -> None:
    """Kubernetes can check a number only; the exec form makes the worker process 1, so SIGTERM reaches it."""
    config = json.loads(docker("inspect", "--format", "{{json .Config}}", worker_image))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["fapiao-worker"]
    assert config["Cmd"] == ["run"]
    assert labels["version"] == version
    assert {"title", "description", "licenses", "revision"} <= set(labels)
    assert docker("run", "--rm", *CONFINED, worker_image, "--version").strip() == version


def test_the_image_holds_nothing_that_installs_or_builds(worker_image: str) -> None:
    """Neither pip nor what built the wheel is in the worker's environment; what the worker imports is."""
    for name in ("pip", "hatchling", "editables", "pytest"):
        absent = _python(worker_image, f"import {name}")
        assert absent.returncode == 1, name
        assert "ModuleNotFoundError" in absent.stderr
    assert _python(worker_image, "import worker.bootstrap, worker.sandbox.server").returncode == 0


def test_the_environment_cannot_be_changed_by_the_worker(worker_image: str) -> None:
    """Its files belong to root, so that not even a writable root lets the worker rewrite itself."""
    code = "import os, worker; print(os.access(worker.__file__, os.W_OK), os.access(os.getcwd(), os.W_OK))"
    command = ["docker", "run", "--rm", "--entrypoint", "python3", worker_image, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_read_only_root_without_a_volume_is_told_in_one_sentence(worker_image: str) -> None:
    """A SQLite journal has nowhere to be: the worker says so and ends, instead of taking orders it cannot keep."""
    command = ["docker", "run", "--rm", *CONFINED, "--env", "FAPIAO_HTTP_PORT=0", worker_image]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert "fapiao.db" in done.stderr + done.stdout


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_confined_container_issues_an_invoice_with_a_scan(
    worker_image: str, volume: str, new_stack: Callable[..., Stack], store: str, request: pytest.FixtureRequest
) -> None:
    """Read-only root, no capability, no new privileges, not root: QR, scan, result; then SIGTERM ends it with 0."""
    url = SQLITE if store == "sqlite" else request.getfixturevalue("postgres_url")
    options = SandboxOptions(qr="always", auto_scan_seconds=0.5)
    async with new_stack(url, options=options) as stack:
        await stack.prepare()
        settings = {"FAPIAO_HTTP_PORT": str(free_port()), "FAPIAO_HTTP_HOST": "127.0.0.1"}
        async with HardenedWorker(worker_image, stack, volume, **settings) as worker:
            await stack.worker_is_consuming()
            order = await stack.publish_order(orderNo="A-1")
            await stack.until([order], ["completed"])
            assert stack.said(order) == ["qr_required", "completed"]
            stack.check_promises([order])
            await worker.healthy()
            identity = await worker.identity()
            assert set(identity["Uid"].split()) == {"10001"}
            assert int(identity["CapEff"], 16) == int(identity["CapBnd"], 16) == 0
            assert identity["NoNewPrivs"] == "1"
            assert await worker.stop() == 0


async def test_a_journal_on_a_volume_outlives_its_container(
    worker_image: str, volume: str, new_stack: Callable[..., Stack]
) -> None:
    """Killed after the submission, answered by the next container: the doubt is told, nothing is submitted again."""
    async with new_stack(SQLITE) as stack:
        async with HardenedWorker(worker_image, stack, volume) as first:
            await stack.worker_is_consuming()
            issued = await stack.publish_order("seller-1")
            await stack.until([issued], ["completed"])
            doubtful = await stack.publish_order("seller-2", fault="silent_after_issuing")
            await stack.until_submitted(doubtful)
            await first.kill()
        async with HardenedWorker(worker_image, stack, volume):
            await stack.until([doubtful], ["in_doubt"])
            assert stack.submissions(doubtful) == stack.submissions(issued) == 1
            stack.check_promises([issued, doubtful])
