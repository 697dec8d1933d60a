"""Calls of the journal under a guard that tells errors apart."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Result = TypeVar("Result")
Asked = ParamSpec("Asked")


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
