"""What this port answers to a plain HTTP request."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from contracts.gateway import dumps


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with a body in memory."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An HTTP answer that goes on until its reader leaves, or stays so far behind that it is left."""

    content_type: str
    pieces: AsyncGenerator[bytes, None]


def json_text(told: Any) -> str:
    """JSON of what a program here holds, floats too."""
    return dumps({"": _exact(told)})[len('{"":') : -1]


def _exact(told: Any) -> Any:
    if isinstance(told, float):
        return int(told) if told.is_integer() else Decimal(repr(told))
    if isinstance(told, Mapping):
        return {name: _exact(value) for name, value in told.items()}
    return [_exact(value) for value in told] if isinstance(told, (list, tuple)) else told
