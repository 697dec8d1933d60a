"""`tests/run`, once a Python is found: provisions, checks the code, starts the servers, runs the tests.

Starts under any Python 3.11+ with nothing installed, makes the environment and goes on inside it. Guarantees that the
servers end with it, that a failed check does not keep the tests from running, and that the exit code shows any failure.
"""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.provisioning import CannotProvisionError, environment  # noqa: E402 - the path is set just above
from worker.servers import containers  # noqa: E402

PARTS_WITHOUT_SERVERS = {"unit", "golden", "model", "generated"}
WAITING = {"integration", "scenarios"}
TIERS = {"fast": ["checks", "unit", "golden"], "near": ["checks", "unit", "golden", "model", "conformance"]}
"""What a name stands for: `fast` for every save, `near` before every push. Property tests try fewer examples there."""
BIN = ROOT / ".venv" / "bin"
BYTECODE = ROOT / ".venv" / "bytecode"
CHECKS = (
    ("ruff check", [BIN / "ruff", "check", "--quiet"]),
    ("ruff format", [BIN / "ruff", "format", "--check", "--quiet"]),
    ("mypy", [BIN / "mypy", "--no-error-summary"]),
    ("import layers", [BIN / "lint-imports", "--no-logo"]),
    ("contracts", [BIN / "fapiao-worker", "contracts", "export", "--check"]),
)
phases: list[tuple[str, float, bool]] = []


def say(text: str) -> None:
    """Print a line at once, so that it stands before the output of the programs that follow."""
    print(text, flush=True)


@contextlib.contextmanager
def timed(name: str) -> Iterator[list[bool]]:
    """Time a phase; the list that it yields is empty if the phase went well."""
    failed: list[bool] = []
    started = time.monotonic()
    try:
        yield failed
    finally:
        phases.append((name, time.monotonic() - started, not failed))


def main(arguments: list[str]) -> int:
    """Run the suite and return the exit code."""
    parts, extra, docker = split(arguments)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with timed("environment"):
            python = environment.provision(ROOT, development=True, say=say)
        if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
            os.execv(python, [str(python), str(Path(__file__).resolve()), *arguments])  # noqa: S606
        keep_bytecode()
        if arguments[:1] == ["chaos"]:
            return chaos(arguments[1:])
        check_docker(parts, docker=docker)
        if parts and parts[0] in TIERS:
            os.environ["TEST_HYPOTHESIS_PROFILE"] = "fast"  # conftest.py loads it
            parts = TIERS[parts[0]]
        return run(parts, extra)
    except CannotProvisionError as error:
        say(f"tests/run: {error}")
        return 69
    except KeyboardInterrupt:
        say("tests/run: interrupted; the servers are stopped.")
        return 130


def keep_bytecode() -> None:
    """Let all processes of a run share what Python compiles, beside the environment: many a shell forbids to write it
    into the tree, and then each process compiles all tests anew, with pytest's assertions half of its time to start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(BYTECODE)


def split(arguments: list[str]) -> tuple[list[str], list[str], bool]:
    """Split the arguments into parts of tests/ (all where none is named), words for pytest, and `--docker`."""
    docker = arguments[:1] == ["--docker"]
    parts: list[str] = []
    rest = arguments[1:] if docker else list(arguments)
    if rest and rest[0] in TIERS:
        parts.append(rest.pop(0))
    while rest and not rest[0].startswith("-") and (rest[0] == "checks" or (ROOT / "tests" / rest[0]).exists()):
        parts.append(rest.pop(0))
    if rest and rest[0] == "--":
        rest.pop(0)
    return parts, rest, docker


def check_docker(parts: list[str], *, docker: bool) -> None:
    """Let the tests in that need a Docker engine, or say that they are left out. Raises CannotProvisionError."""
    if docker and not containers.engine_answers():
        raise CannotProvisionError("--docker needs a Docker engine, and `docker version` finds none.")
    if docker:
        os.environ["TEST_DOCKER"] = "1"  # conftest.py collects tests/images by it
    elif any(part.partition("/")[0] == "images" for part in parts):
        raise CannotProvisionError("tests/images needs a Docker engine: tests/run --docker images")
    elif not parts:
        say("tests/images is left out: it needs a Docker engine (tests/run --docker).")


def run(parts: list[str], extra: list[str]) -> int:
    """Check, start servers meanwhile, test, and report. Returns the exit code."""
    tested = [part for part in parts if part != "checks"]
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(4))
        levels = {part.partition("/")[0] for part in tested}
        needs_servers = not parts or bool(levels - PARTS_WITHOUT_SERVERS)
        starting = _start_servers(pool, stack) if needs_servers else []
        # Beside the tests, in threads of their own: each check is one process, and a failed one stops nothing.
        checking = pool.submit(_check_all, beside_waiting=not parts) if not parts or "checks" in parts else None
        compiling = pool.submit(_compile_tests) if not parts and not BYTECODE.exists() else None
        passed = failed = skipped = 0
        if tested or not parts:
            address = _addresses(starting)
            if compiling is not None:
                compiling.result()
            passed, failed, skipped = _test(tested, extra, address)
        if checking is not None:
            checking.result()
    for name, seconds, well in phases:
        say(f"  {name:<14} {seconds:6.1f} s  {'' if well else 'FAILED'}")
    failed_checks = sum(not well for name, _, well in phases if name != "tests")
    if parts != ["checks"]:
        say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed_checks or not all(well for *_, well in phases) else 0


def chaos(words: list[str]) -> int:
    """The random run, as long as its words say, on servers of its own. Returns its exit code."""
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(2))
        address = _addresses(_start_servers(pool, stack))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FAPIAO_")}
        command = [sys.executable, "-m", "tests.scenarios.chaos", *words]
        return _wait(subprocess.Popen(command, cwd=ROOT, env=inherited | address, stdin=subprocess.DEVNULL))


def _start_servers(
    pool: concurrent.futures.Executor, stack: contextlib.ExitStack
) -> "list[concurrent.futures.Future[dict[str, str]]]":
    from tests import servers

    def start(name: str) -> dict[str, str]:
        with timed(name.lower()):
            server, address = servers.shared_rabbit(say) if name == "RabbitMQ" else servers.shared_postgres(say)
        stack.callback(server.close)
        return address

    return [pool.submit(start, name) for name in ("RabbitMQ", "PostgreSQL")]


def _addresses(starting: "list[concurrent.futures.Future[dict[str, str]]]") -> dict[str, str]:
    return {key: value for future in starting for key, value in future.result().items()}


def _compile_tests() -> None:
    """Once for all test processes of a new checkout, which would each do it by themselves. What is wrong they tell."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    with timed("compiling"):
        subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL, check=False)


def _check_all(*, beside_waiting: bool) -> None:
    """One after the other; where tests wait beside them, in the time that those leave over."""
    behind = ["nice"] if beside_waiting else []
    for name, command in CHECKS:
        _check(name, behind + [str(word) for word in command])


def _check(name: str, command: list[str]) -> None:
    with timed(name) as failed:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            failed.append(True)
            say(f"--- {name} failed ---\n{done.stdout}{done.stderr}")


def _test(parts: list[str], extra: list[str], address: dict[str, str]) -> tuple[int, int, int]:
    """Run pytest and return the numbers of passed, failed and skipped tests."""
    # Scenarios wait most of their time, for schedules, leases and servers, and conformance now and then for a database;
    # what needs no server never waits.
    levels = {part.partition("/")[0] for part in parts}
    is_waiting = not levels or bool(WAITING & levels)
    cores = max(2, os.cpu_count() or 2)
    workers = os.environ.get("TEST_WORKERS", str(2 * cores + 2 if is_waiting else cores + ("conformance" in levels)))
    with tempfile.TemporaryDirectory(prefix="fapiao-tests-") as folder, timed("tests") as failed:
        numbers = Path(folder) / "numbers.json"
        command = [sys.executable, "-m", "pytest", "-q", "-n", workers]
        # The first is conftest.py's own: in its order, long ones singly. The other hands out many at once.
        command += ["--dist", "loadgroup", "--no-loadscope-reorder"] if is_waiting else ["--dist", "load"]
        command += [*(f"tests/{part}" for part in parts), *extra]
        # Settings of the worker that happen to be set here must not reach the tests.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FAPIAO_")}
        told = {"TEST_NUMBERS": str(numbers)}  # conftest.py writes them
        if _wait(subprocess.Popen(command, cwd=ROOT, env=inherited | address | told, stdin=subprocess.DEVNULL)):
            failed.append(True)
        return _numbers(numbers)


def _wait(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        raise


def _numbers(file: Path) -> tuple[int, int, int]:
    numbers = json.loads(file.read_text("utf-8")) if file.exists() else {}
    passed, failed, error, skipped = (numbers.get(each, 0) for each in ("passed", "failed", "error", "skipped"))
    return passed, failed + error, skipped


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
