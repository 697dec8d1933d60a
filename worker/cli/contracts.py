"""`contracts`: schemas, AsyncAPI document and examples, made from the models this version runs with, and whether an
older contract's callers can go on. `example`: a published sample of a command, ready to be sent.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from contracts.kinds import CommandType
from worker.cli.terminal import FAILED, USAGE, Stop, explained, note, say, say_json

app = typer.Typer(no_args_is_help=True)


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


@app.command()
def compare(
    old: Annotated[
        Path, typer.Argument(metavar="[OLD]", help="A file that `freeze` wrote, or a folder with an older schemas/.")
    ] = Path("contracts/released.json"),
) -> None:
    """Tell what changed since an older contract; exit code 1 if it breaks a program written for that one."""
    from contracts.compatibility import compare as changes_between
    from contracts.export import messages, read

    with explained():
        try:
            changes = changes_between(read(old), messages())
        except FileNotFoundError:
            raise Stop(f"There is no {old}: name a released.json, or a folder with an older schemas/.", USAGE) from None
        except (OSError, ValueError) as error:
            raise Stop(f"Cannot read a contract from {old}: {error}.", USAGE) from None
    for change in changes:
        sign = "breaks" if change.is_breaking else "adds"
        say(f"{sign:7} {' '.join(filter(None, (change.message, change.place)))}: {change.what}")
    broken = sum(change.is_breaking for change in changes)
    if broken:
        note(f"{broken} of {len(changes)} changes break callers: a contract only grows.")
        raise typer.Exit(FAILED)
    say(f"{len(changes)} changes, and none breaks a caller.")


@app.command()
def freeze(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where it goes.")] = Path("contracts/released.json"),
) -> None:
    """Write this version's messages into one file: at a release, for later versions to be compared with."""
    from contracts.export import freeze as write

    with explained():
        try:
            write(file)
        except OSError as error:
            raise Stop(f"Cannot write {file}: {error.strerror}.", USAGE) from None
    say(str(file))


def example(
    type_: Annotated[CommandType, typer.Argument(metavar="[TYPE]", help="Of which command.")] = CommandType.ISSUE,
    data: Annotated[bool, typer.Option("--data", help="Its data alone, as your own program would write them.")] = False,
) -> None:
    """Print a sample command as JSON, under a fresh id: `fapiao-worker example > order.json`."""
    with explained():
        command = fresh_example(type_, "example")
        say_json(command["data"] if data else command)


def fresh_example(type_: str, name: str) -> dict[str, Any]:
    """The sample of `contracts/examples` under an id (and order number) of its own, so that it issues an invoice each
    time; a query asks for yesterday and today in Beijing."""
    from importlib.resources import files

    from contracts.envelope import loads

    command: dict[str, Any] = loads((files("contracts") / "examples" / f"{type_}.json").read_bytes())
    command["id"] = f"{name}-{uuid4().hex[:8]}"
    if type_ == CommandType.ISSUE:
        command["data"]["orderNo"] = command["id"]
    if type_ == CommandType.QUERY:
        command["data"]["condition"] |= _yesterday_and_today()
    return command


def _yesterday_and_today() -> dict[str, str]:
    from worker.clock import SystemClock
    from worker.records import BEIJING

    today = SystemClock().now().astimezone(BEIJING).date()
    return {"startInvoiceDate": (today - timedelta(days=1)).isoformat(), "endInvoiceDate": today.isoformat()}
