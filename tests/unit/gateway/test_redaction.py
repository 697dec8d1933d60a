"""What is taken out of foreign JSON, and what is left alone."""

import json
from decimal import Decimal
from typing import Any

import pytest

from worker.gateway.redaction import MASK, MAX_EVIDENCE_BYTES, AnswerRedactor, evidence, is_secret_name, sound_text


@pytest.mark.parametrize(
    "name", ["password", "sellerLoginPassword", "userPwd", "passwd", "登录密码", "access_token", "sellerLoginAccount"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["buyerBankAccount", "remark", "traceId", "sellerBank", "name"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_members_named_like_secrets_go_at_any_depth_and_inside_json_text() -> None:
    value = {"a": [{"password": "x", "b": '{"pwd": "y", "c": [{"token": 1}]}'}], "d": Decimal("1.5")}

    assert AnswerRedactor().value(value) == {"a": [{"b": '{"c": [{}]}'}], "d": Decimal("1.5")}


def test_text_that_names_a_secret_and_is_broken_json_is_masked_whole() -> None:
    assert AnswerRedactor().text('{"password": "x"') == MASK


def test_prose_that_names_a_secret_is_left_alone() -> None:
    assert AnswerRedactor().text("a token of thanks") == "a token of thanks"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("long-secret", MASK),
        ("see long-secret!", f"see {MASK}!"),
        ("short", MASK),
        ("shortly", "shortly"),
        ("123", "123"),
    ],
)
def test_equal_values_are_masked_and_long_ones_also_inside_text(text: str, masked: str) -> None:
    assert AnswerRedactor(["long-secret", "short", "123"]).text(text) == masked


def test_a_key_may_not_carry_a_password_either() -> None:
    assert AnswerRedactor(["Geheim-4711"]).value({"Geheim-4711": 1}) == {MASK: 1}


def test_nesting_is_bounded() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]

    assert MASK in json.dumps(AnswerRedactor().value(deep))
    assert MASK.encode() in evidence({"data": deep})


def test_evidence_is_json_of_bounded_size() -> None:
    assert json.loads(evidence({"a": Decimal("1.50"), "b": "订单"})) == {"a": "1.50", "b": "订单"}
    assert len(evidence({"a": "单" * MAX_EVIDENCE_BYTES})) <= MAX_EVIDENCE_BYTES


def test_a_password_that_a_frame_names_is_masked_where_it_is_repeated() -> None:
    assert b"fremd" not in evidence({"x": {"password": "fremdes-wort"}, "y": ["fremdes-wort", "a fremdes-wort b"]})


@pytest.mark.parametrize(("text", "sound"), [("a\x00b", "ab"), ("\ud800x", "?x"), ("单", "单"), ("", "")])
def test_text_is_made_fit_for_utf_8_and_for_databases(text: str, sound: str) -> None:
    assert sound_text(text) == sound
