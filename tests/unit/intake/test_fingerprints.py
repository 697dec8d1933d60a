"""The same content is the same digest, whatever it looks like; other content is another."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.failures import RejectionCode
from tests.unit.intake.messages import PASSWORD, RECEIVED_AT, order, plain
from tests.unit.intake.verdicts import accepted, rejected
from worker.intake import fingerprints

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_the_fast_encoder_writes_the_bytes_that_the_slow_one_would(value: Any) -> None:
    """A hash must not depend on which of the two a value happened to need."""
    assert fingerprints._canonical_json(value) == fingerprints._CANONICAL.encode(value).encode()


class TestContentHash:
    """The same content is known again; other content is not."""

    @pytest.mark.parametrize("price", ["100", "100.00", '"100"', '"100.0"', "1e2"])
    def test_the_way_a_decimal_is_written_makes_no_difference(self, price: str) -> None:
        body = json.dumps(order("/invoice/invoiceItems/0/unitPrice", "@")).replace('"@"', price).encode()

        assert accepted(plain(body)).content_hash == accepted(plain()).content_hash

    def test_every_decimal_of_a_command_is_known_as_one(self) -> None:
        """Also that of a discount: 10 is 10.00."""
        hashes = {
            accepted(plain(json.dumps(order() | {"discounts": [{"line": 1, "amount": amount}]}).encode())).content_hash
            for amount in (10, "10", "10.00")
        }
        assert len(hashes) == 1

    def test_neither_do_order_spaces_and_passwords(self) -> None:
        data = order("/login/password", "changed")
        body = json.dumps(dict(reversed(data.items())), indent=4, ensure_ascii=False).encode()

        assert accepted(plain(body)).content_hash == accepted(plain()).content_hash

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_nor_does_a_member_that_says_nothing(self, nothing: str | None) -> None:
        """A publisher that changed how it writes null sends the same command."""
        data = order("/invoice/buyerPhone", nothing, deadline=nothing)

        assert accepted(plain(data)).content_hash == accepted(plain()).content_hash

    def test_nor_do_time_and_reply_queue(self) -> None:
        later = plain(received_at=RECEIVED_AT + timedelta(hours=1), reply_to="elsewhere", correlation_id="other")

        assert accepted(later).content_hash == accepted(plain()).content_hash

    @pytest.mark.parametrize(
        "data",
        [
            order("/invoice/invoiceItems/0/unitPrice", "100.01"),
            order("/invoice/remark", "other"),
            order(orderNo="SO-1"),
            order("/login/area", "3300"),
        ],
    )
    def test_other_content_has_another(self, data: dict[str, Any]) -> None:
        assert accepted(plain(data)).content_hash != accepted(plain()).content_hash

    def test_a_rejected_message_is_known_again_and_not_taken_for_its_correction(self) -> None:
        wrong, _ = rejected(plain(order(userId=5)), RejectionCode.INVALID)
        again, _ = rejected(plain(order(userId=5)), RejectionCode.INVALID)

        assert wrong.content_hash == again.content_hash != accepted(plain(order(userId="5"))).content_hash

    @pytest.mark.parametrize("name", ["pasword", "Passwort", "sellerLoginPasword", "pwd", "密码"])
    def test_a_misspelt_password_is_no_input(self, name: str) -> None:
        one, _ = rejected(plain(order(f"/login/{name}", PASSWORD)), RejectionCode.INVALID)
        other, _ = rejected(plain(order(f"/login/{name}", "other")), RejectionCode.INVALID)

        assert one.content_hash == other.content_hash

    def test_large_bodies_are_told_apart_by_length(self) -> None:
        one, _ = rejected(plain(b"x" * 2_000_000), RejectionCode.TOO_LARGE)
        other, _ = rejected(plain(b"x" * 2_000_001), RejectionCode.TOO_LARGE)
        assert one.content_hash != other.content_hash


class TestFingerprint:
    """What a reply could be told apart by."""

    @pytest.mark.parametrize(
        "data",
        [
            order(orderNo="SO-2"),
            order("/invoice/buyerEmail", "x@example.com"),
            order("/invoice/buyerName", "ＡＢＣ 公司"),
            order("/invoice/invoiceItems/0/unitPrice", "100.00"),
        ],
    )
    def test_what_a_reply_does_not_show_makes_no_difference(self, data: dict[str, Any]) -> None:
        assert accepted(plain(data)).fingerprint == accepted(plain()).fingerprint

    @pytest.mark.parametrize(
        "data",
        [
            order("/invoice/buyerName", "ABD公司"),
            order("/invoice/remark", "SO-2"),
            order("/invoice/invoiceItems/0/quantity", 3),
            order("/invoice/buyerIndentification", "91330106552613092U"),
        ],
    )
    def test_what_it_shows_does(self, data: dict[str, Any]) -> None:
        assert accepted(plain(data)).fingerprint != accepted(plain()).fingerprint
