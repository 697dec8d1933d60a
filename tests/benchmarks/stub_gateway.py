"""A gateway that is light enough not to be the limit: a WebSocket server of a hundred lines that issues everything.

Speaks the issuing dialogue only: `login` is accepted, `invoice_info` is answered by `invoice_pdf` with an echo of it,
or, with `--qr`, for users named `bench-scan…` by a QR that nobody scans. Not a model of the real gateway: that is the
sandbox's part.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import struct
import sys
from itertools import count
from typing import Final, cast

import uvloop
from typing_extensions import override

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SHORT, _MEDIUM = 126, 127
_ECHOED = ("buyerName", "buyerIndentification", "sellerName", "sellerIndentification", "remark", "invoiceItems")
_PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(392)).decode()
_SCANNING = "bench-scan"
_numbers = count(1)


class Line(asyncio.Protocol):
    """One connection of one `userId`."""

    def __init__(self, *, shows_qr: bool) -> None:
        self._shows_qr = shows_qr
        self._buffer = bytearray()
        self._is_open = False
        self._user = ""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            self._shake_hands()
        while self._is_open and (frame := self._take_frame()) is not None:
            self._hear(*frame)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _shake_hands(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        self._user = lines[0].split(b" ")[1].partition(b"userId=")[2].decode()
        headers = dict(line.lower().split(b":", 1) for line in lines[1:])
        keys = [line.split(b":", 1)[1].strip() for line in lines[1:] if line.lower().startswith(b"sec-websocket-key")]
        assert b"upgrade" in headers
        accept = base64.b64encode(hashlib.sha1(keys[0] + _GUID).digest())  # noqa: S324  RFC 6455 asks for it
        self._write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        del self._buffer[: end + 4]
        self._is_open = True

    def _take_frame(self) -> tuple[int, bytes] | None:
        """The next whole frame: opcode and what it says."""
        buffer, offset = self._buffer, 2
        if len(buffer) < offset:
            return None
        length = buffer[1] & 0x7F
        if length == _SHORT:
            offset, length = 4, int.from_bytes(buffer[2:4], "big")
        elif length == _MEDIUM:
            offset, length = 10, int.from_bytes(buffer[2:10], "big")
        if len(buffer) < offset + 4 + length:
            return None
        mask, masked = bytes(buffer[offset : offset + 4]), bytes(buffer[offset + 4 : offset + 4 + length])
        opcode = buffer[0] & 0x0F
        del buffer[: offset + 4 + length]
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        return opcode, (int.from_bytes(masked, "big") ^ key).to_bytes(length, "big")

    def _hear(self, opcode: int, said: bytes) -> None:
        if opcode == _CLOSE:
            self._say(_CLOSE, said[:2])
            if self._transport is not None:
                self._transport.close()
        elif opcode == _PING:
            self._say(_PONG, said)
        elif opcode == _TEXT:
            self._answer(json.loads(said))

    def _answer(self, frame: dict[str, object]) -> None:
        if frame["type"] == "login":
            self._tell("login", "1")
        elif frame["type"] == "invoice_info" and self._shows_qr and self._user.startswith(_SCANNING):
            self._tell("invoice_qrcode", _PICTURE)
        elif frame["type"] == "invoice_info":
            asked = frame["data"]
            assert isinstance(asked, dict)
            number = f"{next(_numbers):020}"
            echo = {name: asked[name] for name in _ECHOED if name in asked}
            self._tell("invoice_pdf", echo | {"invoiceUrl": f"https://files.example/{number}.pdf"})

    def _tell(self, kind: str, data: object) -> None:
        self._say(_TEXT, json.dumps({"type": kind, "sendToId": self._user, "data": data}, ensure_ascii=False).encode())

    def _say(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        first = 0x80 | opcode
        head = bytes((first, length)) if length < _SHORT else struct.pack("!BBH", first, _SHORT, length)
        self._write(head + payload)


async def serve(*, shows_qr: bool) -> None:
    """Listen until killed; prints the address as the sandbox does."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Line(shows_qr=shows_qr), "127.0.0.1", 0, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"gateway": f"ws://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qr", action="store_true", help="show those a QR whose userId begins with bench-scan")
    uvloop.run(serve(shows_qr=parser.parse_args().qr))
