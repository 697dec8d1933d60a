"""The command line: `fapiao-worker`. Nothing heavy is imported before a command asks for it."""

from typing import Annotated

import typer

from worker.cli import (
    accounts,
    audit,
    check,
    contracts,
    dead,
    demo,
    example,
    invoices,
    prune,
    records,
    replies,
    sandbox,
    send,
    serve,
    settings,
    vault,
)
from worker.cli.dev import command as dev_command
from worker.cli.doctor import command as doctor
from worker.cli.terminal import say

app = typer.Typer(
    name="fapiao-worker",
    help="Issues Chinese e-invoices (数电发票) from RabbitMQ commands: never lost, never twice, never guessed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from worker.ops.metrics import product_version

        say(product_version())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command()(serve.run)
app.command()(dev_command.dev)
app.command()(demo.demo)
app.command()(sandbox.sandbox)
app.command()(example.example)
app.command()(send.send)
app.command()(check.check)
app.command()(audit.audit)
app.command()(records.status)
app.command("list")(records.list_)
app.command()(records.resolve)
app.command()(records.cancel)
app.command()(records.replay)
app.command()(invoices.invoices)
app.command()(invoices.files)
app.command()(prune.prune)
app.add_typer(vault.app, name="vault")
app.add_typer(dead.app, name="dead")
app.add_typer(replies.app, name="replies")
app.add_typer(accounts.app, name="accounts")
app.add_typer(serve.database, name="db")
app.add_typer(contracts.app, name="contracts")
app.command()(settings.settings)
app.command()(doctor.doctor)


def main() -> None:
    """The console script."""
    app()
