"""Bodies with half an emoji or in another encoding: nobody can store such texts, and their sender is told."""

import json
from typing import Any

import pytest

from contracts.failures import RejectionCode
from tests.unit.intake.messages import changed, cloud_event, order, plain
from tests.unit.intake.verdicts import only_dead, rejected, sent


class TestHalfAnEmoji:
    """Refused with a sentence, and answered under the id that was given."""

    ESCAPED = json.dumps(order("/invoice/remark", "SO-38 HALF"))

    @pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDE00", "\ud83d".encode(errors="surrogatepass")])
    def test_in_a_member_escaped_or_not(self, half: bytes) -> None:
        """Domain case 38."""
        body = self.ESCAPED.encode().replace(b"HALF", half)
        command, answer = rejected(plain(body), RejectionCode.MALFORMED)

        assert command.id == "order-1"
        [error] = answer["errors"]
        assert error["path"] == "/invoice/remark"
        assert "half of an emoji (a lone surrogate, at character 7)" in error["message"]

    def test_a_cloud_event_is_answered_under_its_own_id(self) -> None:
        incoming = cloud_event({"data": order("/invoice/remark", "x\ud83d")}, message_id="a-library-made-this-up")

        command, answer = rejected(incoming, RejectionCode.MALFORMED)
        assert (command.id, command.source) == ("order-1", "/erp")
        assert answer["errors"][0]["path"] == "/invoice/remark"

    @pytest.mark.parametrize(
        ("data", "path"),
        [
            (order(orderNo="x\ud800"), "/orderNo"),
            (order(userId="\udc00"), "/userId"),
            (order("/login/password", "p\ud800"), "/login/password"),
            (order() | {"\ud800": 1}, ""),
            (order("/invoice/\udfffx", 1), "/invoice"),
        ],
    )
    def test_in_any_member_or_name(self, data: dict[str, Any], path: str) -> None:
        _, answer = rejected(cloud_event({"data": data}), RejectionCode.MALFORMED)

        assert path in [error["path"] for error in answer["errors"] if "half of an emoji" in error["message"]]

    def test_in_the_envelope(self) -> None:
        _, answer = rejected(cloud_event({"source": "s\ud800"}), RejectionCode.MALFORMED)
        assert answer["errors"][0]["path"] == "/source"
        only_dead(cloud_event({"id": "x\ud800"}), RejectionCode.MALFORMED)

    def test_the_same_message_again_is_the_same(self) -> None:
        body = self.ESCAPED.encode().replace(b"HALF", b"\\ud83d")
        assert rejected(plain(body), "malformed")[0].content_hash == rejected(plain(body), "malformed")[0].content_hash

    def test_what_is_not_utf_8_is_answered_under_its_own_id_too(self) -> None:
        """A body in GBK: its id is plain ASCII."""
        event = {"specversion": "1.0", "id": "gbk-1", "source": "/erp", "type": "invoice.issue", "data": order()}
        body = json.dumps(event, ensure_ascii=False).encode("gbk")
        command, answer = rejected(plain(body, content_type=None, message_id=None), "malformed")

        assert command.id == "gbk-1"
        assert "not UTF-8" in answer["errors"][0]["message"]

    def test_a_whole_emoji_passes(self) -> None:
        assert sent(changed(remark="SO-38 \U0001f600"))["remark"] == "SO-38 \U0001f600"
