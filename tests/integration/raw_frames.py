"""Frames that no well-behaved client sends."""

import struct


def frames_with_timestamp(  # noqa: PLR0917  in the order of the wire
    channel: int, exchange: str, routing_key: str, message_id: str, timestamp: int, body: bytes
) -> bytes:
    """A publish with content type, message id, any 64-bit timestamp and `app_id` shop."""
    method = b"\x00\x3c\x00\x28\x00\x00" + _short(exchange) + _short(routing_key) + b"\x00"
    flags = 1 << 15 | 1 << 7 | 1 << 6 | 1 << 3
    properties = _short("application/json") + _short(message_id) + struct.pack(">Q", timestamp) + _short("shop")
    header = struct.pack(">HHQH", 60, 0, len(body), flags) + properties
    return _frame(1, channel, method) + _frame(2, channel, header) + _frame(3, channel, body)


def _short(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"
