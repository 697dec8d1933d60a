"""The command line as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest

import worker

from .conftest import Run

COMMANDS = [
    ["run"], ["dev"], ["demo"], ["sandbox"], ["example"], ["send"], ["status"], ["list"], ["resolve"], ["cancel"],
    ["replay"], ["invoices"], ["files"], ["prune"], ["dead", "list"], ["dead", "replay"], ["replies", "list"],
    ["replies", "resend"], ["replies", "discard"], ["db", "upgrade"], ["accounts", "list"],
    ["accounts", "resume"], ["contracts", "export"], ["settings"], ["doctor"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_a_word_that_is_no_command_is_exit_code_2(run: Run) -> None:
    assert run("frobnicate").exit_code == 2
    assert run("send").exit_code == 2


def test_the_version_is_told(run: Run) -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.strip()


def test_asking_for_help_loads_no_client_library() -> None:
    """Whoever only looks at the help does not wait for the broker's, the database's and the PDF's libraries."""
    heavy = "aio_pika, aiormq, asyncpg, websockets, reportlab, zxingcpp, segno, cryptography, prometheus_client"
    code = f"import sys, worker.cli; print([m for m in '{heavy}'.split(', ') if m in sys.modules])"

    root = Path(worker.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


def test_the_shell_can_complete_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and the words that an option takes."""
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

    script = run("--show-completion", "bash")

    assert script.exit_code == 0
    assert "complete" in script.stdout
