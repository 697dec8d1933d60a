"""Nobody asks a proxy for what is on this machine."""

import http.server
import threading

import pytest
from typing_extensions import override

from worker.cli.parts import get


class _Here(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    @override
    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_is_not_asked_for_loopback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`demo` behind a company's proxy."""
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), _Here) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert get(f"http://127.0.0.1:{server.server_address[1]}/") == b"here"
