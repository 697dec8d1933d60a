"""A message becomes a command to run; the rules and the answers beside it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import event_id, loads
from contracts.failures import RejectionCode
from contracts.limits import InvoiceLimits
from tests.unit.intake.messages import PASSWORD, RECEIVED_AT, RULES, SELLER_PASSWORD, cloud_event, order, plain
from tests.unit.intake.verdicts import accepted, rejected
from worker.errors import ConfigurationError
from worker.intake.admission import AdmissionRules
from worker.intake.answers import answer_busy, answer_reused
from worker.settings import Settings


class TestForms:
    """Both forms come to the same command."""

    def test_a_plain_message_takes_its_envelope_from_the_properties(self) -> None:
        command = accepted(plain())

        assert (command.source, command.id, command.type) == ("erp", "order-1", "invoice.issue")
        assert command.route.reply_to == "erp.replies"
        assert command.route.correlation_id == "order-1"

    def test_a_cloud_event_brings_its_own(self) -> None:
        command = accepted(cloud_event(message_id="another", app_id="another", type="another", routing_key="another"))

        assert (command.source, command.id, command.type) == ("/erp", "order-1", "invoice.issue")

    def test_without_a_content_type_specversion_decides(self) -> None:
        assert accepted(cloud_event(content_type=None)).source == "/erp"
        assert accepted(plain(content_type=None)).source == "erp"

    @pytest.mark.parametrize(
        "content_type", ["application/cloudevents+json; charset=utf-8", "APPLICATION/CloudEvents+JSON"]
    )
    def test_a_content_type_may_have_parameters_and_any_case(self, content_type: str) -> None:
        assert accepted(cloud_event(content_type=content_type)).source == "/erp"

    def test_a_content_type_that_says_nothing_lets_specversion_decide(self) -> None:
        assert accepted(cloud_event(content_type="text/plain")).source == "/erp"

    def test_a_cloud_event_sent_as_plain_json_is_told_so(self) -> None:
        _, data = rejected(cloud_event(content_type="application/json", message_id="m"), RejectionCode.INVALID)

        assert data["errors"][0]["path"] == "/specversion"
        assert "application/cloudevents+json" in data["errors"][0]["message"]

    def test_the_routing_key_is_the_type_where_none_is_given(self) -> None:
        assert accepted(plain(type=None)).type == "invoice.issue"

    def test_the_source_is_amqp_where_none_is_given(self) -> None:
        assert accepted(plain(app_id=None)).source == "amqp"
        assert accepted(plain(app_id="")).source == "amqp"

    def test_extension_attributes_are_allowed(self) -> None:
        accepted(cloud_event({"traceparent": "x", "time": "2026-01-01T00:00:00Z", "mine": 5}))

    def test_both_forms_of_the_same_data_have_the_same_content(self) -> None:
        assert accepted(plain()).content_hash == accepted(cloud_event()).content_hash


class TestAccepted:
    """What the journal gets."""

    def test_data_are_in_the_vendors_words_with_defaults_and_without_secrets(self) -> None:
        command = accepted(plain())
        data = json.loads(command.data)

        assert data["invoice"]["buyerEmail"] == ""
        assert data["invoice"]["buyerBankShow"] == 0
        assert data["invoice"]["invoiceItems"][0]["unitPrice"] == "100"
        assert "password" not in data["login"]
        assert "sellerLoginPassword" not in data["invoice"]
        assert command.secrets == {"/login/password": PASSWORD, "/invoice/sellerLoginPassword": SELLER_PASSWORD}
        assert PASSWORD not in repr(command)

    def test_a_credential_brings_no_secret(self) -> None:
        data = order("/invoice/sellerLoginPassword", ..., credential="xyz")
        del data["login"]

        assert accepted(plain(data)).secrets == {}

    def test_lane_seller_and_order_are_named(self) -> None:
        command = accepted(plain(order(orderNo="SO-1")))

        assert (command.lane, command.seller, command.order_no) == ("1111", "91330701MA2M37T86L", "SO-1")

    def test_a_password_keeps_its_spaces(self) -> None:
        assert accepted(plain(order("/login/password", " p w "))).secrets["/login/password"] == " p w "

    def test_the_right_spelling_is_accepted_and_written_as_the_vendor_does(self) -> None:
        data = order("/invoice/buyerIndentification", ...)
        data["invoice"]["buyerIdentification"] = "91330701ma2dfb848m "

        assert json.loads(accepted(plain(data)).data)["invoice"]["buyerIndentification"] == "91330701MA2DFB848M"

    def test_tax_ids_are_normalised_and_the_lane_of_the_seller_with_them(self) -> None:
        """Trap 26 and domain 4.1: full width, small letters, spaces and hyphens are the same id."""
        assert (
            accepted(plain(order("/invoice/sellerIndentification", "９１330701-ma2m37t86 l"))).seller
            == "91330701MA2M37T86L"
        )

    @pytest.mark.parametrize("word", ["Ningbo", "宁波", "宁波市", "3302"])
    def test_an_area_may_be_pinyin_name_or_code(self, word: str) -> None:
        """Trap 22."""
        assert json.loads(accepted(plain(order("/login/area", word))).data)["login"]["area"] == "ningbo"

    def test_a_role_may_be_a_code(self) -> None:
        """Trap 22."""
        assert json.loads(accepted(plain(order("/login/role", "09"))).data)["login"]["role"] == "开票员"

    @pytest.mark.parametrize("price", ["1E+2", "100", "1.0e2"])
    def test_a_price_is_written_out_without_an_exponent(self, price: str) -> None:
        """Trap 30."""
        body = json.dumps(order("/invoice/invoiceItems/0/unitPrice", "@")).replace('"@"', price).encode()

        assert json.loads(accepted(plain(body)).data)["invoice"]["invoiceItems"][0]["unitPrice"] == "100"

    def test_the_smallest_price_keeps_every_digit(self) -> None:
        command = accepted(plain(order("/invoice/invoiceItems/0/unitPrice", "0.00000001")))

        assert json.loads(command.data)["invoice"]["invoiceItems"][0]["unitPrice"] == "0.00000001"

    def test_a_deadline_is_the_commands_own_or_the_rules(self) -> None:
        assert accepted(plain()).deadline_at == RECEIVED_AT + RULES.deadline
        own = accepted(plain(order(deadline="2026-03-01T20:00:00+08:00")))
        assert own.deadline_at == RECEIVED_AT + timedelta(hours=8)

    def test_a_deadline_that_has_passed_is_accepted_with_a_warning(self) -> None:
        command = accepted(plain(order(deadline="2020-01-01T00:00:00Z")))

        assert json.loads(command.warnings)[0]["code"] == "deadline_passed"

    def test_warnings_travel_with_the_command(self) -> None:
        command = accepted(plain(order("/login/area", "shanxi") | {"orderNo": "1"}))

        assert json.loads(command.warnings) == [
            {
                "code": "area_mismatch",
                "message": "the companyCode names another area, zhejiang; right only if the firm has moved",
                "path": "/login/area",
            }
        ]

    def test_a_large_frame_is_warned_of(self) -> None:
        """Trap 12: a usual server closes the socket over 8192."""
        line = order()["invoice"]["invoiceItems"][0]
        command = accepted(plain(order("/invoice/invoiceItems", [line] * 120)))

        assert [warning["code"] for warning in json.loads(command.warnings)] == ["large_frame"]


class TestRoute:
    """Where the answers go, and what of the message goes with them."""

    def test_correlation_id_comes_back(self) -> None:
        assert accepted(plain(correlation_id="c-1")).route.correlation_id == "c-1"

    def test_without_reply_to_there_is_only_the_topic(self) -> None:
        assert accepted(plain(reply_to=None)).route.reply_to is None
        assert accepted(plain(reply_to="")).route.reply_to is None

    def test_only_valid_trace_headers_are_taken(self) -> None:
        trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        headers = {"traceparent": trace.encode(), "tracestate": "k=v", "CC": ["x"], "BCC": ["y"]}

        route = accepted(plain(headers=headers)).route

        assert (route.traceparent, route.tracestate) == (trace, "k=v")

    @pytest.mark.parametrize(
        "headers",
        [
            {"traceparent": "nonsense", "tracestate": "k=v"},
            {"traceparent": "00-" + "0" * 32 + "-" + "b" * 16 + "-01"},
            {"traceparent": "ff-" + "a" * 32 + "-" + "b" * 16 + "-01"},
            {"traceparent": 5, "tracestate": ["k"]},
            {"tracestate": "k=v"},
        ],
    )
    def test_other_trace_headers_are_dropped(self, headers: dict[str, Any]) -> None:
        route = accepted(plain(headers=headers)).route

        assert (route.traceparent, route.tracestate) == (None, None)

    def test_a_tracestate_too_long_is_dropped_alone(self) -> None:
        trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        route = accepted(plain(headers={"traceparent": trace, "tracestate": "k=" + "v" * 600})).route

        assert (route.traceparent, route.tracestate) == (trace, None)

    @pytest.mark.parametrize(
        "reply_to",
        [
            "fapiao.issue",
            "amq.rabbitmq.reply-to",
            "amq.rabbitmq.reply-to.g1h2",
            "amq.topic",
            "q" * 256,
            "字" * 86,
            "a\nb",
        ],
    )
    def test_a_forbidden_reply_to_is_refused_and_not_answered_there(self, reply_to: str) -> None:
        command, data = rejected(plain(reply_to=reply_to), RejectionCode.REPLY_TO_REFUSED)

        assert command.route.reply_to is None
        assert reply_to not in json.dumps(data, ensure_ascii=False)

    def test_direct_reply_to_is_refused_with_the_reason(self) -> None:
        _, data = rejected(plain(reply_to="amq.rabbitmq.reply-to"), RejectionCode.REPLY_TO_REFUSED)

        assert "direct reply-to" in data["errors"][0]["message"]

    def test_a_server_named_queue_is_a_good_reply_queue(self) -> None:
        assert accepted(plain(reply_to="amq.gen-JzTY20BRgKO")).route.reply_to == "amq.gen-JzTY20BRgKO"

    def test_the_pattern_must_match_the_whole_name(self) -> None:
        rules = AdmissionRules.from_settings(Settings(reply_to_pattern=r"reply\.erp", _env_file=None), ["fapiao.issue"])

        accepted(plain(reply_to="reply.erp"), rules)
        rejected(plain(reply_to="reply.erp.other"), RejectionCode.REPLY_TO_REFUSED, rules)

    def test_a_correlation_id_with_control_characters_is_refused_and_replaced_by_the_id(self) -> None:
        command, _ = rejected(plain(correlation_id="a\x00b"), RejectionCode.INVALID)

        assert command.route.correlation_id == "order-1"


class TestAnswers:
    """Answers that are no command's own event."""

    def test_id_reused_has_an_event_id_of_its_own_and_no_sequence(self) -> None:
        command = accepted(plain())
        answer = answer_reused(command, RULES)
        body = loads(answer.event.body)

        assert answer.event.id == body["id"] != event_id("erp", "order-1", 1)
        assert (answer.event.sequence, body["sequence"]) == (0, 0)
        assert answer.event.type == "invoice.issue.rejected"
        assert body["data"]["code"] == "id_reused"
        assert (answer.command_id, answer.route, answer.at) == (command.id, command.route, RECEIVED_AT)

    def test_the_same_message_again_gets_the_same_answer_and_another_one_another(self) -> None:
        first = answer_reused(accepted(plain()), RULES).event.id
        again = answer_reused(accepted(plain(received_at=RECEIVED_AT + timedelta(1))), RULES).event.id
        other = answer_reused(accepted(plain(order(orderNo="2"))), RULES).event.id

        assert first == again != other

    def test_busy_is_said_anew_each_time(self) -> None:
        first = answer_busy(accepted(plain()), RULES)
        later = answer_busy(accepted(plain(received_at=RECEIVED_AT + timedelta(seconds=1))), RULES)

        assert loads(first.event.body)["data"]["code"] == "busy"
        assert first.event.id != later.event.id


class TestRules:
    """The rules come from the settings."""

    def test_every_number_is_taken_over(self) -> None:
        settings = Settings(
            max_items=3, remark_max_chars=7, max_body_bytes=2048, deadline_seconds=5, source="/w", _env_file=None
        )
        rules = AdmissionRules.from_settings(settings, ["q"])

        assert rules.limits == InvoiceLimits(max_items=3, remark_max_chars=7)
        assert rules.max_body_bytes == 2048
        assert rules.deadline == timedelta(seconds=5)
        assert (rules.worker, rules.own_queues) == ("/w", frozenset({"q"}))

    def test_the_settings_defaults_are_the_limits_defaults(self) -> None:
        assert AdmissionRules.from_settings(Settings(_env_file=None), []).limits == InvoiceLimits()

    @pytest.mark.parametrize("name", ["reply_to_pattern", "tax_id_pattern"])
    def test_a_bad_pattern_is_a_matter_of_configuration(self, name: str) -> None:
        settings = Settings(_env_file=None).model_copy(update={name: "("})

        with pytest.raises(ConfigurationError, match="no regular expression"):
            AdmissionRules.from_settings(settings, [])
