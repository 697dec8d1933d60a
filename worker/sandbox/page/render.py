"""The page at `/`, rendered and served: kept up to date by its script, usable without one.

Every text of an order is a stranger's, and goes through `markup`, which escapes it.
"""

from http import HTTPStatus
from importlib.resources import files
from typing import Final

from worker.sandbox.calls import Answer, Call
from worker.sandbox.house import House
from worker.sandbox.page.controls import clock, faults, scenarios, tools
from worker.sandbox.page.markup import Html, element, joined, put
from worker.sandbox.page.records import activity, invoices, numbers, orders, scans, sessions
from worker.sandbox.page.words import COOKIE, Language, Speech, language_of

_NAMES: dict[Language, str] = {"en": "English", "zh": "中文"}


def whole(house: House, speech: Speech) -> str:
    """The page as a document."""
    head = joined(
        (
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width,initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", speech["title"]),
            element("link", rel="icon", href="data:,"),
            element("link", rel="stylesheet", href="/_sandbox/page/page.css"),
            element("script", src="/_sandbox/page/page.js", defer=True),
        )
    )
    last = str(house.feed.last_number)
    skip = element("a", speech["skip"], href="#orders", class_="skip")
    inside = element("main", body(house, speech), id="live", data_last=last, data_away=speech["away"])
    footer = element(
        "footer",
        element("a", speech["api"], href="/_sandbox/openapi.json"),
        " · ",
        speech["not_real"],
    )
    told = element("p", "", id="said", role="status", aria_live="polite")
    document = put(skip, _header(house, speech), told, inside, footer)
    lang = "zh-CN" if speech.language == "zh" else "en"
    return f"<!doctype html>{element('html', element('head', head), element('body', document), lang=lang)}"


def body(house: House, speech: Speech) -> Html:
    """All that changes while one looks at it."""
    wide = put(scans(house, speech), orders(house, speech), invoices(house, speech), activity(house, speech))
    narrow = put(
        clock(house, speech),
        scenarios(speech),
        faults(house, speech),
        sessions(house, speech),
        tools(house, speech),
    )
    return put(numbers(house, speech), element("div", wide, class_="wide"), element("div", narrow, class_="narrow"))


def _header(house: House, speech: Speech) -> Html:
    languages = joined(
        element(
            "a",
            name,
            href=f"/?lang={language}",
            lang="zh-CN" if language == "zh" else "en",
            hreflang=language,
            aria_current="true" if language == speech.language else None,
        )
        for language, name in _NAMES.items()
    )
    return element(
        "header",
        element("h1", speech["title"]),
        element("p", speech["gateway"], " ", element("code", house.url), class_="where"),
        element("span", speech["live"], id="pulse", data_live=speech["live"], hidden=True),
        element("nav", languages, aria_label=speech["language"]),
    )


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
