"""Generators of code from schemas, and the compilers of what they write: for the tests that try both.

Guarantees that packages are those of the lock files, by hash, and that a second run with the same locks installs
nothing. What is missing is installed from Debian, or is an error that says what to do. Knows nothing of the schemas.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.provisioning import CannotProvisionError, packages
from deploy.provisioning.packages import Say

JACKSON = ("jackson-databind", "jackson-core", "jackson-annotations")
_JARS = Path("/usr/share/java")
_DEBIANS_GO = Path("/usr/lib/go/bin/go")
_OLDEST_NODE = 18


@dataclass(frozen=True)
class Generators:
    """Where everything is."""

    node: str
    node_modules: Path
    datamodel_codegen: Path
    python: Path
    javac: str
    java: str
    jackson: str
    """Jackson's jars as a class path."""
    go: str


def provision(root: Path, say: Say) -> Generators:
    """Return the generators and compilers, installed where they were missing. Raises CannotProvisionError."""
    home, locks = root / ".venv" / "generators", root / "tests" / "generated"
    home.mkdir(parents=True, exist_ok=True)
    # Test processes come here at once; npm empties a folder that another one's npm is filling.
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _provision(home, locks, say)


def _provision(home: Path, locks: Path, say: Say) -> Generators:
    node = _program("node", ["nodejs"], "Node.js 18 or newer", say)
    _check_node(node)
    javac = _program("javac", ["default-jdk-headless"], "a JDK", say)
    return Generators(
        node=node,
        node_modules=_node_modules(home, locks, say),
        datamodel_codegen=_python(home, locks, say) / "datamodel-codegen",
        python=home / "python" / "bin" / "python",
        javac=javac,
        java=_program("java", ["default-jdk-headless"], "a JDK", say),
        jackson=_jackson(say),
        go=_program("go", ["golang-go"], "Go", say, [_DEBIANS_GO]),
    )


def _program(name: str, debian: list[str], what: str, say: Say, elsewhere: Sequence[Path] = ()) -> str:
    found = _find(name, elsewhere)
    if found is None and packages.can_install():
        packages.install(debian, None, say)
        found = _find(name, elsewhere)
    if found is None:
        raise CannotProvisionError(f"{name} is missing: install {what} (Debian's package {' '.join(debian)} has it).")
    return found


def _find(name: str, elsewhere: Sequence[Path]) -> str | None:
    return shutil.which(name) or next((str(path) for path in elsewhere if path.exists()), None)


def _check_node(node: str) -> None:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = said.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST_NODE:
        raise CannotProvisionError(f"Node.js {_OLDEST_NODE} or newer is needed, and this is {said or 'unknown'}.")


def _jackson(say: Say) -> str:
    jars = [_JARS / f"{name}.jar" for name in JACKSON]
    if not all(jar.exists() for jar in jars) and packages.can_install():
        packages.install(["libjackson2-databind-java"], None, say)
    if not all(jar.exists() for jar in jars):
        raise CannotProvisionError("Jackson is missing: install Debian's package libjackson2-databind-java.")
    return os.pathsep.join(map(str, jars))


def _node_modules(home: Path, locks: Path, say: Say) -> Path:
    wanted = [locks / "package.json", locks / "package-lock.json"]
    if _is_new(home / "node.stamp", wanted):
        npm = _program("npm", ["npm"], "npm", say)
        say("Installing quicktype and TypeScript with npm, for tests/generated.")
        (home / "node.stamp").unlink(missing_ok=True)
        for file in wanted:
            shutil.copy(file, home)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home, "npm")
        _stamp(home / "node.stamp", wanted)
    return home / "node_modules"


def _python(home: Path, locks: Path, say: Say) -> Path:
    wanted, place = [locks / "requirements.lock"], home / "python"
    if _is_new(home / "python.stamp", wanted):
        say("Installing datamodel-code-generator with pip into an environment of its own, for tests/generated.")
        (home / "python.stamp").unlink(missing_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(place)], home, "venv")
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes"]
        _run([*pip, "--disable-pip-version-check", "-r", str(wanted[0])], home, "pip")
        _stamp(home / "python.stamp", wanted)
    return place / "bin"


def _run(command: list[str], home: Path, what: str) -> None:
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise CannotProvisionError(f"{what} could not install what tests/generated needs. What it said last:\n{tail}")


def _is_new(stamp: Path, files: list[Path]) -> bool:
    return not stamp.exists() or stamp.read_text() != _digest(files)


def _stamp(stamp: Path, files: list[Path]) -> None:
    stamp.write_text(_digest(files))


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
