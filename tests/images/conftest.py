"""The worker's image, built from this checkout by `docker build` as a user builds it, or given.

`TEST_WORKER_IMAGE` is an image to test as it is. Otherwise `TEST_PYTHON_IMAGE` is the base to build on.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 900.0


def docker(*words: str, seconds: float = 60.0, environment: dict[str, str] | None = None) -> str:
    """Run a docker command and return what it printed; the test fails with what it said if it fails."""
    done = subprocess.run(
        ["docker", *words],
        cwd=ROOT,
        env=os.environ | {"DOCKER_BUILDKIT": "1"} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"docker {' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="session")
def worker_image() -> str:
    """Name of the image under test. A second process that builds it too finds every layer in the engine's cache."""
    given = os.environ.get("TEST_WORKER_IMAGE")
    if given:
        return given
    base = os.environ.get("TEST_PYTHON_IMAGE")
    name = "fapiao-test/worker:latest"
    options = ["--build-arg", f"PYTHON_IMAGE={base}"] if base else []
    docker("build", "--quiet", "--file", "deploy/Dockerfile", "--tag", name, *options, ".", seconds=BUILD_SECONDS)
    return name


@pytest.fixture
def volume() -> Iterator[str]:
    """A named volume of the test's own."""
    name = f"fapiao-test-{uuid.uuid4().hex[:12]}"
    yield name
    docker("volume", "rm", "--force", name)
