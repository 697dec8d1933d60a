"""The JSON Schemas (2020-12) of all messages, made from the models.

Commands are closed, events open: an event's reader must ignore what it does not know, codes it does not know
included. Every schema stands alone. Knows nothing of files or of AMQP.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from contracts import example_files, gateway, gateway_query
from contracts.commands import COMMANDS
from contracts.envelope import CommandEnvelope, EventEnvelope
from contracts.events import EVENTS, EventData, Rejected
from contracts.example_files import UNKNOWN_TYPE_REJECTED
from contracts.meanings import Meaning, meaning_of
from contracts.members import NO_CONTROLS, NO_CONTROLS_BUT_LINE_FEED, SAME_AS
from contracts.tidying import UNTOUCHED

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
JSON_NUMBER_PATTERN: Final = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"

_DAY_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

Schema = dict[str, Any]

_TIDIED_PATTERNS: Final = {
    NO_CONTROLS: NO_CONTROLS.replace(r"\u0000-\u001f", r"\u0000-\u0008\u000a-\u001f"),
    NO_CONTROLS_BUT_LINE_FEED: NO_CONTROLS_BUT_LINE_FEED.replace(
        r"\u0000-\u0009\u000b-\u001f", r"\u0000-\u0008\u000b\u000c\u000e-\u001f"
    ),
}
"""A pattern that a text must match once it is tidied, to the one that what may be sent must match: tabs go, and in
texts of several lines carriage returns."""


class ItemsAnswer(gateway_query.HttpAnswer):
    """What `GET /web/invoice/item/{invoiceBasicInfoId}` answers (manual: 查询发票商品项信息)."""

    data: list[gateway_query.InvoiceItemEntity]


class FilesAnswer(gateway_query.HttpAnswer):
    """What `GET /web/invoice/file` answers (manual: 查询发票文件)."""

    data: list[gateway_query.InvoiceFileEntity]


FRAMES: Final[dict[str, type[BaseModel]]] = {
    "gateway.login": gateway.LoginRequest,
    "gateway.invoice_info": gateway.InvoiceInfoRequest,
    "gateway.reply": gateway.Reply,
    "gateway.invoice_pdf": gateway.InvoicePdf,
    "gateway.query_invoice": gateway_query.QueryInvoiceRequest,
    "gateway.query_invoice_download_zip": gateway_query.DownloadZipRequest,
    "gateway.invoice_page": gateway_query.InvoicePage,
    "gateway.invoice_items": ItemsAnswer,
    "gateway.invoice_files": FilesAnswer,
}
"""The vendor's frames. `invoice_pdf` and `invoice_page` are the data of a reply that tells of invoices."""


def event_models() -> dict[str, type[EventData]]:
    """Event type to the model of its data, for every event this version publishes."""
    models: dict[str, type[EventData]] = {
        f"{command}.{outcome}": model for command in COMMANDS for outcome, model in EVENTS[command].items()
    }
    return {**models, UNKNOWN_TYPE_REJECTED: Rejected}


def schemas() -> dict[str, Schema]:
    """Name to schema: `<type>` for the CloudEvent, `<type>.data` for its data, `gateway.<frame>` for the vendor's."""
    found: dict[str, Schema] = {}
    commands, events = example_files.commands(), example_files.events()
    for command, model in COMMANDS.items():
        data = _standing_alone(model, "validation")
        found[f"{command}.data"] = _published(f"{command}.data", data)
        found[str(command)] = _message(CommandEnvelope, str(command), data, commands[str(command)])
    for event, event_model in event_models().items():
        data = _standing_alone(event_model, "serialization")
        found[f"{event}.data"] = _published(f"{event}.data", data)
        found[event] = _message(EventEnvelope, event, data, events[event])
    for frame, frame_model in FRAMES.items():
        found[frame] = _published(frame, _with_numbers(_standing_alone(frame_model, "validation")))
    return found


def bundle() -> Schema:
    """All commands and events in one file, each part once, under `$defs`: for generators of code, which would make five
    classes of a part that stands in five files. Rules that span several members are left to the single files, for
    generators take them for further types."""
    parts = parts_by_name("#/$defs/{model}")
    for part in _parts(parts):
        if "properties" in part:
            for rule in ("allOf", "anyOf", "oneOf"):
                part.pop(rule, None)
        _simplify(part)
    return _published(
        "bundle",
        {
            "title": "FapiaoWorker",
            "description": "Every command and event of Fapiao Worker as a definition of its own: the messages as "
            "CloudEvents (InvoiceIssue, InvoiceIssueCompleted, …) and their data (IssueInvoice, Completed, …).",
            "$defs": parts,
        },
    )


def _simplify(part: Schema) -> None:
    """Where generators would make a type that nobody can use of it: a password that is written back as asterisks, a day
    that needs a library, a type for the one value ""."""
    for member in part.get("properties", {}).values():
        # Generators would call types after it.
        member.pop("title", None)
    if part.get("format") == "password":
        del part["format"]
    if part.get("format") == "date":
        del part["format"]
        part["pattern"] = _DAY_PATTERN
    if "anyOf" in part:
        part["anyOf"] = [choice for choice in part["anyOf"] if choice.keys() != {"enum"}] or part["anyOf"]
        if _is_decimal(part):
            part["anyOf"][1]["pattern"] = f"^$|{JSON_NUMBER_PATTERN}"


def components() -> dict[str, Schema]:
    """The same for AsyncAPI: references to `#/components/schemas`."""
    return parts_by_name("#/components/schemas/{model}")


def parts_by_name(template: str) -> dict[str, Schema]:
    """All commands and events and what they are made of, each part once; `template` says how one is referred to."""
    commands: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in COMMANDS.values()]
    events: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization") for model in dict.fromkeys(event_models().values())
    ]
    _, generated = models_json_schema([*commands, *events], ref_template=template)
    parts = {name: _refined(part) for name, part in generated["$defs"].items()}
    data_names = {str(command): model.__name__ for command, model in COMMANDS.items()}
    data_names |= {event: model.__name__ for event, model in event_models().items()}
    for message_type, name in data_names.items():
        envelope = CommandEnvelope if message_type in COMMANDS else EventEnvelope
        data = {"$ref": template.format(model=name), "description": "What the message says. 消息内容。"}
        parts[component_name(message_type)] = _envelope(envelope, message_type, data)
    return dict(sorted(parts.items()))


def component_name(message_type: str) -> str:
    """`invoice.issue.qr_required` is `InvoiceIssueQrRequired` in AsyncAPI."""
    return "".join(word.capitalize() for word in message_type.replace("_", ".").split("."))


def _standing_alone(model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
    made: Schema = json.loads(_made_once(model, mode))
    return made


@cache
def _made_once(model: type[BaseModel], mode: JsonSchemaMode) -> str:
    """As text, for whoever asks goes on changing it: the envelopes stand around every message, and many share data."""
    return json.dumps(_refined(model.model_json_schema(mode=mode)))


def _published(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:fapiao-worker:{name}", **schema}


def _message(model: type[BaseModel], message_type: str, data: Schema, example: Schema) -> Schema:
    """A whole message, with its example."""
    whole = _envelope(model, message_type, data)
    whole["properties"]["data"]["examples"] = [example["data"]]
    return _published(message_type, {**whole, "examples": [example]})


def _envelope(model: type[BaseModel], message_type: str, data: Schema) -> Schema:
    """The CloudEvent around the data; their definitions move to the top, where their references look."""
    envelope = _standing_alone(model, "validation")
    inner = {key: value for key, value in data.items() if key != "$defs"}
    told = envelope["properties"]
    fixed = {"const": message_type, "type": "string", "examples": [message_type]}
    words = {key: told["type"][key] for key in ("title", "description")}
    properties = {**told, "type": {**fixed, **words}, "data": inner}
    whole = {**envelope, "title": component_name(message_type), "properties": properties}
    if "$defs" in data:
        whole["$defs"] = data["$defs"]
    return whole


def _refined(schema: Schema) -> Schema:
    """What the models know and their generated schema does not say."""
    for part in _parts(schema):
        properties = part.get("properties", {})
        for name, member in properties.items():
            # "Buyername" helps nobody.
            member.pop("title", None)
            _tell(member, meaning_of(str(part.get("title")), name))
        if _is_decimal(part):
            _decimal(part)
        if part.get("additionalProperties") is False and properties:
            _accept_what_is_tidied(part)
        if part.get("title") in {"FailureCode", "RejectionCode"}:
            known = part.pop("enum")
            part.pop("type")
            part["anyOf"] = [{"enum": known}, {"type": "string"}]
            part["description"] = "Others may be added: treat an unknown one like its neighbours in the event's type."
    return schema


def _tell(member: Schema, meaning: Meaning | None) -> None:
    if meaning is not None:
        member["title"] = meaning.title
        member["description"] = meaning.description
        member["examples"] = [json.loads(meaning.example)]


def _is_decimal(part: Schema) -> bool:
    """Whether it is a number or text, or perhaps something else."""
    return [choice.get("type") for choice in part.get("anyOf", ())][:2] == ["number", "string"]


def _decimal(part: Schema) -> None:
    """Number or text; a bound that the generator leaves beside the choice belongs to the number."""
    number, text, *_ = part["anyOf"]
    if "gt" in part:
        number["exclusiveMinimum"] = part.pop("gt")
    text["pattern"] = JSON_NUMBER_PATTERN


def _with_numbers(schema: Schema) -> Schema:
    """The vendor has numbers only."""
    for part in _parts(schema):
        if _is_decimal(part):
            is_optional = {"type": "null"} in part.pop("anyOf")
            part["type"] = ["number", "null"] if is_optional else "number"
    return schema


def _accept_what_is_tidied(part: Schema) -> None:
    """What a command may hold because `contracts.tidying` makes it good: tabs, null and "" for what may be absent, and
    both spellings of a name."""
    properties = part["properties"]
    required = part.get("required", [])
    for name, member in properties.items():
        if name not in UNTOUCHED:
            _accept_blanks(member)
        if name not in required:
            _accept_nothing(member)
    for vendors, right in SAME_AS.items():
        if vendors in properties:
            _accept_both_spellings(part, vendors, right)


def _accept_blanks(member: Schema) -> None:
    for choice in (member, *member.get("anyOf", ())):
        if choice.get("pattern") in _TIDIED_PATTERNS:
            choice["pattern"] = _TIDIED_PATTERNS[choice["pattern"]]


def _accept_nothing(member: Schema) -> None:
    """Null, and for a text the empty one."""
    choices = member.get("anyOf", [member])
    for choice in choices:
        if choice.get("type") == "string" and choice.get("format") in {None, "password"} and "enum" not in choice:
            choice.pop("minLength", None)
            pattern = choice.get("pattern", "^$")
            if re.search(pattern, "") is None:
                choice["pattern"] = f"^$|{pattern}"
    if {"type": "null"} in choices:
        return
    if "anyOf" in member:
        choices.append({"type": "null"})
    elif "$ref" in member:
        member["anyOf"] = [{"$ref": member.pop("$ref")}, {"type": "null"}]
    else:
        member["type"] = [member["type"], "null"]
        if "enum" in member:
            member["enum"] = [*member["enum"], None]


def _accept_both_spellings(part: Schema, vendors: str, right: str) -> None:
    """Programs that were generated from the schema write both; which values are the same, a schema cannot say."""
    properties = part["properties"]
    properties[right] = deepcopy(properties[vendors])
    _tell(properties[right], meaning_of("", right))
    if vendors in part.get("required", ()):
        part["required"] = [name for name in part["required"] if name != vendors]
        given = {"type": "string", "minLength": 1}
        part.setdefault("allOf", []).append(
            {"anyOf": [{"required": [name], "properties": {name: given}} for name in (vendors, right)]}
        )
        for name in (vendors, right):
            _accept_nothing(properties[name])


def _parts(value: Any) -> Iterator[Schema]:
    if isinstance(value, dict):
        for inner in list(value.values()):
            yield from _parts(inner)
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)
