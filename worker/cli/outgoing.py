"""An order's file made a command that can be published: a CloudEvent, or a command's bare data."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from contracts.envelope import CLOUDEVENTS_JSON, PLAIN_JSON, dumps, loads
from worker.cli.terminal import USAGE, Stop

DEFAULT_SOURCE = "cli"


@dataclass(frozen=True, slots=True)
class OutgoingCommand:
    """A command ready to be published."""

    id: str
    source: str
    type: str
    body: bytes
    content_type: str
    is_id_minted: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether id, type and source travel as AMQP properties."""
        return self.content_type == PLAIN_JSON


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for beside the file; each replaces what the file says."""

    id: str | None = None
    source: str | None = None
    type: str | None = None
    new_id: bool = False


def read_command(body: bytes, wishes: Wishes | None = None) -> OutgoingCommand:
    """The order in a CloudEvents file or a file of bare data. Raises `Stop` with what to change."""
    wishes = wishes or Wishes()
    if wishes.id and wishes.new_id:
        raise Stop("Give either --id or --new-id.", USAGE)
    try:
        document = loads(body.removeprefix(b"\xef\xbb\xbf"))
    except UnicodeDecodeError:
        raise Stop("The file is not UTF-8, as JSON must be: save it anew in that encoding.", USAGE) from None
    except ValueError as error:
        raise Stop(f"The file is not JSON: {error}.", USAGE) from None
    if not isinstance(document, dict):
        raise Stop("The file must hold one JSON object: a CloudEvent, or a command's bare data.", USAGE)
    return _cloud_event(document, body, wishes) if "specversion" in document else _bare(body, wishes)


def _cloud_event(document: dict[str, Any], body: bytes, wishes: Wishes) -> OutgoingCommand:
    asked = {"id": wishes.id, "source": wishes.source, "type": wishes.type}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value and document.get(name) != value}
    is_minted = wishes.new_id or not (wishes.id or document.get("id"))
    if is_minted:
        changes["id"] = str(uuid4())
    if not (wishes.source or document.get("source")):
        changes["source"] = DEFAULT_SOURCE
    told = {**document, **changes}
    if not isinstance(told.get("type"), str) or not told["type"]:
        raise Stop("The CloudEvent has no type: add one, or say --type invoice.issue.", USAGE)
    return OutgoingCommand(
        id=str(told["id"]),
        source=str(told["source"]),
        type=told["type"],
        body=dumps(told) if changes else body,
        content_type=CLOUDEVENTS_JSON,
        is_id_minted=is_minted,
    )


def _bare(body: bytes, wishes: Wishes) -> OutgoingCommand:
    if not wishes.type:
        raise Stop("The file holds bare data (no specversion): say what it is, --type invoice.issue.", USAGE)
    return OutgoingCommand(
        id=wishes.id or str(uuid4()),
        source=wishes.source or DEFAULT_SOURCE,
        type=wishes.type,
        body=body,
        content_type=PLAIN_JSON,
        is_id_minted=not wishes.id,
    )
