"""The command line as a whole."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import worker
from worker.clock import SystemClock
from worker.journal import open_journal
from worker.settings import Settings

from .conftest import Run

COMMANDS = [
    ["run"], ["dev"], ["demo"], ["sandbox"], ["example"], ["send"], ["status"], ["list"], ["resolve"], ["cancel"],
    ["replay"], ["invoices"], ["files"], ["prune"], ["dead", "list"], ["dead", "replay"], ["replies", "list"],
    ["replies", "resend"], ["replies", "discard"], ["db", "upgrade"], ["accounts", "list"],
    ["accounts", "resume"], ["contracts", "export"], ["settings"], ["doctor"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """In 80 columns, with every option's whole name."""
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*words, "--help")

    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert "…" not in result.stdout


def test_a_word_that_is_no_command_is_exit_code_2(run: Run) -> None:
    assert run("frobnicate").exit_code == 2
    assert run("send").exit_code == 2


def test_the_version_is_told(run: Run) -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.strip()


CLIENTS = "aio_pika aiormq asyncpg websockets reportlab zxingcpp segno cryptography prometheus_client uvloop"


@pytest.mark.parametrize(
    ("words", "others"),
    [
        (["--help"], "pydantic structlog asyncio orjson"),
        (["--version"], "pydantic structlog asyncio orjson"),
        (["contracts", "--help"], "pydantic_settings structlog asyncio orjson"),
        (["example"], "pydantic_settings structlog"),
        (["settings"], "worker.records worker.intake rich"),
        (["check", "--help"], "structlog sqlite3 contracts.commands"),
        (["send", "--help"], "structlog contracts.commands"),
        (["audit", "--help"], "structlog contracts.commands"),
        (["vault", "--help"], "structlog worker.records"),
    ],
)
def test_what_needs_no_worker_loads_no_more_than_it_needs(words: list[str], others: str, tmp_path: Path) -> None:
    """Whoever looks at the help does not wait for the broker's, the database's and the PDF's libraries."""
    assert _loaded(words, f"{CLIENTS} {others}", tmp_path) == "[]"


@pytest.mark.parametrize("words", [["list"], ["accounts", "list"], ["invoices"]], ids=" ".join)
async def test_a_question_to_the_journal_loads_neither_flows_nor_models(words: list[str], tmp_path: Path) -> None:
    """They take longer than the answer; so do what draws tracebacks and what seals passwords."""
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path / 'fapiao.db'}")
    journal = open_journal(settings, SystemClock())
    await journal.open()
    await journal.close()

    others = "worker.flows.announce worker.flows.evidence contracts.commands contracts.events contracts.audits"
    assert _loaded(words, f"{CLIENTS} {others} rich attr pygments", tmp_path) == "[]"


def _loaded(words: list[str], modules: str, folder: Path) -> str:
    """Which of the modules are loaded when this command has ended well."""
    code = (
        "import sys\nfrom worker.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([m for m in '{modules}'.split() if m in sys.modules], file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(worker.__file__).parents[1])}

    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return done.stderr.strip()


def test_the_shell_can_complete_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and the words that an option takes."""
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

    script = run("--show-completion", "bash")

    assert script.exit_code == 0
    assert "complete" in script.stdout


@pytest.mark.parametrize("words", [["settings"], ["settings", "--json"], ["example"]], ids=" ".join)
def test_a_disk_that_is_full_is_one_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*_PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, check=False, timeout=240)

    assert (ended.returncode, ended.stderr) == (1, b"error: Cannot write: No space left on device.\n")


def test_files_get_nothing_of_what_is_printed_where_the_caller_closed_its_output(tmp_path: Path) -> None:
    """The first file that is opened would be number 1 or 2, and what is printed lands there."""
    program = (
        "import worker.cli, sys; worker.cli.hold_standard_files(); kept = open('kept', 'w'); "
        "print('said'); print('warned', file=sys.stderr); sys.exit(0 if kept.fileno() > 2 else kept.fileno())"
    )
    closed = f'exec {sys.executable} -c "$0" <&- >&- 2>&-'
    environment = os.environ | {"PYTHONPATH": str(Path(worker.__file__).parents[1])}

    ended = subprocess.run(["sh", "-c", closed, program], cwd=tmp_path, env=environment, check=False, timeout=240)

    assert (ended.returncode, (tmp_path / "kept").read_text()) == (0, "")


def test_a_flag_looks_like_one_that_takes_no_word(run: Run) -> None:
    assert "<bool>" not in "".join(line for line in run("list", "--help").stdout.splitlines() if "--json" in line)


def test_a_short_command_tells_of_a_setting_that_is_mistyped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would ask the wrong journal without a word."""
    monkeypatch.setenv("FAPIAO_DATABSE_URL", "postgresql://h/d")
    monkeypatch.setenv("FAPIAO_OF_ANOTHER_PROGRAM", "1")

    said = run("list").stderr.splitlines()

    assert said[0].startswith("warning: FAPIAO_DATABSE_URL (environment) is no setting, and is ignored; perhaps ")
    assert len(said) == 2


@pytest.mark.parametrize(("pid", "code"), [(1, 128 + signal.SIGTERM), (2, -signal.SIGTERM)])
def test_a_signal_ends_a_command_that_does_not_handle_it_yet_even_as_process_1(pid: int, code: int) -> None:
    """The kernel ignores one that process 1 does not handle; for another it does what it always does."""
    told = f"from worker.cli import end_when_told; end_when_told({pid}); import os, signal, time"
    program = f"{told}; os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=240)
    assert (ended.returncode, ended.stderr) == (code, b"")


_OTHER_LOCALES = ("ascii", "gbk", "latin-1:strict")


@pytest.mark.parametrize("characters", _OTHER_LOCALES)
def test_what_goes_to_a_file_is_utf_8_in_every_locale(characters: str, tmp_path: Path) -> None:
    """An old server speaks GBK, a bare container nothing but ASCII: one command's output is another one's input."""
    order = tmp_path / "order.json"
    with order.open("wb") as file:
        subprocess.run([*_PROGRAM, "example"], stdout=file, env=_speaking(characters), check=True)

    checked = subprocess.run(
        [*_PROGRAM, "check", str(order)], capture_output=True, check=False, env=_speaking(characters)
    )

    assert json.loads(order.read_text("utf-8"))["data"]["invoice"]
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize("characters", _OTHER_LOCALES)
def test_a_terminal_that_lacks_a_character_shows_an_escape(characters: str) -> None:
    """On a real terminal, which alone keeps its locale's characters."""
    main, terminal = pty.openpty()
    try:
        ended = subprocess.run(
            [*_PROGRAM, "--help"], stdout=terminal, stderr=terminal, check=False, env=_speaking(characters)
        )
    finally:
        os.close(terminal)
    shown = b"".join(iter(lambda: _read(main), b""))
    os.close(main)

    assert ended.returncode == 0, shown.decode(errors="replace")
    assert ("数电发票".encode("gbk") if characters == "gbk" else rb"\u6570") in shown


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed, and everything is read
        return b""


_PROGRAM = [sys.executable, "-c", "from worker.cli import main; main()"]


def _speaking(characters: str) -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": characters, "PYTHONUTF8": "0", "COLUMNS": "80"}
