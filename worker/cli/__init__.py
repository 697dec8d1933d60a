"""The command line: `fapiao-worker`. Nothing heavy is imported before a command asks for it."""

import io
import os
import signal
import sys
from typing import Annotated

import typer

from worker.cli.catalogue import CommandList

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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def end_when_told(pid: int) -> None:
    """From the beginning, until a command handles the signal itself: the kernel ignores what process 1 of a container
    does not handle, so a pod that is taken away at once would start, take work, and be killed in the middle."""
    if pid == 1:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def write_any_text() -> None:
    """Whatever the locale's characters are: files and pipes get UTF-8, as JSON must be, so that what one command writes
    the next can read; a terminal gets its own, with what it lacks as an escape instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def main() -> None:
    """The console script."""
    end_when_told(os.getpid())
    write_any_text()
    app()
