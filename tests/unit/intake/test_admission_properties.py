"""Whatever comes in, admission gives one clear verdict, and no secret leaves by a side door."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.envelope import loads
from tests.examples import examples
from tests.unit.intake.messages import RECEIVED_AT, RULES, cloud_event, order, plain
from tests.unit.intake.verdicts import check
from worker.intake import fingerprints
from worker.intake.answers import answer_reused
from worker.intake.reading import Incoming

# A word that no fixture holds, so that finding it means it leaked.
CANARY = "s3cr3t-canary-7f1e"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
shortstr = st.none() | st.text(max_size=210)
content_types = st.sampled_from([None, "", "application/json", "application/cloudevents+json", "text/plain;x"])


@st.composite
def incomings(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> Incoming:
    """A delivery with any properties."""
    return Incoming(
        body=draw(bodies),
        content_type=draw(content_types),
        message_id=draw(shortstr),
        type=draw(st.sampled_from([None, "invoice.issue", "x"]) | shortstr),
        routing_key=draw(st.sampled_from(["invoice.issue", ""])),
        app_id=draw(shortstr),
        reply_to=draw(shortstr | st.sampled_from(["fapiao.issue", "amq.gen-1", "amq.rabbitmq.reply-to"])),
        correlation_id=draw(shortstr),
        user_id=draw(shortstr),
        headers=draw(st.dictionaries(st.sampled_from(["traceparent", "tracestate", "CC"]), json_values, max_size=3)),
        received_at=RECEIVED_AT,
    )


PARTS = ("", "/login", "/invoice", "/invoice/invoiceItems/0")
oddities = json_values | st.sampled_from(["1e400", "-1", 0, 10**30, "９", "a\x00b", "<"])


def part_of(data: Any, path: str) -> dict[str, Any]:
    """The part at a JSON Pointer, or an empty stand-in where bending has left none."""
    for step in path.split("/")[1:]:
        if isinstance(data, list):
            data = data[0] if data and step == "0" else None
        else:
            data = data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


@st.composite
def bent_orders(draw: st.DrawFn) -> dict[str, Any]:
    """A good order with a few members replaced, removed or added anywhere."""
    data = order(expectedTotal="200.00", orderNo="SO-1")
    for path in draw(st.lists(st.sampled_from(PARTS), max_size=3)):
        part = part_of(data, path)
        name = draw(st.sampled_from([*part, "extra"]))
        if draw(st.booleans()):
            part.pop(name, None)
        else:
            part[name] = draw(oddities)
    return data


@given(incomings(st.binary(max_size=200)))
def test_arbitrary_bytes_get_one_verdict(incoming: Incoming) -> None:
    """Whatever the bytes and properties."""
    check(incoming)


@given(incomings(json_values.map(lambda value: json.dumps(value).encode())))
def test_arbitrary_json_gets_one_verdict(incoming: Incoming) -> None:
    """Whatever the JSON."""
    check(incoming)


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("specversion", "id", "source", "type", "data", "time"), json_values)
    )
)
def test_arbitrary_envelopes_get_one_verdict(attributes: dict[str, Any]) -> None:
    """Whatever the attributes of a CloudEvent."""
    check(cloud_event(attributes))


@settings(max_examples=examples(300))
@given(bent_orders())
def test_orders_bent_anywhere_get_one_verdict(data: dict[str, Any]) -> None:
    """Whatever is wrong with an order."""
    check(plain(data))


@given(st.sampled_from(["12.50", "1", "0.1", "100", "7.00000001"]), st.integers(0, 6))
def test_zeros_that_carry_nothing_change_no_content(number: str, zeros: int) -> None:
    """1 is 1.0 is 1.00."""
    longer = number + ("" if "." in number else ".") + "0" * zeros
    hashes = {
        fingerprints.content_hash("invoice.issue", order("/invoice/invoiceItems/0/unitPrice", loads(written)))
        for written in (number, longer if zeros else number, f'"{number}"')
    }
    assert len(hashes) == 1


@settings(max_examples=examples(300))
@given(bent_orders(), st.booleans(), st.sampled_from(PARTS))
def test_no_secret_leaves_by_a_side_door(data: dict[str, Any], structured: bool, where: str) -> None:
    """Not in data, events, reasons or reprs, whatever else is wrong with the order; nor where it does not belong."""
    part_of(data, "/login")["password"] = CANARY
    part_of(data, "/invoice")["sellerLoginPassword"] = CANARY
    part_of(data, where)["password"] = CANARY
    incoming = cloud_event({"data": data}) if structured else plain(data)

    verdict = check(incoming)

    shown = [repr(verdict), repr(incoming)]
    if verdict.dead_letter is not None:
        shown.append(verdict.dead_letter.reason)
    if verdict.command is not None:
        shown += [verdict.command.data.decode(), verdict.command.warnings.decode()]
        shown += [event.body.decode() for event in verdict.command.events]
        shown.append(answer_reused(verdict.command, RULES).event.body.decode())
    assert not [text for text in shown if CANARY in text]


@settings(max_examples=examples(50))
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_no_password_is_among_the_inputs_of_a_hash(one: str, other: str) -> None:
    """Another password is the same content."""

    def hash_with(password: str) -> str:
        data = order("/login/password", password)
        data["invoice"]["sellerLoginPassword"] = password
        return fingerprints.content_hash("invoice.issue", data)

    assert hash_with(one) == hash_with(other)


def test_what_is_hashed_is_seen_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes given to SHA-256, looked at."""
    hashed: list[bytes] = []

    def recording(data: bytes = b"") -> Any:
        hashed.append(data)
        return hashlib.sha256(data)

    monkeypatch.setattr(fingerprints, "hashlib", type("Recording", (), {"sha256": staticmethod(recording)}))
    data = order("/login/password", CANARY)
    data["invoice"]["sellerLoginPassword"] = CANARY

    check(plain(data))

    assert hashed
    assert not [text for text in hashed if CANARY.encode() in text]
