"""How commands speak: people get text on stdout, machines JSON lines, and every error one clear sentence on stderr.

Guarantees: with `--json` nothing but JSON reaches stdout; colour and pictures only on a terminal; an error of the
worker never shows a traceback, and ends with the exit code that `explain` lists. Where a text has both, it is Chinese
where the terminal's locale is, else English. Knows nothing of what is said.
"""

import errno
import json
import os
import sys
import traceback
import unicodedata
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from worker.errors import ConfigurationError, WorkerError

if TYPE_CHECKING:
    from worker.ops.redaction import Redactor
    from worker.settings import Settings

T = TypeVar("T")

_redactor: "Redactor | None" = None

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


class Stop(WorkerError):
    """End the command with this sentence and exit code."""

    def __init__(self, message: str, code: int = FAILED, *, says_what_to_do: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.says_what_to_do = says_what_to_do
        """The sentence names what a person should look at."""


def say(text: str = "", *, style: str | None = None) -> None:
    """A line for people, on stdout; styled on a terminal. What strangers wrote into it cannot move the cursor."""
    from worker.ops.redaction import visible

    text = visible(text)
    if style and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = typer.style(text, **_STYLES[style])
    print(text, flush=True)


def note(text: str) -> None:
    """A line about the command itself, on stderr."""
    with suppress(OSError):  # nobody reads it
        print(text, file=sys.stderr, flush=True)


def say_json(value: Any, *, line: bool = False) -> None:
    """A value for machines, on stdout: indented, or on one line."""
    from contracts.envelope import dumps

    plain = json.loads(dumps(value))
    print(json.dumps(plain, ensure_ascii=False, indent=None if line else 2), flush=True)


def table(headers: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as they must be: nothing is cut, so that lines can be copied and grepped."""
    widths = [max(map(_columns, column)) for column in zip(headers, *rows, strict=True)]
    for number, row in enumerate([headers, *rows]):
        line = "  ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True))
        say(line.rstrip(), style="strong" if number == 0 else None)


def show_rows(
    found: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool, nothing: str, rows: Any = None
) -> None:
    """Show what was found as JSON, or as a table. `columns` are the members that it shows, each with its head; `rows`
    are the table's lines where they word it otherwise than the JSON; `nothing` is said where nothing was found."""
    if as_json:
        say_json(found)
    elif not found:
        say(nothing)
    else:
        told = [[row[member] for member in columns] for row in rows or found]
        table([*columns.values()], [["-" if cell in {None, ""} else str(cell) for cell in line] for line in told])


def _columns(text: str) -> int:
    """How wide it is on a terminal: a Chinese character takes two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def draw_qr(content: str) -> None:
    """A QR in half blocks, white on black whatever the terminal's colours are. Without the extra `sandbox`, none."""
    import io

    try:
        import segno
    except ImportError:
        return

    drawing = io.StringIO()
    segno.make(content, error="l", micro=False).terminal(drawing, compact=True, border=2)
    for line in drawing.getvalue().splitlines():
        print(f"\x1b[97;40m{line}\x1b[0m" if sys.stdout.isatty() else line, flush=True)


def is_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Whether a person sits there to answer."""
    return sys.stdin.isatty()


def load_settings(*, beside_dev: bool = True) -> "Settings":
    """The settings, checked. Raises `ConfigurationError` that names each variable at fault, never its value.

    Where a `fapiao-worker dev` runs in this folder, and nothing else is asked for, they point at that one.
    """
    _load_the_log_library()
    from worker import configuration
    from worker.ops.redaction import Redactor, known_secrets

    settings = configuration.load()
    global _redactor  # noqa: PLW0603  what this process must never show
    _redactor = Redactor(known_secrets(settings))
    if not beside_dev:
        return settings
    from worker.cli.dev.home import beside

    found = beside(settings)
    return settings.model_copy(update=found) if found else settings


def _load_the_log_library() -> None:
    """Import structlog, before any other module does, without `rich`. Where rich is installed structlog imports it to
    draw tracebacks, which are never drawn here; that took a seventh of a short command's time."""
    if not sys.modules.keys() & {"structlog", "rich"}:
        sys.modules["rich"] = None  # type: ignore[assignment]  # as where it is not installed
        try:
            import structlog  # noqa: F401
        finally:
            del sys.modules["rich"]


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors into a sentence and an exit code; a traceback is shown only at FAPIAO_LOG_LEVEL=debug."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except (Exception, KeyboardInterrupt) as error:
        raise typer.Exit(explain(error)) from None


def explain(error: BaseException) -> int:
    """Say in one sentence what ended a command; its exit code."""
    if isinstance(error, WorkerError):
        _say_error(str(error))
        return exit_code(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more at its end
        if not isinstance(error, BrokenPipeError):  # `… | head`: whoever read it has seen enough
            _say_error(f"Cannot write: {error.strerror}.")
        return FAILED
    if isinstance(error, UnicodeEncodeError) and any("\ud800" <= letter <= "\udfff" for letter in error.object):
        _say_error("An argument holds bytes that are no text in this terminal's encoding: type it anew, in UTF-8.")
        return USAGE
    if os.environ.get("FAPIAO_LOG_LEVEL", "").lower() == "debug":
        _say_error("".join(traceback.format_exception(error)))
    _say_error(f"{type(error).__name__}: {error}. This is unexpected; FAPIAO_LOG_LEVEL=debug shows where it was.")
    return FAILED


_UNWRITABLE: Final = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How the system says that what is printed goes nowhere."""


def _say_error(text: str) -> None:
    from worker.ops.redaction import Redactor

    # A driver's own words may repeat an address; digits stay, for they may be a command's id.
    said = (_redactor or Redactor()).text(text, keep_digits=True)
    note(f"{typer.style('error:', fg='red') if sys.stderr.isatty() else 'error:'} {said}")


def exit_code(error: WorkerError) -> int:
    """2 for what the caller has to change, 1 for the rest."""
    from worker.ops.operations import AmbiguousCommand
    from worker.ops.stored import BadRequest

    if isinstance(error, Stop):
        return error.code
    return USAGE if isinstance(error, ConfigurationError | AmbiguousCommand | BadRequest) else FAILED


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one asynchronous command to its end."""
    import asyncio

    with explained():
        return asyncio.run(work)


def quiet_settings(*, beside_dev: bool = True) -> "Settings":
    """As `load_settings`, for a short command: it logs errors only, on stderr, through the same redaction as the
    worker, but for another level that is set. What looks like a mistyped setting is told, as `run` does at its start:
    it would ask the wrong broker or database."""
    settings = load_settings(beside_dev=beside_dev)
    from worker import configuration
    from worker.ops import logs

    for unknown in configuration.unknown_names():
        if unknown.nearest:
            note(f"warning: {unknown}.")
    logs.configure(settings, level="error" if settings.log_level == "info" else settings.log_level)
    return settings


_STYLES: Final[dict[str, dict[str, Any]]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def said(english: str, chinese: str) -> str:
    """Whichever of the two the terminal speaks."""
    return chinese if is_chinese() else english


def is_chinese() -> bool:
    """Whether the first of LC_ALL, LC_MESSAGES and LANG that is set names Chinese."""
    named = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return named.lower().startswith("zh")
