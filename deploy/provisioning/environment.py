"""The Python environment `.venv` of this checkout, from a hash-pinned lock file.

Guarantees that what is installed is what the lock says, and that a second run with the same locks installs nothing.
It knows nothing of the servers.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.provisioning import CannotProvisionError, packages
from deploy.provisioning.packages import Say

OLDEST, NEWEST_BELOW = (3, 11), (3, 15)
RUNTIME_LOCK, DEVELOPMENT_LOCK = "requirements.lock", "requirements-dev.lock"
STAMP = "fapiao-locks.json"


def provision(root: Path, *, development: bool, say: Say) -> Path:
    """Return the environment's interpreter, with the lock and the project installed. Raises CannotProvisionError."""
    environment = root / ".venv"
    python = environment / "bin" / "python"
    wanted = _fingerprints(root)
    lock = DEVELOPMENT_LOCK if development else RUNTIME_LOCK
    have = _read_stamp(environment) if _works(python) else None
    if have is not None and all(have.get(name) == wanted[name] for name in (lock, "pyproject.toml")):
        return python
    if have is None and not _works(python):
        say(f"Making a Python environment in {environment.relative_to(root)} (Python {sys.version.split()[0]}).")
        _make(environment, say)
    say(f"Installing the Python packages of deploy/{lock} into it.")
    _pip(python, root, "--require-hashes", "--no-deps", "-r", str(root / "deploy" / lock))
    _pip(python, root, "--no-deps", "--no-build-isolation", "--editable", str(root))
    # Every pin of the runtime lock is in the development lock too, so that one stands for both.
    done = (RUNTIME_LOCK, lock, "pyproject.toml")
    (environment / STAMP).write_text(json.dumps({name: wanted[name] for name in done}))
    return python


def _fingerprints(root: Path) -> dict[str, str]:
    files = {name: root / "deploy" / name for name in (RUNTIME_LOCK, DEVELOPMENT_LOCK)}
    files["pyproject.toml"] = root / "pyproject.toml"
    # An environment knows its own place: a copied checkout must not take the original's for its own.
    place = str(root).encode()
    return {name: hashlib.sha256(place + file.read_bytes()).hexdigest() for name, file in files.items()}


def _read_stamp(environment: Path) -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads((environment / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def _works(python: Path) -> bool:
    """Tell whether an environment is there, of a fitting version, with pip in it."""
    if not python.exists():
        return False
    question = f"import sys, pip; raise SystemExit(not {OLDEST} <= sys.version_info[:2] < {NEWEST_BELOW})"
    return subprocess.run([str(python), "-c", question], capture_output=True, check=False).returncode == 0


def _make(environment: Path, say: Say) -> None:
    command = [sys.executable, "-m", "venv", "--clear", str(environment)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "ensurepip" in done.stdout + done.stderr and packages.can_install():
        # Debian splits venv off its Python.
        packages.install([f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"], None, say)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " ".join((done.stdout + done.stderr).split()[-30:])
        raise CannotProvisionError(f"Python could not make an environment; on Debian install python3-venv: {tail}")


def _pip(python: Path, root: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments]
    quiet = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [f"  {line}" for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line][-15:]
        raise CannotProvisionError("\n".join(["pip could not install the packages. What it said last:", *said]))
