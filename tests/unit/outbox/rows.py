"""Outbox rows for tests; a test names only what it is about."""

from typing import Any

from tests.virtual_time import EPOCH
from worker.records import Copy, OutboxRow

TYPE = "invoice.issue.completed"


def reply(seq: int, destination: str = "replies", **changes: Any) -> OutboxRow:
    """A reply copy, of a command of its own."""
    return _row(seq, Copy.REPLY, destination, changes)


def topic(seq: int, **changes: Any) -> OutboxRow:
    """A topic copy, of a command of its own."""
    return _row(seq, Copy.TOPIC, TYPE, changes)


def _row(seq: int, copy: Copy, destination: str, changes: dict[str, Any]) -> OutboxRow:
    values: dict[str, Any] = {
        "command_key": seq,
        "command_id": f"command-{seq}",
        "event_id": f"event-{seq}",
        "event_type": TYPE,
        "body": b"{}",
        "correlation_id": "c",
        "traceparent": None,
        "tracestate": None,
        "attempts": 0,
        "created_at": EPOCH,
    }
    return OutboxRow(seq=seq, copy=copy, destination=destination, **(values | changes))
