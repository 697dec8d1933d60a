"""The page at `/`, rendered and served: kept up to date by its script, usable without one. With the sections by which
something is done: clock, scenarios, faults, tools.

Every text of an order is a stranger's, and goes through `markup`, which escapes it.
"""

from collections.abc import Collection, Iterator
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from worker.sandbox.books.ledger import CHINA
from worker.sandbox.calls import Answer, Call
from worker.sandbox.faults import FAULTS, Armed
from worker.sandbox.house import House
from worker.sandbox.page.markup import Html, html, joined, with_code
from worker.sandbox.page.records import activity, empty, invoices, numbers, orders, scans, section, sessions
from worker.sandbox.page.words import COOKIE, Language, Speech, in_chinese, language_of
from worker.sandbox.scenarios import SCENARIOS

_STEPS: Final = {"minute": 60, "hour": 3600, "day": 86400}


def clock(house: House, speech: Speech) -> Html:
    now = house.clock.now()
    ahead = house.clock.offset_seconds
    steps = (html("clock_step", name=name, word=speech[name], seconds=seconds) for name, seconds in _STEPS.items())
    inside = html(
        "clock",
        words=speech,
        at=now.isoformat(),
        now=now.astimezone(CHINA),
        told=f"{speech['ahead']} {_span(ahead, speech)}" if ahead else speech["as_machine"],
        steps=joined(steps),
        hint=with_code(speech["clock_hint"]),
    )
    return section("clock", speech["clock"], inside)


def _span(seconds: float, speech: Speech) -> str:
    span = timedelta(seconds=round(seconds))
    rest = timedelta(seconds=span.seconds)
    return f"{span.days} {speech.either('d', '天')} {rest}" if span.days else str(rest)


def scenarios(speech: Speech) -> Html:
    rows = (
        html("scenario", words=speech, name=name, shows=speech.either(*scenario.shows))
        for name, scenario in SCENARIOS.items()
    )
    return section("scenarios", speech["scenarios"], html("scenarios", words=speech, rows=joined(rows)))


def faults(house: House, speech: Speech) -> Html:
    armed: dict[str, list[Armed]] = {}
    for each in house.faults:
        armed.setdefault(each.name, []).append(each)
    groups = joined(_group(speech, phase, names, armed) for phase, names in _by_phase())
    return section("faults", speech["faults"], html("faults", words=speech, armed=_armed(speech, armed), groups=groups))


def _armed(speech: Speech, armed: dict[str, list[Armed]]) -> Html:
    if not armed:
        return empty(speech["none_armed"])
    lines = (html("armed_fault", words=speech, fault=one) for each in armed.values() for one in each)
    return html("armed", words=speech, lines=joined(lines))


def _by_phase() -> Iterator[tuple[str, list[str]]]:
    """All faults, each under the first phase that it belongs to."""
    groups: dict[str, list[str]] = {}
    for name, fault in FAULTS.items():
        groups.setdefault(fault.phases[0], []).append(name)
    yield from groups.items()


def _group(speech: Speech, phase: str, names: list[str], armed: Collection[str]) -> Html:
    rows = joined(_fault(speech, name, is_on=name in armed) for name in names)
    return html("fault_group", phase=phase, title=speech[f"phase.{phase}"], count=len(names), rows=rows)


def _fault(speech: Speech, name: str, *, is_on: bool) -> Html:
    effect = speech.either(FAULTS[name].effect, in_chinese(name))
    return html(
        "fault",
        name=name,
        text=f"{name} {effect}".lower(),
        effect=with_code(effect),
        form="disarming" if is_on else "arming",
        checked="true" if is_on else "false",
        word=speech["disarm" if is_on else "arm"],
    )


def tools(house: House, speech: Speech) -> Html:
    return section("tools", speech["tools"], html("tools", words=speech, total=house.archive.total))


_NAMES: Final[dict[Language, tuple[str, str]]] = {"en": ("en", "English"), "zh": ("zh-CN", "中文")}
"""As HTML names each language, and as it names itself."""


def whole(house: House, speech: Speech) -> str:
    """The page as a document."""
    languages = (
        html("language", code=code, lang=lang, name=name, current=html("current") if code == speech.language else "")
        for code, (lang, name) in _NAMES.items()
    )
    lang, _ = _NAMES[speech.language]
    inside = body(house, speech)
    return html("document", words=speech, house=house, lang=lang, languages=joined(languages), body=inside)


def body(house: House, speech: Speech) -> Html:
    """All that changes while one looks at it."""
    wide = (scans(house, speech), orders(house, speech), invoices(house, speech), activity(house, speech))
    narrow = (
        clock(house, speech),
        scenarios(speech),
        faults(house, speech),
        sessions(house, speech),
        tools(house, speech),
    )
    return html("body", numbers=numbers(house, speech), wide=joined(wide), narrow=joined(narrow))


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
