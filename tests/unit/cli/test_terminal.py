"""How commands speak: settings, errors, exit codes, tables, QR."""

from pathlib import Path

import pytest
import segno
import typer

from worker.cli import terminal
from worker.cli.terminal import Stop, draw_qr, explained, load_settings, say_json, table
from worker.errors import (
    BrokerLost,
    ConfigurationError,
    JournalUnavailable,
    NotFound,
    NotResolvable,
    SchemaOutdated,
    StoreBusy,
    WorkerError,
)
from worker.ops.operations import AmbiguousCommand
from worker.ops.stored import BadRequest


def test_an_argument_that_is_no_text_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes of another encoding come as lone surrogates, which no database takes: that was called unexpected."""
    with pytest.raises(typer.Exit) as ended, explained():
        "\udcff".encode()

    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith("error: An argument holds bytes that are no text")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), 1),
        (NotResolvable("x"), 1),
        (JournalUnavailable("x"), 1),
        (BrokerLost("x"), 1),
        (ConfigurationError("x"), 2),
        (StoreBusy("x"), 2),
        (SchemaOutdated("x"), 2),
        (BadRequest("x"), 2),
        (AmbiguousCommand("x"), 2),
        (Stop("x"), 1),
        (Stop("x", 4), 4),
    ],
)
def test_every_error_is_one_sentence_and_an_exit_code(
    error: WorkerError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise error

    assert ended.value.exit_code == code
    assert capsys.readouterr() == ("", "error: x\n")


def test_an_error_that_nobody_expected_is_one_sentence_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback of a library would show what it was called with."""
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "postgresql://u:pass-word@h/d")
    load_settings()

    with pytest.raises(typer.Exit) as ended, explained():
        raise ValueError("invalid literal pass-word")

    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ValueError: invalid literal [redacted].")
    assert "Traceback" not in said


def test_an_interrupted_command_ends_with_130() -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise KeyboardInterrupt

    assert ended.value.exit_code == 130


def test_settings_at_fault_are_named_all_at_once_and_never_with_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "mysql://u:pass-word@h/")
    monkeypatch.setenv("FAPIAO_HTTP_PORT", "seventy")

    with pytest.raises(ConfigurationError) as stopped:
        load_settings()

    text = str(stopped.value)
    assert "FAPIAO_DATABASE_URL: must be sqlite:///" in text
    assert "FAPIAO_HTTP_PORT" in text
    assert "pass-word" not in text
    assert "seventy" not in text


def test_settings_are_read_from_a_secrets_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "secrets"
    monkeypatch.setenv("FAPIAO_SECRETS_DIR", str(directory))
    with pytest.raises(ConfigurationError, match="FAPIAO_SECRETS_DIR"):
        load_settings()

    directory.mkdir()
    (directory / "FAPIAO_PREFIX").write_text("mounted")
    assert load_settings().prefix == "mounted"


def test_a_chinese_character_takes_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(["buyer", "total"], [["示例", "1"], ["Buyer", "2"]])

    assert capsys.readouterr().out.splitlines() == ["buyer  total", "示例   1", "Buyer  2"]


def test_columns_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table(["a", "long header"], [["x" * 300, "1"], ["y", "2"]])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "x" * 300 + "  1"
    assert lines[2] == "y" + " " * 301 + "2"


def test_json_keeps_chinese_readable(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": "发票"}, line=True)

    assert capsys.readouterr().out == '{"name": "发票"}\n'


def test_a_qr_drawn_in_the_terminal_is_the_one_of_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    content = "http://127.0.0.1:8090/scan/abc"
    draw_qr(content)

    drawn = capsys.readouterr().out.splitlines()
    wanted = [list(row) for row in segno.make(content, error="l", micro=False).matrix_iter(border=2)]
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    read = [[halves[letter][half] for letter in line] for line in drawn for half in (0, 1)]
    assert read[: len(wanted)] == wanted


def test_nothing_is_styled_for_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("good news", style="good")

    assert capsys.readouterr().out == "good news\n"
