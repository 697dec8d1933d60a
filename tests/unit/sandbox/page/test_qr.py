"""The QR can be read by a scanner, in each of the forms that the manual leaves open."""

import base64
import io

import zxingcpp
from PIL import Image

from worker.sandbox.page.scanning import qr_data

ADDRESS = "http://192.0.2.1:18080/scan/AbCdEf-_12"


def scanned(encoded: str) -> str:
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))))
    return str(code.text)


def test_a_data_uri_holds_the_address() -> None:
    head, encoded = qr_data(ADDRESS, "data_uri").split(",")
    assert head == "data:image/png;base64"
    assert scanned(encoded) == ADDRESS


def test_bare_base64_and_text_hold_it_too() -> None:
    """Trap 41."""
    assert scanned(qr_data(ADDRESS, "bare_base64")) == ADDRESS
    assert qr_data(ADDRESS, "text") == ADDRESS
