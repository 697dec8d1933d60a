"""No password is shown, whatever a frame looks like."""

import json

import pytest

from worker.sandbox.masking import LONGEST, masked, masked_members, secrets_in

SECRET = 'pa"ss\\wo"rd'


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("member", ["password", "sellerLoginPassword"])
def test_a_password_is_hidden_at_any_depth_of_json_inside_json(member: str, depth: int) -> None:
    text = json.dumps({"type": "login", "data": {member: SECRET, "phone": "1"}})
    for _ in range(depth):
        text = json.dumps({"data": text})
    shown = masked(text)
    assert "wo" not in shown.replace("password", "").replace("Password", "")
    assert "***" in shown
    assert "phone" in shown


@pytest.mark.parametrize("value", ["12345", "null", "true"])
def test_a_password_that_is_no_text_is_hidden_too(value: str) -> None:
    assert masked(f'{{"password" : {value}, "a": 1}}') == '{"password" : "***", "a": 1}'


def test_a_known_password_is_hidden_wherever_it_stands() -> None:
    assert masked("remark: hunter22!", ["hunter22"]) == "remark: ***!"
    assert masked("remark: abc", ["abc"]) == "remark: abc"


def test_pictures_and_long_frames_are_shortened() -> None:
    assert masked("data:image/png;base64," + "A" * 5000).endswith("…(5,000 characters)")
    assert len(masked("甲" * 10 * LONGEST)) < LONGEST + 40


def test_members_are_masked_and_secrets_found_at_any_depth() -> None:
    told = {"login": {"password": "p1"}, "rows": [{"sellerLoginPassword": "p2"}, 3], "a": None}
    assert secrets_in(told) == {"p1", "p2"}
    assert secrets_in([told, "x"]) == {"p1", "p2"}
    assert secrets_in(None) == set()
    assert masked_members(told) == {
        "login": {"password": "***"},
        "rows": [{"sellerLoginPassword": "***"}, 3],
        "a": None,
    }
