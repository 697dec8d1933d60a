"""Forms in which a message may come: packed, with a mark before it, as an event by its headers, without a name."""

import base64
import gzip
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from contracts.envelope import loads
from contracts.events import Rejected
from contracts.failures import RejectionCode
from tests.unit.intake.messages import RULES, cloud_event, order, plain
from tests.unit.intake.verdicts import accepted, rejected
from worker.intake.admission import admit
from worker.intake.reading import DEFAULT_SOURCE, Incoming
from worker.records import LooseEvent

BODY = json.dumps(order()).encode()
RAW_DEFLATE = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (None, b"\xef\xbb\xbf" + BODY),
        ("utf-8", BODY),
        ("UTF-8", BODY),
        ("", BODY),
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(b"\xef\xbb\xbf" + BODY)),
        ("gzip:UTF-8", gzip.compress(BODY)),
        ("gzip, UTF-8", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()),
    ],
)
def test_a_body_is_the_same_command_however_it_comes(encoding: str | None, body: bytes) -> None:
    """A byte order mark as .NET writes it, and what the property says: Spring lists its steps."""
    assert accepted(plain(body, content_encoding=encoding)).content_hash == accepted(plain(BODY)).content_hash


@pytest.mark.parametrize(
    ("encoding", "body", "says"),
    [
        ("br", BODY, "content_encoding must be absent, utf-8, gzip or deflate"),
        ("gzip", BODY, "content_encoding"),
        ("gzip", gzip.compress(BODY)[:-9], "not the whole of it"),
        ("gzip", gzip.compress(BODY) * 2, "not the whole of it"),
        ("deflate", b"", "content_encoding"),
        (None, gzip.compress(BODY), "say so by the property content_encoding"),
        (None, BODY.decode().encode("utf-16"), "UTF-16"),
        (None, BODY.decode().encode("utf-16-le"), "UTF-16"),
        (None, BODY.decode().encode("utf-16-be"), "UTF-16"),
        ("gbk", BODY, "content_encoding"),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), "content_encoding"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_by_the_name_of_the_property(
    encoding: str | None, body: bytes, says: str
) -> None:
    _, data = rejected(plain(body, content_encoding=encoding), RejectionCode.MALFORMED)

    assert says in data["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (json.dumps({"userId": "开票"}, ensure_ascii=False).encode("gbk"), "is in GBK, not UTF-8: look at byte 12"),
        (b'{"userId": "\xff\xff"}', "is not UTF-8: look at byte 12"),
        (b"\xac\xed\x00\x05sr\x00\x17", "is a serialized Java object, not UTF-8: look at byte 0"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (json.dumps(json.dumps(order())).encode(), "is text that holds one: it was made JSON twice"),
        (b'"hello"', "must be a JSON object; text of 5 characters came"),
        (b"[1]", "must be a JSON object; a list of 1 came"),
        (b"null", "must be a JSON object; null came"),
        (b"userId=1&orderNo=2", "is not JSON: look at line 1, column 1"),
        (b'<?xml version="1.0"?><order/>', "is XML, and must be JSON"),
        (base64.b64encode(BODY), "is JSON in base64: send the JSON itself"),
        (str(order()).encode(), "as Python prints it: its texts are in single quotes"),
    ],
)
def test_what_a_program_usually_gets_wrong_is_named(body: bytes, says: str) -> None:
    _, data = rejected(plain(body), RejectionCode.MALFORMED)

    (error,) = data["errors"]
    assert (error["path"], error["message"].endswith(says)) == ("", True), error


@pytest.mark.parametrize(("more", "path"), [({}, "/data"), ({"specversion": "1.0"}, "/specversion")])
def test_an_envelope_that_says_it_is_none_is_told_so_beside_the_faults_of_what_it_holds(
    more: dict[str, str], path: str
) -> None:
    """A CloudEvent under the content type of bare data: its own members are no faults of the order."""
    event = {"id": "1", "source": "/erp", "type": "invoice.issue", "data": order() | {"userId": ""}} | more
    _, data = rejected(plain(json.dumps(event).encode()), RejectionCode.INVALID)

    assert [error["path"] for error in data["errors"]] == [path, "/userId"]
    assert "application/cloudevents+json" in data["errors"][0]["message"]


@pytest.mark.parametrize("member", ["message", "kwargs", "payload"])
def test_a_frameworks_envelope_is_named_beside_the_faults_of_what_it_holds(member: str) -> None:
    """MassTransit, Dramatiq and others put the data into a member of theirs, which would be ten faults of its own."""
    body = {"messageId": "1", "messageType": ["urn:Issue"], "headers": {}, member: order() | {"userId": ""}}
    _, data = rejected(plain(json.dumps(body).encode()), RejectionCode.INVALID)

    assert [error["path"] for error in data["errors"]] == [f"/{member}", "/userId"]
    assert "a framework's envelope" in data["errors"][0]["message"]


def test_attributes_in_capitals_are_told_by_their_right_names() -> None:
    """A serializer of .NET writes property names as they are in the class."""
    event = {"SpecVersion": "1.0", "Id": "1", "Source": "/erp", "Type": "invoice.issue", "Data": order()}
    incoming = plain(json.dumps(event).encode(), content_type="application/cloudevents+json")
    _, data = rejected(incoming, RejectionCode.ID_MISSING)

    told = {error["path"]: error["message"] for error in data["errors"]}
    assert [*told] == ["/id", "/specversion", "/source", "/type", "/data"]
    assert all(message.endswith(f"came with capitals: write {path[1:]}") for path, message in told.items())


def test_an_id_that_is_a_number_is_told_so() -> None:
    event = {
        "specversion": "1.0",
        "id": 1234567890123456789,
        "source": "/erp",
        "type": "invoice.issue",
        "data": order(),
    }
    _, data = rejected(
        plain(json.dumps(event).encode(), content_type="application/cloudevents+json"), RejectionCode.INVALID
    )
    assert data["errors"][0]["message"].endswith("; a number came")


@pytest.mark.parametrize(
    ("given", "came"),
    [
        ({"type": "Shop.IssueInvoice, Shop"}, "it came as the property type"),
        ({"type": None, "routing_key": "fapiao.issue"}, "it came as the routing key, for the property type is empty"),
    ],
)
def test_an_unknown_type_is_told_with_where_it_came_from(given: dict[str, Any], came: str) -> None:
    """EasyNetQ writes a class's name there; who publishes to a queue by its name has that as the routing key."""
    _, data = rejected(plain(**given), RejectionCode.UNKNOWN_TYPE)

    (error,) = data["errors"]
    assert came in error["message"]


def test_what_is_too_large_unpacked_is_never_unpacked_whole() -> None:
    bomb = gzip.compress(b" " * (RULES.max_body_bytes * 50))

    _, data = rejected(plain(bomb, content_encoding="gzip"), RejectionCode.TOO_LARGE)

    assert "unpacked" in data["errors"][0]["message"]


def binary(prefix: str, attributes: dict[str, Any] | None = None, **properties: Any) -> Incoming:
    """A CloudEvent in AMQP's binary mode."""
    event = {"specversion": "1.0", "id": "order-1", "source": "/erp", "type": "invoice.issue"} | (attributes or {})
    headers = {f"{prefix}{name}": value for name, value in event.items() if value is not ...}
    absent: dict[str, Any] = {"message_id": None, "type": None, "app_id": None, "headers": headers}
    return plain(**(absent | properties))


@pytest.mark.parametrize("prefix", ["cloudEvents_", "cloudEvents:"])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", None])
def test_an_event_by_its_headers_is_the_same_command(prefix: str, content_type: str | None) -> None:
    assert accepted(binary(prefix, content_type=content_type)) == accepted(cloud_event())


def test_an_event_by_its_headers_is_told_what_is_wrong_with_it() -> None:
    command, data = rejected(binary("cloudEvents_", {"specversion": ...}), RejectionCode.MALFORMED)
    assert (command.id, command.source, data["errors"][0]["path"]) == ("order-1", "/erp", "/specversion")

    command, _ = rejected(replace(binary("cloudEvents:"), body=b"no json"), RejectionCode.MALFORMED)
    assert (command.id, command.source, command.type) == ("order-1", "/erp", "invoice.issue")

    command, _ = rejected(binary("cloudEvents:", {"id": ...}, message_id="m"), RejectionCode.ID_MISSING)
    assert command.id == "m"


def answer_of(incoming: Incoming, code: RejectionCode) -> LooseEvent | None:
    verdict = admit(incoming, RULES)
    assert verdict.command is None
    assert verdict.dead_letter is not None
    assert verdict.dead_letter.code is code
    return verdict.answer


@pytest.mark.parametrize(
    ("incoming", "code"),
    [
        (plain(message_id=None, correlation_id="mine"), RejectionCode.ID_MISSING),
        (cloud_event({"id": ...}, correlation_id="mine"), RejectionCode.ID_MISSING),
        (plain(b"no json", message_id=None, correlation_id="mine"), RejectionCode.MALFORMED),
        (plain(b" " * (RULES.max_body_bytes + 1), message_id="", correlation_id="mine"), RejectionCode.TOO_LARGE),
    ],
)
def test_who_names_a_queue_for_answers_is_told_even_without_an_id(incoming: Incoming, code: RejectionCode) -> None:
    """Under the correlation id; the same message again gets the same event."""
    answer = answer_of(incoming, code)

    assert answer is not None
    assert answer == answer_of(incoming, code)
    assert (answer.route.reply_to, answer.route.correlation_id) == ("erp.replies", "mine")
    event = loads(answer.event.body)
    assert event["type"].endswith(".rejected")
    told = Rejected.model_validate(event["data"])
    assert (told.code, told.commandId[:8]) == (code, "unnamed-")


def test_nobody_is_answered_without_an_id_where_no_answer_may_go() -> None:
    assert answer_of(plain(message_id=None, reply_to=None), RejectionCode.ID_MISSING) is None
    assert answer_of(plain(message_id=None, reply_to="fapiao.dead"), RejectionCode.ID_MISSING) is None
    nobody = answer_of(plain(message_id=None, app_id=None), RejectionCode.ID_MISSING)
    assert nobody is not None
    assert loads(nobody.event.body)["data"]["commandSource"] == DEFAULT_SOURCE


def test_an_event_with_its_data_in_base64_is_the_same_command() -> None:
    """As SDKs write data that they were given as bytes."""
    encoded = base64.b64encode(json.dumps(order()).encode()).decode()

    command = accepted(cloud_event({"data": ..., "data_base64": encoded}))

    assert (command.data, command.content_hash) == (accepted(cloud_event()).data, accepted(cloud_event()).content_hash)


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ("%%%", RejectionCode.MALFORMED, "/data_base64"),
        (base64.b64encode(b"\xff").decode(), RejectionCode.MALFORMED, "/data_base64"),
        (base64.b64encode(b"{'a': 1}").decode(), RejectionCode.MALFORMED, "/data_base64"),
        (base64.b64encode(b"[]").decode(), RejectionCode.INVALID, "/data"),
        (base64.b64encode(b'{"remark": "\\ud83d"}').decode(), RejectionCode.MALFORMED, "/remark"),
    ],
)
def test_what_is_wrong_in_base64_is_told(data: str, code: RejectionCode, path: str) -> None:
    """By the event's own id, which can be read."""
    command, answer = rejected(cloud_event({"data": ..., "data_base64": data}), code)

    assert path in [error["path"] for error in answer["errors"]]
    assert command.source == "/erp"


def test_data_that_are_the_text_of_json_are_told_so() -> None:
    _, answer = rejected(cloud_event({"data": json.dumps(order())}), RejectionCode.INVALID)

    assert "not its text" in {error["path"]: error["message"] for error in answer["errors"]}["/data"]
