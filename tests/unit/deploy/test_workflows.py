"""The workflows run what is in this checkout, with no more rights than each job needs. No runner has run them here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: (\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")


def _jobs(file: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(file.read_text())["jobs"]
    return jobs


def _steps(file: Path) -> Iterator[dict[str, Any]]:
    for job in _jobs(file).values():
        yield from job.get("steps", [])


def _commands() -> str:
    return "\n".join(step["run"] for file in FILES for step in _steps(file) if "run" in step)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(file: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]

    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_one_action_has_one_version() -> None:
    pins = {tuple(pin.split("@")) for file in FILES for pin in re.findall(r"uses: (\S+@\S+)", file.read_text())}

    assert len({name for name, _ in pins}) == len(pins)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_job_ends_in_time_and_may_write_only_where_it_says_so(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    for name, job in _jobs(file).items():
        assert "uses" in job or job["timeout-minutes"] <= 60, name
        if "permissions" in job:
            assert set(job["permissions"]) <= {"contents", "packages", "id-token"}, name
    for step in _steps(file):
        if str(step.get("uses", "")).startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_name_that_somebody_else_chose_becomes_a_command(file: Path) -> None:
    """Expressions go in by the environment."""
    assert [step["run"] for step in _steps(file) if "${{" in step.get("run", "")] == []


def test_what_they_call_is_here() -> None:
    commands = _commands()

    for module in re.findall(r"python -m (deploy[\w.]+)", commands):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
    for path in re.findall(r"(?:^|\s)((?:\.ci|tests|deploy)/[\w./-]+)", commands):
        assert (ROOT / path).exists(), path
    assert {".ci/run", "tests/run"} <= set(re.findall(r"\S+/run\b", commands))


def test_a_release_is_tested_first_and_published_last() -> None:
    jobs = _jobs(ROOT / ".github" / "workflows" / "release.yml")

    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert jobs["files"]["needs"] == "test"
    assert jobs["image"]["needs"] == "files"
    assert jobs["publish"]["needs"] == ["files", "image"]


def test_the_image_is_for_both_architectures_signed_and_says_what_is_in_it() -> None:
    commands = _commands()

    assert "--platform linux/amd64,linux/arm64" in commands
    assert "--sbom=true --provenance=mode=max" in commands
    assert 'cosign sign --yes "$IMAGE"' in commands
    assert "cosign attest --yes --type cyclonedx" in commands
