"""Reading what a QR says."""

import asyncio
import struct
import sys
import zlib

import pytest
import structlog

from tests.unit.gateway.dialogue import data_uri, picture
from worker.gateway import scanner
from worker.gateway.scanner import QrScanner, can_read, content_of

TEXT = "https://例.com/scan?id=1&role=法定代表人"


def hollow_png(width: int, height: int) -> bytes:
    """A PNG that promises more pixels than it holds."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_each_kind_of_picture_is_read(kind: str) -> None:
    assert content_of(data_uri(picture(TEXT, kind), kind)) == TEXT


def test_a_transparent_background_is_white() -> None:
    assert content_of(data_uri(picture(TEXT, light=None))) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff rubbish",
        b"GIF89a",
        picture(TEXT)[:60],
        hollow_png(100, 100),
        hollow_png(5000, 5000),
        hollow_png(60_000, 60_000),
    ],
)
@pytest.mark.filterwarnings("default")
def test_a_picture_that_cannot_be_read_has_no_content(content: bytes) -> None:
    assert content_of(data_uri(content)) is None


def test_a_picture_without_a_code_has_no_content() -> None:
    assert content_of(data_uri(hollow_png(1, 1))) is None


async def test_pictures_are_read_in_a_thread() -> None:
    reader = QrScanner()

    texts = await asyncio.gather(*(reader.read(data_uri(picture(f"code {n}"))) for n in range(5)))

    reader.close()
    assert texts == [f"code {n}" for n in range(5)]


async def test_a_picture_that_takes_too_long_has_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def stuck(_uri: str) -> str:
        release.wait(5)
        return "late"

    monkeypatch.setattr(scanner, "content_of", stuck)
    reader = QrScanner(timeout_seconds=0.01)

    assert await reader.read("data:,") is None

    release.set()
    reader.close()


def test_without_the_extra_a_picture_is_passed_on_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person scans the picture itself; the log says once why its text is missing."""
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    assert content_of("data:image/png;base64,AAAA") is None
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert not can_read()
    with structlog.testing.capture_logs() as logs:
        QrScanner().close()
    assert [line["event"] for line in logs] == ["qr_texts_not_read"]
