"""Which queues a reply may go to: the pattern of `FAPIAO_REPLY_TO_PATTERN`.

PURE. The worker may write to every queue and its caller may not, so the pattern is what keeps a caller from having
answers written into another's queue. With `{user_id}` it rests on the AMQP property of that name, which the broker
compares with the publisher's own login.
"""

import re
from functools import lru_cache
from typing import Final

USER_ID: Final = "{user_id}"


class ReplyPattern:
    """A regular expression for whole queue names, in which `{user_id}` stands for the publisher's name, literally."""

    def __init__(self, text: str) -> None:
        """Raises `re.error` where it is no regular expression."""
        self._text = text
        self._compiled = re.compile(text.replace(USER_ID, "user"))

    @property
    def names_user(self) -> bool:
        """Whether a message needs the property `user_id`."""
        return USER_ID in self._text

    def allows(self, reply_to: str, user_id: str | None) -> bool:
        """Whether this publisher's replies may go to this queue."""
        if not self.names_user:
            return self._compiled.fullmatch(reply_to) is not None
        return bool(user_id) and _for_user(self._text, str(user_id)).fullmatch(reply_to) is not None

    def refusal(self, reply_to: str, user_id: str | None) -> str | None:
        """Why not, in words for the sender; None where they may."""
        if self.names_user and not user_id:
            return "replies need the property user_id here: the name that you are logged in to the broker with"
        if not self.allows(reply_to, user_id):
            return "the property reply_to names a queue that this worker may not answer to (FAPIAO_REPLY_TO_PATTERN)"
        return None


@lru_cache(maxsize=256)
def _for_user(text: str, user_id: str) -> re.Pattern[str]:
    return re.compile(text.replace(USER_ID, re.escape(user_id)))
