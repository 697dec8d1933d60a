"""What is no command is answered where anybody can be named, and goes to the dead letters."""

import json
from typing import Any

import pytest

from contracts.envelope import event_id, loads
from contracts.failures import RejectionCode
from tests.unit.intake.messages import RULES, cloud_event, order, plain
from tests.unit.intake.verdicts import accepted, only_dead, rejected
from worker.intake.reading import Incoming


class TestRejected:
    """With a readable id a message is answered, and a dead letter as well."""

    def test_the_event_names_the_command_and_what_is_wrong_where(self) -> None:
        command, data = rejected(plain(order("/invoice/buyerName", ...) | {"orderNo": "SO-1"}), RejectionCode.INVALID)

        assert data == {
            "commandId": "order-1",
            "commandSource": "erp",
            "userId": "1111",
            "orderNo": "SO-1",
            "code": "invalid",
            "errors": [{"path": "/invoice/buyerName", "message": "is required"}],
        }
        event = loads(command.events[0].body)
        assert event["type"] == "invoice.issue.rejected"
        assert event["id"] == event_id("erp", "order-1", 1)
        assert event["source"] == "/fapiao-worker"
        assert event["subject"] == "order-1"
        assert event["time"] == "2026-03-01T04:00:00.000Z"

    def test_a_rejected_command_stands_in_nobodys_way(self) -> None:
        """Its order number stays free for the corrected order, and no lane is woken."""
        command, _ = rejected(plain(order("/invoice/buyerName", 5) | {"orderNo": "SO-1"}), RejectionCode.INVALID)

        assert (command.lane, command.seller, command.order_no, command.secrets) == (None, None, None, {})
        assert command.data == b"{}"

    def test_limits_are_checked_as_well(self) -> None:
        _, data = rejected(plain(order("/invoice/invoiceItems/0/quantity", "1.5")), RejectionCode.INVALID)

        assert data["errors"][0]["path"] == "/invoice/invoiceItems/0/quantity"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not json",
            b"{",
            b"[1]",
            b'"text"',
            b"null",
            b'{"a":NaN}',
            b'{"a":-Infinity}',
            b'{"a":1,"a":2}',
            '{"a":1}'.encode("utf-16"),
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":1e999999999}',
            b'{"a":1e99999999999999999999999}',
            b'{"a":' + b"9" * 5000 + b"}",
        ],
    )
    def test_what_is_not_strict_json_is_malformed_and_answered_by_its_message_id(self, body: bytes) -> None:
        for content_type in ("application/json", "application/cloudevents+json", None):
            command, data = rejected(plain(body, content_type=content_type), RejectionCode.MALFORMED)

            assert command.id == "order-1"
            assert data["errors"]

    def test_data_nested_deeper_than_any_command_are_malformed(self) -> None:
        """A fixed bound, so that the verdict does not hang on how much stack is left."""
        body = b'{"a":' * 40 + b"1" + b"}" * 40

        rejected(plain(body), RejectionCode.MALFORMED)
        rejected(cloud_event({"data": json.loads(body)}, message_id="m"), RejectionCode.MALFORMED)

    def test_a_body_too_large_is_answered_without_being_read(self) -> None:
        command, data = rejected(plain(b"{" * (17 * 1024 * 1024)), RejectionCode.TOO_LARGE)

        assert command.type == "invoice.issue"
        assert "1048576 bytes" in data["errors"][0]["message"]

    def test_the_largest_body_is_read(self) -> None:
        body = json.dumps(order()).encode()
        accepted(plain(body.ljust(RULES.max_body_bytes)))
        rejected(plain(body.ljust(RULES.max_body_bytes + 1)), RejectionCode.TOO_LARGE)

    @pytest.mark.parametrize("name", ["invoice.cancel", "invoice.issue.completed", "", "x" * 300])
    def test_an_unknown_type_is_rejected_as_a_command(self, name: str) -> None:
        command, _ = rejected(plain(type=name, routing_key="somewhere"), RejectionCode.UNKNOWN_TYPE)

        assert command.type == "command"
        assert command.events[0].type == "command.rejected"

    @pytest.mark.parametrize(
        ("attributes", "code", "path"),
        [
            ({"specversion": "0.3"}, RejectionCode.MALFORMED, "/specversion"),
            ({"specversion": ...}, RejectionCode.MALFORMED, "/specversion"),
            ({"source": ...}, RejectionCode.MALFORMED, "/source"),
            ({"source": 5}, RejectionCode.MALFORMED, "/source"),
            ({"source": "s" * 201}, RejectionCode.MALFORMED, "/source"),
            ({"type": ...}, RejectionCode.MALFORMED, "/type"),
            ({"type": ["invoice.issue"]}, RejectionCode.MALFORMED, "/type"),
            ({"data": ...}, RejectionCode.INVALID, "/data"),
            ({"data": []}, RejectionCode.INVALID, "/data"),
        ],
    )
    def test_a_bad_attribute_is_named(self, attributes: dict[str, Any], code: str, path: str) -> None:
        command, data = rejected(cloud_event(attributes), code)

        assert command.id == "order-1"
        assert data["errors"][0]["path"] == path

    def test_an_answer_is_possible_by_message_id_where_the_cloud_event_has_no_id(self) -> None:
        command, _ = rejected(cloud_event({"id": ...}, message_id="m-1", app_id="erp"), RejectionCode.ID_MISSING)

        assert command.id == "m-1"

    def test_an_app_id_that_cannot_be_a_source_is_refused(self) -> None:
        command, _ = rejected(plain(app_id="a\tb"), RejectionCode.INVALID)

        assert command.source == "amqp"


class TestDeadLetters:
    """Without a readable id it is no command; whoever names a queue for answers is told (`test_admission_forms`)."""

    @pytest.mark.parametrize("incoming", [plain(message_id=None), plain(message_id=""), cloud_event({"id": ...})])
    def test_a_missing_id_is_said(self, incoming: Incoming) -> None:
        only_dead(incoming, RejectionCode.ID_MISSING)

    @pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x85b", "x" * 201])
    def test_an_id_that_could_not_be_stored_is_invalid(self, name: str) -> None:
        reason = only_dead(plain(message_id=name), RejectionCode.INVALID)
        only_dead(cloud_event({"id": name}), RejectionCode.INVALID)

        assert name not in reason
        assert "1 to 200 characters" in reason

    def test_an_id_of_two_hundred_characters_is_good_whatever_its_bytes(self) -> None:
        assert accepted(cloud_event({"id": "字" * 200})).id == "字" * 200

    def test_an_id_that_is_a_number_is_no_id(self) -> None:
        only_dead(cloud_event({"id": 5}), RejectionCode.INVALID)

    def test_malformed_comes_before_the_missing_id(self) -> None:
        only_dead(plain(b"{", message_id=None), RejectionCode.MALFORMED)
        only_dead(plain(b" " * 2_000_000, message_id=None), RejectionCode.TOO_LARGE)
