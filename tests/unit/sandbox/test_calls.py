"""A page of another origin changes nothing and reads nothing; the sandbox's own page and every program may."""

import pytest

from worker.sandbox.calls import Call, refusal

HERE = "127.0.0.1:8090"


def call(method: str = "POST", *, target: str = "/_sandbox/reset", body: bytes = b"", **headers: str) -> Call:
    told = {"host": HERE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Call(method, target, told, body)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": f"http://{HERE}"},
        {"origin": f"http://{HERE}", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"host": "sandbox:8090"},
        {"host": "localhost:8090"},
        {"host": "[::1]:8090"},
        {"host": "192.168.1.7:8090"},
        {"host": "host.docker.internal:8090"},
        {"host": "sandbox.example.com"},
        {"host": "sandbox.example.com", "origin": "https://sandbox.example.com"},
        {"origin": "https://sandbox.example.com"},
    ],
)
def test_a_program_and_the_sandboxs_own_page_are_answered(headers: dict[str, str]) -> None:
    assert refusal(Call("POST", "/_sandbox/reset", {"host": HERE, **headers}), "https://sandbox.example.com") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example:8090", "origin": "http://evil.example:8090"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "evil.example."},
        {"host": "[", "origin": "http://["},
        {"host": "internal.evil"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(headers: dict[str, str]) -> None:
    """Nor by a name of its own that leads to this machine."""
    assert refusal(Call("POST", "/_sandbox/reset", {"host": HERE, **headers}), None) is not None


def test_a_foreign_name_reads_nothing_either() -> None:
    assert refusal(call("GET", host="evil.example"), None) is not None
    assert refusal(call("GET", origin="https://evil.example"), None) is None  # the browser keeps the answer from it


def test_parameters_come_from_the_address_and_from_a_form() -> None:
    form = call(
        target="/x?a=1&b=2", body="b=3&c=甲".encode(), content_type="application/x-www-form-urlencoded; charset=u"
    )
    assert form.asked == {"a": "1", "b": "3", "c": "甲"}
    assert call(target="/x?a=1", body=b"a=2", content_type="application/json").asked == {"a": "1"}
    assert call(target="/x?a=1", body=b' {"a": 2}', content_type="application/x-www-form-urlencoded").asked == {
        "a": "1"
    }
    assert call(target="/scan/a%2Fb//c").place == ["scan", "a/b", "c"]
