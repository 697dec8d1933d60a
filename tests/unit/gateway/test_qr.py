"""What is a picture of a QR, and how it is written."""

import base64

import pytest

from tests.unit.gateway.dialogue import data_uri, picture
from worker.gateway.qr import MAX_IMAGE_BYTES, image_bytes, image_uri, is_oversized, looks_like_image, unwrapped

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
        "data:image/svg+xml;base64,PHN2Zz4=",
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
