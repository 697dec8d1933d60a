"""Nobody asks a proxy for what is on this machine."""

import asyncio
import http.server
import threading
from pathlib import Path

import pytest
from typing_extensions import override

from worker.cli.parts import Parts, get


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


async def test_the_part_that_ended_by_itself_is_named(tmp_path: Path) -> None:
    """Of three logs the last two lines each were shown, and not which part had ended, nor how."""
    parts = Parts(tmp_path)
    try:
        await parts.start("sandbox", ["sandbox", "--port", "0"], {})
        await parts.start("worker", ["nonsense"], {})
        said = await asyncio.wait_for(parts.until_one_ends(), 60)
    finally:
        await parts.end()
    assert said.startswith("The worker ended by itself, with exit code 2. Its last words: worker: ")
    assert "sandbox" not in said
