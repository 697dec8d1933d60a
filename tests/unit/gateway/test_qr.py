"""What is a picture of a QR, and how it is written."""

import base64
import io
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.gateway.dialogue import data_uri, picture
from worker.gateway.qr import (
    MAX_IMAGE_BYTES,
    found_in,
    image_bytes,
    image_uri,
    is_oversized,
    looks_like_image,
    may_be_content,
    unwrapped,
)

PNG = picture("hello")
ENCODED = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "text",
    [
        data_uri(PNG),
        ENCODED,
        ENCODED.rstrip("="),
        "\n".join(ENCODED[start : start + 76] for start in range(0, len(ENCODED), 76)),
        f" “{data_uri(PNG)}“ ",
        data_uri(PNG, "jpg"),
        f"DATA:application/octet-stream;charset=x;BASE64,{ENCODED}",
        base64.urlsafe_b64encode(PNG).decode(),
        "\\r\\n".join(ENCODED[start : start + 76] for start in range(0, len(ENCODED), 76)),
        quote(ENCODED, safe=""),
        f"image/png;base64,{ENCODED}",
        f"base64,{ENCODED}",
        f'<img src="{data_uri(PNG)}"/>',
    ],
)
def test_every_wording_of_a_picture_becomes_the_same_data_uri(text: str) -> None:
    assert looks_like_image(text)
    assert image_uri(text) == data_uri(PNG)
    assert image_bytes(data_uri(PNG)) == PNG


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_the_kind_is_told_by_the_pictures_first_bytes(kind: str) -> None:
    content = picture("hello", kind)

    assert image_uri(f"data:image/webp;base64,{base64.b64encode(content).decode()}") == data_uri(content, kind)


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png,raw",
        "data:",
        "data:image/png;base64,",
        "data:;base64,öö",
        "PGI+",
    ],
)
def test_other_content_is_no_picture(text: str) -> None:
    assert image_uri(text) is None


@pytest.mark.parametrize("text", ["qrcode_id=1", "https://example.com/a.png", "", "hello data:image/png;base64,"])
def test_text_is_not_meant_as_a_picture(text: str) -> None:
    assert not looks_like_image(text)


def test_the_size_is_bounded() -> None:
    largest = PNG + bytes(MAX_IMAGE_BYTES - len(PNG))

    assert image_uri(data_uri(largest)) is not None
    assert not is_oversized(data_uri(largest))
    assert image_uri(data_uri(largest + b"x")) is None
    assert is_oversized(data_uri(largest + bytes(1000)))
    assert is_oversized("x" * 7090)
    assert not is_oversized("x" * 7089)


def test_quotes_and_spaces_go_from_the_ends_only() -> None:
    assert unwrapped(" “http://a/b c“\n") == "http://a/b c"


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="200"><path d="M0 0h9v9z"/></svg>'


def drawn(kind: str) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(PNG)).convert("RGB").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (drawn("WEBP"), "webp"),
        (drawn("BMP"), "bmp"),
        (drawn("TIFF"), "tiff"),
        (drawn("ICO"), "x-icon"),
        (drawn("AVIF"), "avif"),
        (SVG, "svg+xml"),
    ],
    ids=["webp", "bmp", "tiff", "ico", "avif", "svg"],
)
def test_every_kind_of_picture_is_passed_on_as_it_is_with_or_without_its_prefix(content: bytes, kind: str) -> None:
    encoded = base64.b64encode(content).decode()
    for text in (encoded, f"data:image/{kind};base64,{encoded}", f"data:application/octet-stream;base64,{encoded}"):
        assert looks_like_image(text)
        assert image_uri(text) == f"data:image/{kind};base64,{encoded}"


def test_an_svg_may_come_as_text() -> None:
    for text in (SVG.decode(), f"data:image/svg+xml;utf8,{quote(SVG.decode())}"):
        assert looks_like_image(text)
        assert image_bytes(image_uri(text) or "") == SVG


def test_a_picture_of_an_unknown_kind_is_one_by_the_gateways_word_alone() -> None:
    encoded = base64.b64encode(b"x" * 200).decode()
    assert image_uri(f"data:image/vnd.new;base64,{encoded}") == f"data:image/vnd.new;base64,{encoded}"
    assert image_uri(f"data:image/png;base64,{encoded}") is None
    assert image_uri(f"data:text/html;base64,{encoded}") is None


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("https://login.example/scan?id=1&t=2", True),
        ('{"qrcode_id":"1"}', True),
        ("Qk" + "x" * 200, True),
        ("请重新登录", False),
        ("请 scan", False),
        ("service unavailable", False),
        ("a\tb", False),
        ("", False),
    ],
)
def test_a_qrs_content_has_no_blanks_and_no_chinese(text: str, may_be: bool) -> None:
    assert may_be_content(text) is may_be
    assert not looks_like_image(text)


@given(st.text() | st.binary().map(lambda content: base64.b64encode(content).decode()))
def test_whatever_is_told_is_a_bounded_picture_or_none(text: str) -> None:
    looks_like_image(text)
    uri = image_uri(text)

    assert uri is None or (uri.startswith("data:image/") and len(image_bytes(uri)) <= MAX_IMAGE_BYTES)


@pytest.mark.parametrize(
    "before", ["", "\ufeff", '<?xml version="1.0"?>\n', "<!-- made by x -->", '<!DOCTYPE svg PUBLIC "a" "b">']
)
@pytest.mark.parametrize("begin", ["<svg ", "<svg\n", "<SVG ", "<svg:svg "])
def test_a_drawing_is_known_whatever_stands_before_it(before: str, begin: str) -> None:
    text = f"{before}{begin}width='9'></svg>"

    assert looks_like_image(text)
    assert (image_uri(text) or "").startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    "data",
    [
        {"qrcode": ENCODED, "expire": 60},
        {"code": 200, "data": {"image": data_uri(PNG)}},
        [data_uri(PNG)],
        {"msg": "请扫码", "result": [{"base64": ENCODED}]},
    ],
)
def test_a_picture_is_found_in_whatever_holds_it(data: Any) -> None:
    found = found_in(data)

    assert found is not None
    assert image_uri(found) == data_uri(PNG)


@pytest.mark.parametrize("data", [{"qrUrl": "https://x.example/q"}, {"data": {"qrcode": "qrcode_id=1"}}])
def test_so_is_what_a_qr_says_where_a_member_is_named_like_one(data: Any) -> None:
    assert found_in(data) in {"https://x.example/q", "qrcode_id=1"}


@pytest.mark.parametrize(
    "data", [{}, [], None, "text", {"code": 500, "msg": "二维码已失效"}, {"trace": "abcdefghij"}, {"url": "0"}]
)
def test_what_holds_none_gives_none(data: Any) -> None:
    assert found_in(data) is None
