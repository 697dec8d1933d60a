"""Failures by consequence, since that is what a caller acts on, and calls under a guard that tells them apart.

Adapters translate what their libraries raise into one of these, always `from` the original. Flows never
raise them for a business outcome: they receive outcomes as inputs.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from contracts.failures import FailureCode

Result = TypeVar("Result")
Asked = ParamSpec("Asked")


class WorkerError(Exception):
    """The root of all that this worker raises on purpose."""


class Transient(WorkerError):
    """Nothing happened that matters; the same act may be repeated, not before `retry_after` where it is given."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(Transient):
    """As `Transient`, and no other user would have succeeded at that moment: connection refused, no route, no such
    name, a certificate that is not trusted."""


class Permanent(WorkerError):
    """Repeating the act cannot help."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class SubmissionInDoubt(WorkerError):
    """The act may have taken effect. Repeating it is forbidden."""


class BrokerLost(Transient):
    """The broker's connection or channel is gone; whatever was unconfirmed has an unknown outcome."""

    def __init__(self, message: str, *, says_what_to_do: bool = False) -> None:
        super().__init__(message)
        self.says_what_to_do = says_what_to_do
        """The message names what a person should look at."""


class JournalUnavailable(Transient):
    """The database cannot be reached. Nothing of the transaction is durable."""


class JournalFaulty(JournalUnavailable):
    """The store failed over this piece of work, while other work may succeed. Nothing of the transaction is durable,
    and doing it again may help."""


class NotStorable(WorkerError):
    """The journal cannot hold this: the same again fails likewise. Nothing of the transaction is durable."""


class LeaseLost(WorkerError):
    """This worker's right to its lanes has ended; it must drop its sessions and start anew."""


class ConfigurationError(WorkerError):
    """The worker cannot run as configured. The message says what to change."""


class SecretsUnreadable(ConfigurationError):
    """One command's secrets cannot be opened. It concerns that command alone."""

    def __init__(self, message: str, *, is_key_missing: bool) -> None:
        super().__init__(message)
        self.is_key_missing = is_key_missing
        """Another replica, or this one after a restart, may have the key."""


class StoreBusy(ConfigurationError):
    """Another process holds the SQLite file."""


class SchemaOutdated(ConfigurationError):
    """The database schema is not this version's. `says` how they differ, and `what_to_do` about it."""

    def __init__(self, says: str, what_to_do: str = "") -> None:
        super().__init__(": ".join(filter(None, (says, what_to_do))))
        self.says = says
        self.what_to_do = what_to_do


class NotFound(WorkerError):
    """There is no such command, event or reply."""


class NotResolvable(WorkerError):
    """The command is not in doubt, or the number belongs to another command."""


def guarded_by(
    guard: Callable[[], AbstractContextManager[None]],
) -> Callable[[Callable[Asked, Awaitable[Result]]], Callable[Asked, Coroutine[Any, Any, Result]]]:
    """The same call; what it raises goes through `guard`."""

    def guarded(call: Callable[Asked, Awaitable[Result]]) -> Callable[Asked, Coroutine[Any, Any, Result]]:
        @wraps(call)
        async def made(*args: Asked.args, **kwargs: Asked.kwargs) -> Result:
            with guard():
                return await call(*args, **kwargs)

        return made

    return guarded
