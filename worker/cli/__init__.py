"""The command line: `fapiao-worker`. Every command by name, with the module that has it and what it says of itself in
the list.

Guarantees that only the command that is asked for is imported: a list of commands costs a tenth of what they import.
"""

import gc
import io
import os
import signal
import sys
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typing_extensions import override

_OBJECTS_OF_A_SHORT_COMMAND: Final = 20_000
"""So many objects are made before Python looks for garbage. With its own threshold that took a tenth of a short
command's time, and found nothing."""


class CommandEntry(NamedTuple):
    """Where a command is."""

    module: str
    name: str
    """What it is called in there: a function, or a group of commands."""
    says: str
    """The first sentence of its help. Groups have it from here; a function has it in its docstring too, and
    `tests/unit/cli/test_commands.py` compares the two."""


COMMANDS: Final = {
    "run": CommandEntry(
        "serve",
        "run",
        "Run the worker until SIGTERM; a second signal ends it at once. Everything is set by FAPIAO_* variables.",
    ),
    "dev": CommandEntry("dev.command", "dev", "Run broker, sandbox and worker beside your own program, until Ctrl-C."),
    "demo": CommandEntry(
        "demo",
        "demo",
        "Issue a sample invoice against the sandbox, through the broker of FAPIAO_AMQP_URL, find it by a query, fetch "
        "its PDF, and show every step.",
    ),
    "sandbox": CommandEntry(
        "sandbox",
        "sandbox",
        "Run a stand-in for the vendor's gateway, with a page at /. Nothing issued there is a tax invoice.",
    ),
    "example": CommandEntry(
        "contracts",
        "example",
        "Print a sample command as JSON, under a fresh id: `fapiao-worker example > order.json`.",
    ),
    "send": CommandEntry("send", "send", "Publish a command and show its events; the QR is drawn in the terminal."),
    "check": CommandEntry(
        "send",
        "check",
        "Judge an order as the worker would, with the settings that are here; nothing is published or sent.",
    ),
    "audit": CommandEntry(
        "audit", "audit", "Hold what the tax bureau lists against what the worker knows, and show what does not add up."
    ),
    "status": CommandEntry("records", "status", "Show a command and its events. Exit code 1 if there is none."),
    "list": CommandEntry("records", "list_", "List commands, newest first."),
    "resolve": CommandEntry(
        "records",
        "resolve",
        "Decide a command in doubt, after looking at the tax bureau. It ends with its final event; there is no way "
        "back.",
    ),
    "cancel": CommandEntry(
        "records",
        "cancel",
        "End a command that was not submitted, as failed with cancelled; its orderNo is free again.",
    ),
    "replay": CommandEntry(
        "records",
        "replay",
        "Publish all of a command's events again, under the same ids; consumers drop what they know.",
    ),
    "invoices": CommandEntry(
        "invoices",
        "invoices",
        "List stored invoices, newest first: those that queries brought and those whose number was found.",
    ),
    "files": CommandEntry(
        "invoices",
        "files",
        "Show where the files of stored invoices are. Exit code 1 if one of the invoices is not stored.",
    ),
    "prune": CommandEntry(
        "records",
        "prune",
        "Forget ended commands and stored invoices by age, in small steps, beside a running worker if there is one.",
    ),
    "settings": CommandEntry(
        "settings",
        "settings",
        "List every setting: FAPIAO_* variables, also from .env and from files in FAPIAO_SECRETS_DIR.",
    ),
    "doctor": CommandEntry(
        "doctor.command",
        "doctor",
        "Check broker, queues, permissions, database, gateway, clock, credentials and vault. Exit code 1 if one fails.",
    ),
    "vault": CommandEntry("vault", "app", "Files of invoices that are kept for good."),
    "dead": CommandEntry("stuck", "dead", "Messages that were no command, or that the broker itself dead-lettered."),
    "replies": CommandEntry("stuck", "replies", "Answers whose reply queue is missing."),
    "accounts": CommandEntry("stuck", "accounts", "Accounts whose logins were refused."),
    "db": CommandEntry("serve", "database", "The journal's database."),
    "contracts": CommandEntry("contracts", "app", "The messages, as files for any language."),
}


class CommandList(TyperGroup):
    """All commands; each is imported when it is called."""

    def __init__(self, **attributes: Any) -> None:
        listed = {name: TyperCommand(name, help=entry.says) for name, entry in COMMANDS.items()}
        super().__init__(**attributes | {"commands": listed})
        self._loaded: set[str] = set()

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in COMMANDS and name not in self._loaded:
            self.commands[name] = load(name)
            self._loaded.add(name)
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """Import a command, as a part of a command line of its own."""
    entry = COMMANDS[name]
    found = getattr(import_module(f"worker.cli.{entry.module}"), entry.name)
    whole = typer.Typer(callback=lambda: None)
    if isinstance(found, typer.Typer):
        whole.add_typer(found, name=name, help=entry.says)
    else:
        whole.command(name)(found)
    command = typer.main.get_group(whole).commands[name]
    for each in (command, *getattr(command, "commands", {}).values()):
        each.help = _in_whole_lines(each.help)
        for option in each.params:
            if getattr(option, "is_flag", False):
                option.metavar = ""  # or the help has `--json <bool>`, as if a word had to follow
    return command


def _in_whole_lines(text: str | None) -> str | None:
    """A terminal breaks a paragraph where its lines end, not where the source's do."""
    return text and "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


app = typer.Typer(
    name="fapiao-worker",
    cls=CommandList,
    help="Issues Chinese e-invoices (数电发票) from RabbitMQ commands: never lost, never twice, never guessed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from worker.cli.terminal import say
        from worker.ops.version import product_version

        say(product_version())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def end_when_told(pid: int) -> None:
    """From the beginning, until a command handles the signal itself: the kernel ignores what process 1 of a container
    does not handle, so a pod that is taken away at once would start, take work, and be killed in the middle."""
    if pid == 1:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def hold_standard_files() -> None:
    """Open the standard files that the caller has closed, on `/dev/null`. Otherwise the next file to be opened, a
    database say, would get number 1, and what is printed would be written into it."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def write_any_text() -> None:
    """Whatever the locale's characters are: files and pipes get UTF-8, as JSON must be, so that what one command writes
    the next can read; a terminal gets its own, with what it lacks as an escape instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def main() -> None:
    """The console script."""
    end_when_told(os.getpid())
    hold_standard_files()
    write_any_text()
    gc.set_threshold(_OBJECTS_OF_A_SHORT_COMMAND)
    try:
        app()
    except Exception as error:
        from worker.cli.terminal import explain

        sys.exit(explain(error))
    finally:
        gc.freeze()  # nothing is looked for at the end either: it goes with the process
