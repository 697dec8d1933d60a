"""The environment is made once, and made again when its lock has changed."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.provisioning import CannotProvisionError, environment

Pip = list[tuple[str, ...]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with locks and a project file."""
    (tmp_path / "deploy").mkdir()
    for name in (environment.RUNTIME_LOCK, environment.DEVELOPMENT_LOCK):
        (tmp_path / "deploy" / name).write_text(f"# {name}\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """What pip was asked for; nothing is installed."""
    asked: Pip = []

    def make(folder: Path, say: Callable[[str], None]) -> None:
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "python").unlink(missing_ok=True)
        (folder / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(environment, "_make", make)
    monkeypatch.setattr(environment, "_works", lambda python: python.exists())
    monkeypatch.setattr(environment, "_pip", lambda python, root, *words: asked.append(words))
    return asked


def _provision(root: Path, *, development: bool = False) -> list[str]:
    said: list[str] = []
    assert environment.provision(root, development=development, say=said.append) == root / ".venv" / "bin" / "python"
    return said


def test_the_lock_is_installed_by_hash_and_the_project_without_looking_for_more(root: Path, pip: Pip) -> None:
    """Nothing that the lock does not name gets in."""
    said = _provision(root)
    assert said[-1] == "Installing the Python packages of deploy/requirements.lock into it."
    assert pip[0][:2] == ("--require-hashes", "--no-deps")
    assert pip[1] == ("--no-deps", "--no-build-isolation", "--editable", str(root))


def test_a_second_run_installs_nothing_and_says_nothing(root: Path, pip: Pip) -> None:
    """So that it is quick."""
    _provision(root)
    pip.clear()
    assert _provision(root) == []
    assert pip == []


@pytest.mark.parametrize("changed", ["deploy/requirements.lock", "pyproject.toml"])
def test_a_changed_file_is_installed_anew(root: Path, pip: Pip, changed: str) -> None:
    """An environment from before the change would lie."""
    _provision(root)
    pip.clear()
    (root / changed).write_text("changed\n")
    _provision(root)
    assert len(pip) == 2


def test_the_development_environment_serves_the_quickstart_but_not_the_other_way_round(root: Path, pip: Pip) -> None:
    """Its lock holds every pin of the smaller one."""
    _provision(root, development=True)
    pip.clear()
    _provision(root)
    assert pip == []
    (root / ".venv" / environment.STAMP).unlink()
    _provision(root)
    pip.clear()
    _provision(root, development=True)
    assert len(pip) == 2


def test_what_pip_said_last_is_shown_when_it_fails(root: Path) -> None:
    """The reader sees which package, not only that there was one."""
    with pytest.raises(CannotProvisionError, match="no-such-file"):
        environment._pip(Path(sys.executable), root, "--no-index", "--requirement", "no-such-file.lock")
