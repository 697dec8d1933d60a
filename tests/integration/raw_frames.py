"""Frames that no well-behaved client sends."""

import struct


def raw_command(
    channel: int, exchange: str, message_id: bytes, timestamp: int, body: bytes, routing_key: bytes = b"invoice.issue"
) -> bytes:
    """A publish of an `invoice.issue` with any bytes as message id and routing key, and any 64 bits as timestamp."""
    method = b"\x00\x3c\x00\x28\x00\x00" + _short(exchange.encode()) + _short(routing_key) + b"\x00"
    flags = 1 << 15 | 1 << 7 | 1 << 6 | 1 << 5 | 1 << 3
    properties = _short(b"application/json") + _short(message_id) + struct.pack(">Q", timestamp)
    properties += _short(b"invoice.issue") + _short(b"shop")
    header = struct.pack(">HHQH", 60, 0, len(body), flags) + properties
    return _frame(1, channel, method) + _frame(2, channel, header) + _frame(3, channel, body)


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"
