"""What can be asked of the sandbox over plain HTTP: the page, scan pages, files, and the control API.

Guaranteed: a web page of another origin reads and changes nothing here (`calls.refusal`), and a GET changes nothing.
Otherwise nothing is protected: the sandbox belongs on a test machine, and listens on loopback unless told otherwise.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from inspect import isawaitable
from typing import Any, Final

from worker.sandbox.api.routes import ControlRoute
from worker.sandbox.api.table import ROUTES
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.calls import Answer, Call, Stream, json_text, refusal
from worker.sandbox.house import House
from worker.sandbox.page.render import page, part
from worker.sandbox.page.scanning import qr_svg, scan_page, unknown_page
from worker.sandbox.papers.ofd import ofd
from worker.sandbox.papers.pdf import pdf
from worker.sandbox.papers.xml import xml
from worker.sandbox.vendor import ScanState

_ROUTES: Final[Mapping[str, ControlRoute]] = {route.path: route for route in ROUTES}
_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_STAYS_INSIDE: Final = (("Content-Security-Policy", _POLICY), ("Referrer-Policy", "same-origin"))


async def answer(house: House, call: Call) -> Answer | Stream:
    """Answer a call. Never raises for what a client may send."""
    place = call.place
    if place[:1] == ["files"]:
        return await _file(house, place[1:])
    refused = refusal(call, house.options.public_url)
    if refused is not None:
        return _json({"error": refused}, HTTPStatus.FORBIDDEN)
    if place[:1] == ["_sandbox"]:
        route = _ROUTES.get("/".join(place[1:]))
        return _asset(house, call, place[1:]) if route is None else await _controlled(house, call, route)
    if place[:1] == ["scan"] and len(place) > 1:
        return _scan(house, call, place[1], place[2:])
    return _nothing("此地址") if place else page(house, call, _STAYS_INSIDE)


def _asset(house: House, call: Call, place: list[str]) -> Answer:
    """What the page fetches."""
    found = part(house, call, place[1], _STAYS_INSIDE) if place[:1] == ["page"] and len(place) == 2 else None
    return found or _nothing("此地址")


async def _controlled(house: House, call: Call, route: ControlRoute) -> Answer | Stream:
    if route.changes == call.is_read:
        method = "POST" if route.changes else "GET"
        told = {"error": f"{method}, please: this address {'changes' if route.changes else 'only tells'} something"}
        return _json(told, HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", method),))
    try:
        told = route.do(house, route.read(call), call)
        told = await told if isawaitable(told) else told
    except (KeyError, RecursionError, ValueError) as problem:
        return _json({"error": str(problem)}, HTTPStatus.BAD_REQUEST)
    if route.changes and call.wants_page:
        # A form of the page in a browser without scripts.
        return Answer(HTTPStatus.SEE_OTHER, "text/plain", b"", (("Location", "/"),))
    return told if isinstance(told, (Answer, Stream)) else _json(told)


def _scan(house: House, call: Call, token: str, rest: list[str]) -> Answer:
    scan = house.vendor.scans.get(token)
    if scan is None:
        return _nothing("此二维码")
    if rest == ["qr.svg"]:
        return Answer(HTTPStatus.OK, "image/svg+xml", qr_svg(house.scan_url(token)))
    states = {"confirm": ScanState.CONFIRMED, "decline": ScanState.DECLINED}
    if rest and (len(rest) > 1 or rest[0] not in states):
        return _nothing("此地址")
    if rest and call.is_read:
        return _json({"error": "POST, please"}, HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", "POST"),))
    if rest:
        house.scans.settle(token, states[rest[0]])
    return _html(scan_page(scan))


async def _file(house: House, place: list[str]) -> Answer:
    number, _, kind = "/".join(place).rpartition(".")
    invoice, form = house.books.find(number), _FILES.get(kind)
    if invoice is None or form is None:
        return _nothing("此文件")
    content_type, draw = form
    return Answer(HTTPStatus.OK, content_type, await asyncio.to_thread(draw, invoice))


_FILES: Final[Mapping[str, tuple[str, Callable[[BookedInvoice], bytes]]]] = {
    "pdf": ("application/pdf", pdf),
    "ofd": ("application/ofd", ofd),
    "xml": ("application/xml", xml),
}


def _nothing(what: str) -> Answer:
    return _html(unknown_page(what), HTTPStatus.NOT_FOUND)


def _json(told: Any, status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, "application/json; charset=utf-8", json_text(told).encode("utf-8", "replace"), headers)


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(status, "text/html; charset=utf-8", text.encode("utf-8", "replace"), _STAYS_INSIDE)
