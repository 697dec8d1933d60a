"""The health check of the image and of Compose: its exit code is all that an engine looks at."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typing_extensions import override

from deploy import healthcheck


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/livez": 200, "/readyz": 503}.get(self.path, 404))
        self.end_headers()
        self.wfile.write(b"broker: not connected")

    @override
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A server that is alive and not ready."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_asks_whether_the_worker_lives_on_the_port_that_it_was_given(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's own setting names the port; a proxy of the environment has no say in it."""
    monkeypatch.setenv("FAPIAO_HTTP_PORT", str(port))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert healthcheck.main([]) == 0


@pytest.mark.parametrize("path", ["/readyz", "/elsewhere"])
def test_any_other_answer_is_unhealthy_and_is_shown(port: int, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`docker inspect` shows what a check printed."""
    assert healthcheck.main([path, str(port)]) == 1
    assert "broker: not connected" in capsys.readouterr().out


def test_no_answer_is_unhealthy(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens on port 1."""
    assert healthcheck.main(["/livez", "1"]) == 1
    assert "no answer" in capsys.readouterr().out
