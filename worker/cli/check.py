"""`check`: what would become of an order, without a broker, a journal or a gateway."""

import json
from typing import Annotated, Any

import typer

from worker.cli import story
from worker.cli.send import read_file
from worker.cli.terminal import explained, load_settings, quiet_logs, say_json

REJECTED = 2


def check(
    file: Annotated[str, typer.Argument(help="A CloudEvents file, or a command's bare data; - reads stdin.")],
    type_: Annotated[str, typer.Option("--type", help="Command type, for bare data.")] = "invoice.issue",
    as_json: Annotated[bool, typer.Option("--json", help="Print what invoice.check would answer, as JSON.")] = False,
) -> None:
    """Judge an order as the worker would, with the settings that are here; nothing is published or sent.

    Shows every fault and warning at once, what would be sent, and the total read with and without tax.
    Exit code: 0 it would be accepted, 2 it would be rejected.
    """
    with explained():
        settings = load_settings()
        quiet_logs(settings)
        event = examined(read_file(file), type_, settings)
    if as_json:
        say_json(event["data"])
    else:
        story.tell(event)
    data = event["data"]
    raise typer.Exit(0 if data.get("accepted") else REJECTED)


def examined(body: bytes, command_type: str, settings: Any) -> dict[str, Any]:
    """The event that tells it. Raises `ConfigurationError` for settings that cannot be."""
    from worker.clock import SystemClock
    from worker.intake.admission import AdmissionRules, examine
    from worker.intake.reading import Incoming

    incoming = Incoming(
        body=body.removeprefix(b"\xef\xbb\xbf"),
        content_type=None,
        message_id="check",
        type=command_type,
        routing_key=command_type,
        app_id="cli",
        reply_to=None,
        correlation_id=None,
        user_id=None,
        headers={},
        received_at=SystemClock().now(),
    )
    told: dict[str, Any] = json.loads(examine(incoming, AdmissionRules.from_settings(settings, ())).body)
    return told
