"""The QR that a person scans: a PNG whose text is a web address of the sandbox."""

import base64
import io

import segno

from worker.sandbox.dialogue import QrForm

_PIXELS_PER_MODULE = 6
_MASK = 3
"""A fixed mask pattern: choosing the best of eight takes most of the time, and every scanner reads all eight."""


def png(text: str) -> bytes:
    """Draw ``text`` as a QR image."""
    drawn = io.BytesIO()
    code = segno.make_qr(text, error="l", mask=_MASK, boost_error=False)
    code.save(drawn, kind="png", scale=_PIXELS_PER_MODULE, border=4)
    return drawn.getvalue()


def svg(text: str) -> bytes:
    """Draw ``text`` as a QR that scales."""
    drawn = io.BytesIO()
    segno.make_qr(text, error="l", mask=_MASK, boost_error=False).save(drawn, kind="svg", border=4)
    return drawn.getvalue()


def qr_data(text: str, form: QrForm) -> str:
    """Word the QR as ``invoice_qrcode`` carries it (trap 41): a data URI, bare base64, or the text itself."""
    if form == "text":
        return text
    if form == "svg":
        return f"data:image/svg+xml;base64,{base64.b64encode(svg(text)).decode('ascii')}"
    encoded = base64.b64encode(png(text)).decode("ascii")
    return encoded if form == "bare_base64" else f"data:image/png;base64,{encoded}"
