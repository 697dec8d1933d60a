"""What an operator may want to know of the gateway: how long which operation took. Names the operations, no more."""

from collections.abc import Callable
from typing import Literal

Operation = Literal["connect", "login", "first_answer", "query", "download", "items", "files"]
Observe = Callable[[Operation, float], None]
"""Told how long something took, in seconds: opening a socket, a login's answer, a submission's first answer, a page,
a download's notice from its page or its retry on, an HTTP look-up that succeeded."""


def observe_nothing(_operation: Operation, _seconds: float) -> None:
    """For those who do not want to know."""
