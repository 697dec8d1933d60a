"""`contracts export`: schemas, AsyncAPI document and examples, made from the models this version runs with."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.terminal import FAILED, USAGE, Stop, explained, note, say

app = typer.Typer(no_args_is_help=True, help="The messages, as files for any language.")


@app.callback()
def _root() -> None:
    """Keeps `export` a word of its own while it is the only one."""


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where they go.")] = Path("contracts"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if a file would change.")] = False,
) -> None:
    """Write asyncapi.yaml, schemas/ and examples/, byte for byte the same for the same version."""
    from contracts.export import export as write

    with explained():
        try:
            changed = write(directory, check=check)
        except OSError as error:
            raise Stop(f"Cannot write to {directory}: {error.strerror}.", USAGE) from None
    for path in changed:
        say(str(path))
    if check and changed:
        note(f"{len(changed)} files differ from the models: run `fapiao-worker contracts export {directory}`.")
        raise typer.Exit(FAILED)
    if not changed:
        say(f"Everything in {directory} is up to date.")
