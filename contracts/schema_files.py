"""The JSON Schemas (2020-12) of all messages, made from the models.

Commands are closed, events open: an event's reader must ignore what it does not know, codes it does not know
included. Every schema stands alone. Knows nothing of files or of AMQP.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from contracts import gateway, gateway_query
from contracts.commands import COMMANDS
from contracts.envelope import CommandEnvelope, EventEnvelope
from contracts.events import EVENTS, EventData, Rejected
from contracts.example_files import UNKNOWN_TYPE_REJECTED
from contracts.members import SAME_AS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
JSON_NUMBER_PATTERN: Final = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"

Schema = dict[str, Any]


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
    for command, model in COMMANDS.items():
        data = _standing_alone(model, "validation")
        found[f"{command}.data"] = _published(f"{command}.data", data)
        found[str(command)] = _published(str(command), _envelope(CommandEnvelope, str(command), data))
    for event, event_model in event_models().items():
        data = _standing_alone(event_model, "serialization")
        found[f"{event}.data"] = _published(f"{event}.data", data)
        found[event] = _published(event, _envelope(EventEnvelope, event, data))
    for frame, frame_model in FRAMES.items():
        found[frame] = _published(frame, _with_numbers(_standing_alone(frame_model, "validation")))
    return found


def components() -> dict[str, Schema]:
    """The same for AsyncAPI: one name space, each part once, references to `#/components/schemas`."""
    commands: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in COMMANDS.values()]
    events: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization") for model in dict.fromkeys(event_models().values())
    ]
    template = "#/components/schemas/{model}"
    _, generated = models_json_schema([*commands, *events], ref_template=template)
    parts = {name: _refined(part) for name, part in generated["$defs"].items()}
    data_names = {str(command): model.__name__ for command, model in COMMANDS.items()}
    data_names |= {event: model.__name__ for event, model in event_models().items()}
    for message_type, name in data_names.items():
        envelope = CommandEnvelope if message_type in COMMANDS else EventEnvelope
        data = {"$ref": template.format(model=name)}
        parts[component_name(message_type)] = _envelope(envelope, message_type, data)
    return dict(sorted(parts.items()))


def component_name(message_type: str) -> str:
    """`invoice.issue.qr_required` is `InvoiceIssueQrRequired` in AsyncAPI."""
    return "".join(word.capitalize() for word in message_type.replace("_", ".").split("."))


def _standing_alone(model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
    return _refined(model.model_json_schema(mode=mode))


def _published(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:fapiao-worker:{name}", **schema}


def _envelope(model: type[BaseModel], message_type: str, data: Schema) -> Schema:
    """The CloudEvent around the data; their definitions move to the top, where their references look."""
    envelope = _standing_alone(model, "validation")
    inner = {key: value for key, value in data.items() if key != "$defs"}
    properties = {**envelope["properties"], "type": {"const": message_type, "type": "string"}, "data": inner}
    whole = {**envelope, "title": component_name(message_type), "properties": properties}
    if "$defs" in data:
        whole["$defs"] = data["$defs"]
    return whole


def _refined(schema: Schema) -> Schema:
    """What the models know and their generated schema does not say."""
    for part in _parts(schema):
        properties = part.get("properties", {})
        for member in properties.values():
            # "Buyername" helps nobody.
            member.pop("title", None)
        for vendors, right in SAME_AS.items():
            if vendors in properties and part.get("additionalProperties") is False:
                _accept_both_spellings(part, vendors, right)
        if _is_decimal(part):
            _decimal(part)
        if part.get("title") in {"FailureCode", "RejectionCode"}:
            known = part.pop("enum")
            part.pop("type")
            part["anyOf"] = [{"enum": known}, {"type": "string"}]
            part["description"] = "Others may be added: treat an unknown one like its neighbours in the event's type."
    return schema


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


def _accept_both_spellings(part: Schema, vendors: str, right: str) -> None:
    properties = part["properties"]
    properties[right] = {**properties[vendors], "description": f"the right spelling of {vendors}; send one of the two"}
    either: Schema = {"not": {"required": [vendors, right]}}
    if vendors in part.get("required", ()):
        part["required"] = [name for name in part["required"] if name != vendors]
        either = {"oneOf": [{"required": [vendors]}, {"required": [right]}]}
    part.setdefault("allOf", []).append(either)


def _parts(value: Any) -> Iterator[Schema]:
    if isinstance(value, dict):
        for inner in list(value.values()):
            yield from _parts(inner)
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)
