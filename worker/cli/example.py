"""`example`: a published sample of a command, ready to be sent."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import typer

from contracts.commands import CommandType
from contracts.envelope import loads
from worker.cli.terminal import explained, say_json


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
