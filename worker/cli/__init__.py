"""The command line: `fapiao-worker`. Nothing heavy is imported before a command asks for it."""

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


def main() -> None:
    """The console script."""
    app()
