"""Commands that nobody sane would send, made from a good one: the same ones for the same seed.

Used by the flood through a real broker, and as seeds of the fuzz corpus.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.messages import make_order

MutateOrder = Callable[[random.Random, dict[str, Any]], None]
MutateBytes = Callable[[random.Random, bytes], bytes]

CONTROL = "\x00\x01\x1b[31m\x7f\x85"
BIDI = "\u202e\u2066\u200f\u061c"
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**400, -(10**30), 1e308, "", " ", "NaN", "1e999999999", "९", CONTROL, BIDI, "\ufeff",
    "\U0001f9fe" * 50, "a" * 5000, [], {}, [[]], {"": ""}, ["x"] * 300, {str(n): n for n in range(300)},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One message: its body and the AMQP properties that differ from a good one's."""

    body: bytes
    properties: dict[str, Any] = field(default_factory=dict)


def mutated(seed: int, count: int, first: int = 0) -> Iterator[Mutant]:
    """So many messages, numbered from `first`; some are still commands."""
    rolls = random.Random(seed)
    for number in range(first, first + count):
        yield _mutant(rolls, number)


def _mutant(rolls: random.Random, number: int) -> Mutant:
    order = copy.deepcopy(make_order(f"mutant {number}", f"m-{number % 40}"))
    for _ in range(rolls.choice((0, 1, 1, 2))):
        rolls.choice(_ORDER_MUTATIONS)(rolls, order)
    is_event = rolls.random() < 0.3
    document = _as_event(rolls, order, number) if is_event else order
    body = json.dumps(document, ensure_ascii=rolls.random() < 0.5).encode("utf-8", "surrogatepass")
    for _ in range(rolls.choice((0, 0, 1, 1, 2))):
        body = rolls.choice(_BYTE_MUTATIONS)(rolls, body)
    properties: dict[str, Any] = {"content_type": "application/cloudevents+json"} if is_event else {}
    if rolls.random() < 0.2:
        properties |= _odd_properties(rolls)
    return Mutant(body, properties)


def _as_event(rolls: random.Random, order: dict[str, Any], number: int) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": f"e-{number}", "source": "tests", "type": "invoice.issue", "data": order}
    if rolls.random() < 0.3:
        event[rolls.choice(list(event))] = rolls.choice(ODD_VALUES)
    return event


def _parts(order: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[Any] = [order, order.get("login"), order.get("invoice")]
    items = order["invoice"].get("invoiceItems") if isinstance(order.get("invoice"), dict) else None
    parts += items[:1] if isinstance(items, list) else []
    return [part for part in parts if isinstance(part, dict)]


def _replace(rolls: random.Random, order: dict[str, Any]) -> None:
    part = rolls.choice(_parts(order))
    if part:
        part[rolls.choice(list(part))] = rolls.choice(ODD_VALUES)


def _drop(rolls: random.Random, order: dict[str, Any]) -> None:
    part = rolls.choice(_parts(order))
    if part:
        part.pop(rolls.choice(list(part)))


def _add(rolls: random.Random, order: dict[str, Any]) -> None:
    name = rolls.choice(("extra", "pasword", CONTROL, BIDI, "a" * 3000, "__proto__", "/~0"))
    rolls.choice(_parts(order))[name] = rolls.choice(ODD_VALUES)


def _spoil_text(rolls: random.Random, order: dict[str, Any]) -> None:
    part = rolls.choice(_parts(order))
    texts = [name for name, value in part.items() if isinstance(value, str)]
    if texts:
        name = rolls.choice(texts)
        part[name] += rolls.choice((CONTROL, BIDI, "\ud800", "\udfff", "<script>", "'; DROP TABLE command;--", "\n"))


def _many_lines(rolls: random.Random, order: dict[str, Any]) -> None:
    invoice = order.get("invoice")
    if isinstance(invoice, dict) and rolls.random() < 0.02:
        line = {"name": "n", "quantity": 1, "spec": "", "unit": "", "unitPrice": "1"}
        invoice["invoiceItems"] = [line] * rolls.choice((2001, 20_000))


def _flip(rolls: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rolls.randint(1, 4)):
        changed[rolls.randrange(len(changed))] = rolls.randrange(256)
    return bytes(changed)


def _cut(rolls: random.Random, body: bytes) -> bytes:
    return body[: rolls.randrange(len(body))] or b"{"


def _twice(rolls: random.Random, body: bytes) -> bytes:
    """A member that is there twice."""
    return b'{"userId":"somebody-else",' + body[1:] if rolls.random() < 0.5 else body + body


def _nest(rolls: random.Random, body: bytes) -> bytes:
    depth = rolls.choice((33, 1000, 5000))
    return body[:-1] + b',"deep":' + rolls.choice((b"[", b'{"a":')) * depth


def _number(rolls: random.Random, body: bytes) -> bytes:
    odd = rolls.choice((b"NaN", b"Infinity", b"1e9999999", b"9" * 3000, b"-0", b"0x10", b"1_000", b"01"))
    return body.replace(b'"100.00"', odd)


def _prefix(rolls: random.Random, body: bytes) -> bytes:
    return rolls.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b")]}'\n", b"\x1f\x8b")) + body


def _odd_properties(rolls: random.Random) -> dict[str, Any]:
    odd: dict[str, tuple[Any, ...]] = {
        "content_type": ("text/plain", "application/json; charset=utf-16", "a" * 200, CONTROL),
        "content_encoding": ("gzip", "utf-7"),
        "message_id": ("a" * 201, BIDI, "x\ny"),
        "type": ("invoice.burn", "", "INVOICE.ISSUE", CONTROL),
        "app_id": ("a" * 201, BIDI, "\x00"),
        "reply_to": ("amq.direct", "a" * 255, "no.such.queue", "\x00"),
        "headers": (
            {"CC": ["fapiao.issue"]},
            {"traceparent": "00-" + "0" * 49},
            {"x": [{"y": [1.5, None, True]}] * 20},
        ),
        "priority": (0, 255),
    }
    name = rolls.choice(list(odd))
    return {name: rolls.choice(odd[name])}


_ORDER_MUTATIONS: tuple[MutateOrder, ...] = (_replace, _replace, _drop, _add, _spoil_text, _spoil_text, _many_lines)
_BYTE_MUTATIONS: tuple[MutateBytes, ...] = (_flip, _flip, _cut, _twice, _nest, _number, _prefix)
