"""Reads what a QR picture says. The only door to Pillow and zxing-cpp.

Guaranteed: never raises for what a picture holds, never takes more than `timeout_seconds` of a caller's time,
never decodes more than `MAX_PIXELS`, and blocks no event loop. What cannot be read is None: a person can still
scan the picture itself.
Not known here: sessions and frames.
"""

import asyncio
import importlib.util
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import structlog

from worker.gateway.qr import image_bytes
from worker.gateway.redaction import sound_text

if TYPE_CHECKING:
    from PIL import Image

log = structlog.get_logger()

MAX_PIXELS: Final = 4_000_000
"""Far beyond any QR; about 0.1 s of work. The size is read from the header, before anything is unpacked."""
_KINDS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "AVIF")
"""Kinds that are unpacked; of others (SVG, HEIC) a person reads what they say."""


class QrScanner:
    """Reads pictures one at a time in a thread of its own."""

    def __init__(self, timeout_seconds: float = 5.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qr")
        self._turn = asyncio.Semaphore(1)
        if not can_read():
            log.warning("qr_texts_not_read", why="the extra qr is not installed: qr_required has a null content")

    async def read(self, uri: str) -> str | None:
        """The text of the first QR in a data URI that `qr.image_uri` wrote. Safe to cancel."""
        # The turn is waited for outside the time limit: a thousand codes at once are no reason to give one up.
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await asyncio.get_running_loop().run_in_executor(self._thread, content_of, uri)
            except TimeoutError:
                return None

    def close(self) -> None:
        """Let the thread go without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def can_read() -> bool:
    """Whether the extra `qr` is installed. Without it pictures are passed on unread."""
    return all(importlib.util.find_spec(name) for name in ("PIL", "zxingcpp"))


def content_of(uri: str) -> str | None:
    """`QrScanner.read` without the thread and the time limit."""
    try:
        import zxingcpp  # noqa: PLC0415  an extra
        from PIL import Image  # noqa: PLC0415

        with Image.open(io.BytesIO(image_bytes(uri)), formats=_KINDS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            grey = _on_white(picture).convert("L")
        pixels = memoryview(grey.tobytes()).cast("B", (grey.height, grey.width))
        # Made anew each time: kept for good, the binding would complain of it when the process ends.
        formats = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
        codes = zxingcpp.read_barcodes(pixels, formats=formats)
    except Exception:
        # A stranger's picture breaks image libraries in ways that no list names.
        return None
    return sound_text(codes[0].text) if codes else None


def _on_white(picture: "Image.Image") -> "Image.Image":
    """Black on transparent would be black on black."""
    from PIL import Image  # noqa: PLC0415

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    white.alpha_composite(layer)
    return white
