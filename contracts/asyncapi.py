"""The AsyncAPI 3 document, from the worker's side: it receives commands and sends events.

Names are those of the default prefix and source. Knows nothing of files; `yaml` writes the little of YAML that such
a document needs, so that nobody has to install a library for it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts import example_files
from contracts.commands import COMMANDS, CommandType
from contracts.envelope import CLOUDEVENTS_JSON, PLAIN_JSON
from contracts.events import EVENTS
from contracts.schema_files import component_name, components, event_models

CONTRACT_VERSION: Final = "1.2.0"
"""Grows in the middle when something is added. Nothing is ever taken away, so the first number stays."""

Document = dict[str, Any]

_BINDINGS: Final = "0.3.0"
_QUERIES: Final = tuple(command for command in CommandType if command is not CommandType.ISSUE)
_PLAIN_WORDS: Final = re.compile(r"[A-Za-z_/$#][A-Za-z0-9_/$#.@+-]*")
_YAML_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}
_DEAD_LETTERING: Final = {
    "x-dead-letter-exchange": "fapiao.dead",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}


def document() -> Document:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fapiao Worker",
            "version": CONTRACT_VERSION,
            "description": "Publish a command, get events back: Chinese e-invoices (数电发票) over RabbitMQ.\n"
            "Events are open: ignore members and codes that you do not know. See README.md beside this file.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CLOUDEVENTS_JSON,
        "servers": {
            "broker": {
                "host": "127.0.0.1:5672",
                "pathname": "/",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "The RabbitMQ that FAPIAO_AMQP_URL names.",
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": components()},
    }


def yaml(value: Any) -> str:
    """Block-style YAML of objects, lists, texts, numbers and booleans, in the order given."""
    return "\n".join(_lines(value)) + "\n"


def _channels() -> Document:
    return {**_channels_in(), **_channels_out()}


def _channels_in() -> Document:
    """Where commands come in."""
    return {
        "commands": {
            "address": "invoice.issue",
            "title": "Commands that issue invoices",
            "description": "The routing key is the command's type. The worker's queue fapiao.issue is bound to it.",
            "messages": _references("components", _names_of([CommandType.ISSUE])),
            "bindings": _command_queue("fapiao.issue"),
        },
        "queries": {
            "address": "{commandType}",
            "title": "Commands that look invoices up",
            "description": "The routing key is the command's type. The worker's queue fapiao.query is bound to each.",
            "parameters": {"commandType": {"description": "the type", "enum": [*map(str, _QUERIES)]}},
            "messages": _references("components", _names_of(_QUERIES)),
            "bindings": _command_queue("fapiao.query"),
        },
    }


def _channels_out() -> Document:
    """Where events go, and what is no command."""
    return {
        "events": {
            "address": "{eventType}",
            "title": "Events, the truth",
            "description": "The routing key is the event's type. What nobody has bound for goes to fapiao.unrouted.",
            "parameters": {"eventType": {"description": "the type", "enum": [*event_models()]}},
            "messages": _references("components", [*_event_messages()]),
            "bindings": _amqp(
                {
                    "is": "routingKey",
                    "exchange": _exchange("fapiao.events", "topic"),
                    "x-rabbitmq": {"arguments": {"alternate-exchange": "fapiao.unrouted"}},
                }
            ),
        },
        "replies": {
            "address": None,
            "title": "Events, the copy for the sender",
            "description": "The queue that the command's reply_to named, through the default exchange. It is the "
            "sender's own; durable is advised, for an answer may come minutes later.",
            "messages": _references("components", [*_event_messages()]),
            "bindings": _amqp({"is": "queue", "queue": {"durable": True, "exclusive": False, "autoDelete": False}}),
        },
        "deadLetters": {
            "address": "fapiao.dead",
            "title": "Messages that are no command",
            "messages": _references("components", ["DeadLetter"]),
            "bindings": _amqp({"is": "queue", "queue": _queue("fapiao.dead"), "x-rabbitmq": _QUORUM}),
        },
        "unrouted": {
            "address": "fapiao.unrouted",
            "title": "Events that nobody bound for",
            "description": "Bounded by length and age.",
            "messages": _references("components", [*_event_messages()]),
            "bindings": _amqp({"is": "queue", "queue": _queue("fapiao.unrouted"), "x-rabbitmq": _QUORUM}),
        },
    }


_QUORUM: Final = {"arguments": {"x-queue-type": "quorum"}}


def _operations() -> Document:
    sent = _amqp({"deliveryMode": 2, "mandatory": True, "timestamp": True})
    return {
        "receiveCommand": _receive("Take a command to issue an invoice", "commands", [CommandType.ISSUE]),
        "receiveQuery": _receive("Take a command that looks invoices up", "queries", _QUERIES),
        "sendEvent": {
            "action": "send",
            "title": "Tell what happened",
            "channel": {"$ref": "#/channels/events"},
            "messages": [*_references("channels/events", [*_event_messages()]).values()],
            "bindings": sent,
        },
        "sendDeadLetter": {
            "action": "send",
            "title": "Set a message aside that is no command",
            "channel": {"$ref": "#/channels/deadLetters"},
            "messages": [*_references("channels/deadLetters", ["DeadLetter"]).values()],
            "bindings": sent,
        },
    }


def _receive(title: str, channel: str, commands: Sequence[CommandType]) -> Document:
    """Take the commands of a channel; the answers to them go where each says."""
    answers = [component_name(f"{command}.{outcome}") for command in commands for outcome in EVENTS[command]]
    answers.append(component_name(example_files.UNKNOWN_TYPE_REJECTED))
    return {
        "action": "receive",
        "title": title,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [*_references(f"channels/{channel}", _names_of(commands)).values()],
        "bindings": _amqp({"ack": True}),
        "reply": {
            "address": {
                "description": "The AMQP property reply_to. Optional: without it only the topic has the events.",
                "location": "$message.header#/replyTo",
            },
            "channel": {"$ref": "#/channels/replies"},
            "messages": [*_references("channels/replies", answers).values()],
        },
    }


def _messages() -> Document:
    return {**_command_messages(), **_event_messages(), "DeadLetter": _dead_letter()}


def _command_messages() -> Document:
    examples = example_files.commands()
    messages: Document = {}
    for command, model in COMMANDS.items():
        name, summary = component_name(command), (model.__doc__ or "").partition("\n")[0]
        messages[name] = _message(
            str(command), CLOUDEVENTS_JSON, name, summary, _command_headers([]), [examples[str(command)]]
        )
        messages[f"{name}Plain"] = {
            **_message(
                str(command),
                PLAIN_JSON,
                model.__name__,
                f"{summary} The bare data, with the envelope in the AMQP properties.",
                _command_headers(["messageId"]),
                [examples[f"{command}.plain"]],
            ),
            "name": f"{command}.plain",
        }
    return messages


def _event_messages() -> Document:
    examples = example_files.events()
    return {
        component_name(event): _message(
            event,
            CLOUDEVENTS_JSON,
            component_name(event),
            (model.__doc__ or "").partition("\n")[0],
            _event_headers(),
            [examples[event]],
        )
        for event, model in event_models().items()
    }


def _message(  # noqa: PLR0913, PLR0917  a message has that many sides
    message_type: str, content_type: str, schema: str, summary: str, headers: Document, examples: list[Document]
) -> Document:
    return {
        "name": message_type,
        "title": message_type,
        "summary": summary,
        "contentType": content_type,
        "correlationId": {
            "description": "The command's correlation_id, else its id.",
            "location": "$message.header#/correlationId",
        },
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "bindings": _amqp({"messageType": message_type}),
        "examples": [{"payload": example} for example in examples],
    }


def _dead_letter() -> Document:
    headers = {"x-fapiao-code": "a rejection code", "x-fapiao-reason": "what is wrong, without any value"}
    return {
        "name": "dead letter",
        "title": "dead letter",
        "summary": "The message as it came, body and properties untouched.",
        "headers": _object({name: _text(meaning) for name, meaning in headers.items()}, [*headers]),
        "payload": {"description": "anything"},
    }


def _command_headers(required: list[str]) -> Document:
    """AsyncAPI has no word for AMQP's basic properties; they stand among the headers, in camel case."""
    meanings = {
        "messageId": "AMQP message_id: in the plain form, the command's id (1 to 200 characters)",
        "type": "AMQP type: in the plain form, the command's type; else the routing key is",
        "appId": "AMQP app_id: in the plain form, the command's source; else it is amqp",
        "replyTo": "AMQP reply_to: a queue for a copy of the events",
        "correlationId": "AMQP correlation_id: comes back on every event",
        "traceparent": "W3C trace context, passed on",
        "tracestate": "W3C trace context, passed on",
    }
    return _object({name: _text(meaning) for name, meaning in meanings.items()}, required)


def _event_headers() -> Document:
    meanings = {
        "messageId": "AMQP message_id: the event's id, with :r (reply) or :t (topic) after it",
        "type": "AMQP type: the event's type",
        "appId": "AMQP app_id: fapiao-worker",
        "correlationId": "AMQP correlation_id: the command's, else its id",
        "traceparent": "W3C trace context of the command",
        "tracestate": "W3C trace context of the command",
    }
    return _object({name: _text(meaning) for name, meaning in meanings.items()}, ["messageId", "correlationId"])


def _names_of(commands: Sequence[CommandType]) -> list[str]:
    """Both forms of each."""
    return [name for command in commands for name in (component_name(command), f"{component_name(command)}Plain")]


def _command_queue(name: str) -> Document:
    return _amqp(
        {
            "is": "routingKey",
            "exchange": _exchange("fapiao.commands", "direct"),
            "x-rabbitmq": {"queue": name, "arguments": {"x-queue-type": "quorum", **_DEAD_LETTERING}},
        }
    )


def _references(place: str, names: list[str]) -> Document:
    return {name: {"$ref": f"#/{place}/messages/{name}"} for name in names}


def _amqp(binding: Document) -> Document:
    return {"amqp": {**binding, "bindingVersion": _BINDINGS}}


def _exchange(name: str, kind: str) -> Document:
    return {"name": name, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}


def _queue(name: str) -> Document:
    return {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}


def _object(properties: Document, required: list[str]) -> Document:
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _text(description: str) -> Document:
    return {"type": "string", "description": description}


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, inner in value.items() for line in _entry(f"{_scalar(key)}:", inner)]
    if isinstance(value, list) and value:
        return [line for inner in value for line in _element(inner)]
    return [_scalar(value)]


def _entry(head: str, inner: Any) -> list[str]:
    lines = _lines(inner)
    if isinstance(inner, Mapping | list) and inner:
        return [head, *("  " + line for line in lines)]
    return [f"{head} {lines[0]}"]


def _element(inner: Any) -> list[str]:
    first, *others = _lines(inner)
    return [f"- {first}", *("  " + line for line in others)]


_NO_JSON_LINE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
"""What JSON leaves as it is and YAML takes for a line break, or refuses."""


def _scalar(value: Any) -> str:
    """A plain word where no reader could take it for something else; else JSON, which is YAML as well."""
    if isinstance(value, str) and _PLAIN_WORDS.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value if not value.startswith("#") else json.dumps(value)
    return _NO_JSON_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
