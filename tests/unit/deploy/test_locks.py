"""The lock files install everywhere the same, from whatever index the installer uses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-otel.lock")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(.*)$", re.MULTILINE)


def _text(name: str) -> str:
    return (ROOT / "deploy" / name).read_text()


def _pins(name: str) -> dict[str, str]:
    return {package: version for package, version, _ in PIN.findall(_text(name))}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_version_and_hash(name: str) -> None:
    """pip's --require-hashes accepts nothing else."""
    entries = re.split(r"^(?=[a-z0-9])", _text(name), flags=re.MULTILINE)[1:]
    assert len(entries) > 30
    for entry in entries:
        assert PIN.match(entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_index_or_a_place_on_a_machine(name: str) -> None:
    """Whoever installs uses the index of their own."""
    text = _text(name)
    assert "://" not in text
    assert not re.search(r"^-|(^|\s)(--index|--find|--extra|-r|-e)\b", text, re.MULTILINE)
    assert not re.search(r"\s/\w", text)


@pytest.mark.parametrize(
    ("name", "groups", "extras"),
    [
        (LOCKS[0], ["build"], ["qr", "sandbox"]),
        (LOCKS[1], ["build", "tests", "manifests", "dashboard", "typing", "lint"], ["qr", "sandbox", "otel"]),
        (LOCKS[2], ["build"], ["qr", "sandbox", "otel"]),
    ],
)
def test_each_direct_dependency_is_in_the_lock_at_a_version_it_allows(
    name: str, groups: list[str], extras: list[str]
) -> None:
    """A dependency changed without `deploy/lock` shows here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *(line for group in groups for line in project["dependency-groups"][group]),
        *(line for extra in extras for line in project["project"]["optional-dependencies"][extra]),
    ]
    pins = _pins(name)
    for requirement in map(Requirement, wanted):
        pinned = pins.get(canonicalize_name(requirement.name))
        assert pinned is not None, requirement
        assert requirement.specifier.contains(pinned, prereleases=True), requirement


@pytest.mark.parametrize("name", [LOCKS[0], LOCKS[2]])
def test_the_locks_name_the_same_versions(name: str) -> None:
    """What is tested is what is run."""
    development = _pins(LOCKS[1])
    assert {package: development.get(package) for package in _pins(name)} == _pins(name)


def test_traces_are_left_out_of_what_everybody_installs() -> None:
    assert [name for name in _pins(LOCKS[0]) if name.startswith("opentelemetry")] == []
