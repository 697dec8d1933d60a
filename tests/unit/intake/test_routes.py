"""Which queues a caller may name: by pattern, and by the name that the broker has checked."""

import re

import pytest

from worker.intake.routes import ReplyPattern


@pytest.mark.parametrize(
    ("pattern", "queue", "user", "allowed"),
    [
        (".*", "anything", None, True),
        (r"reply\.erp", "reply.erp", None, True),
        (r"reply\.erp", "reply.erp.more", None, False),
        (r"reply\.{user_id}\..*", "reply.shop.1", "shop", True),
        (r"reply\.{user_id}\..*", "reply.other.1", "shop", False),
        (r"reply\.{user_id}\..*", "reply.shop.1", None, False),
        (r"reply\.{user_id}\..*", "reply..1", "", False),
        (r"{user_id}|{user_id}\..*", "shop.a", "shop", True),
    ],
)
def test_a_queue_is_allowed_by_the_whole_pattern(pattern: str, queue: str, user: str | None, allowed: bool) -> None:
    assert ReplyPattern(pattern).allows(queue, user) is allowed
    assert (ReplyPattern(pattern).refusal(queue, user) is None) is allowed


@pytest.mark.parametrize("user", [".*", "a|other", "(", "shop)|(other", "\\"])
def test_a_name_that_looks_like_an_expression_stands_for_itself(user: str) -> None:
    """Otherwise a user called `.*` could have its answers sent anywhere."""
    pattern = ReplyPattern(r"reply\.{user_id}")

    assert not pattern.allows("reply.other", user)
    assert pattern.allows(f"reply.{user}", user)


def test_a_missing_user_id_is_named_as_what_is_missing() -> None:
    assert "user_id" in (ReplyPattern("{user_id}").refusal("q", None) or "")


def test_what_is_no_expression_is_refused_at_the_start() -> None:
    with pytest.raises(re.error):
        ReplyPattern("(")
