"""Serves the page at `/`: rendered here, kept up to date by its script, usable without one."""

from http import HTTPStatus
from importlib.resources import files
from typing import Final

from worker.sandbox.answers import Answer
from worker.sandbox.calls import Call
from worker.sandbox.house import House
from worker.sandbox.page.render import body, whole
from worker.sandbox.page.words import COOKIE, Speech, language_of

Headers = tuple[tuple[str, str], ...]
_ASSETS: Final = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}


def page(house: House, call: Call, headers: Headers) -> Answer:
    """The whole page, in the language that the browser or its person asks for."""
    speech = Speech(language_of(call))
    if call.asked.get("lang") == speech.language:
        kept = f"{COOKIE}={speech.language}; Path=/; Max-Age=31536000; SameSite=Strict"
        headers = (*headers, ("Set-Cookie", kept))
    return _html(whole(house, speech), headers)


def part(house: House, call: Call, name: str, headers: Headers) -> Answer | None:
    """What the page fetches: its sections anew, its style, its script; `None` for anything else."""
    if name == "body":
        return _html(body(house, Speech(language_of(call))), headers)
    if name in _ASSETS:
        return Answer(HTTPStatus.OK, _ASSETS[name], files(__package__ or "").joinpath(name).read_bytes(), headers)
    return None


def _html(text: str, headers: Headers) -> Answer:
    # The answer differs by language, and a page of yesterday tells nothing.
    told = (*headers, ("Vary", "Accept-Language, Cookie"))
    return Answer(HTTPStatus.OK, "text/html; charset=utf-8", text.encode("utf-8", "replace"), told)
