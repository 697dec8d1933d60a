"""The page at `/`, rendered and served: kept up to date by its script, usable without one. With the sections by which
something is done: clock, scenarios, faults, tools.

Every text of an order is a stranger's, and goes through `markup`, which escapes it.
"""

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from worker.sandbox.books.ledger import CHINA
from worker.sandbox.calls import Answer, Call
from worker.sandbox.faults import FAULTS, Armed, Fault
from worker.sandbox.house import House
from worker.sandbox.page.markup import Html, button, element, form, hidden, joined, put, with_code
from worker.sandbox.page.records import activity, empty, invoices, numbers, orders, scans, section, sessions
from worker.sandbox.page.words import COOKIE, Language, Speech, in_chinese, language_of
from worker.sandbox.scenarios import SCENARIOS

_STEPS: Final = {"minute": 60, "hour": 3600, "day": 86400}


def clock(house: House, speech: Speech) -> Html:
    now = house.clock.now()
    ahead = house.clock.offset_seconds
    told = speech["as_machine"]
    if ahead:
        told = f"{speech['ahead']} {_span(ahead, speech)}"
    steps = joined(
        form("clock/advance", hidden(seconds=str(seconds)), button(speech[name], id=f"clock-{name}"))
        for name, seconds in _STEPS.items()
    )
    own = form(
        "clock/advance",
        _field(
            speech["seconds"], name="seconds", type="number", min="1", max="31622400", id="clock-seconds", required=True
        ),
        button(speech["advance"], id="clock-advance"),
        class_="line",
    )
    return section(
        "clock",
        speech["clock"],
        element(
            "p",
            element(
                "time", f"{now.astimezone(CHINA):%Y-%m-%d %H:%M:%S} +08:00", datetime=now.isoformat(), data_whole=True
            ),
            class_="big",
        ),
        element("p", told, class_="hint"),
        element("div", steps, class_="buttons"),
        own,
        element("p", with_code(speech["clock_hint"]), class_="hint"),
    )


def _span(seconds: float, speech: Speech) -> str:
    span = timedelta(seconds=round(seconds))
    rest = timedelta(seconds=span.seconds)
    return f"{span.days} {speech.either('d', '天')} {rest}" if span.days else str(rest)


def scenarios(speech: Speech) -> Html:
    rows = joined(
        element(
            "li",
            element("div", element("code", name), element("span", speech.either(*scenario.shows), class_="hint")),
            form(
                "scenarios/set",
                hidden(name=name),
                button(speech["begin"], id=f"scenario-{name}", aria_label=f"{speech['begin']}: {name}"),
            ),
        )
        for name, scenario in SCENARIOS.items()
    )
    hint = element("p", speech["scenario_hint"], class_="hint")
    return section("scenarios", speech["scenarios"], hint, element("ul", rows, class_="rows"))


def faults(house: House, speech: Speech) -> Html:
    armed: dict[str, list[Armed]] = {}
    for each in house.faults:
        armed.setdefault(each.name, []).append(each)
    settings = put(
        element("p", speech["fault_hint"], class_="hint"),
        element(
            "div",
            _field(speech["times"], name="times", type="number", min="1", max="1000000", value="1", id="fault-times"),
            _field(speech["user"], name="userId", value="*", id="fault-user"),
            class_="line",
        ),
        element(
            "label",
            speech["find"],
            element("input", type="search", id="fault-find", autocomplete="off"),
            class_="field",
            id="fault-finder",
            hidden=True,
        ),
    )
    groups = joined(_group(speech, phase, names, armed) for phase, names in _by_phase())
    # One form arms, an empty one beside it disarms: each switch says which of the two it sends.
    arming = form("faults/set", settings, groups, id="arming")
    return section("faults", speech["faults"], _armed(speech, armed), form("faults/clear", id="disarming"), arming)


def _armed(speech: Speech, armed: dict[str, list[Armed]]) -> Html:
    if not armed:
        return empty(speech["none_armed"])
    lines = joined(
        element("li", element("code", one.name), f" · {one.times} {speech['times_left']} · {one.user_id}")
        for each in armed.values()
        for one in each
    )
    return put(
        element("ul", lines, class_="armed"),
        form("faults/clear", button(speech["disarm_all"], id="disarm-all"), class_="line"),
    )


def _by_phase() -> Iterator[tuple[str, list[str]]]:
    """The one list, each fault under the first phase it belongs to."""
    groups: dict[str, list[str]] = {}
    for name, fault in FAULTS.items():
        groups.setdefault(fault.phases[0], []).append(name)
    yield from groups.items()


def _group(speech: Speech, phase: str, names: list[str], armed: dict[str, list[Armed]]) -> Html:
    rows = joined(_switch(speech, name, FAULTS[name], is_on=name in armed) for name in names)
    summary = element("summary", speech[f"phase.{phase}"], element("span", str(len(names)), class_="badge"))
    return element("details", summary, element("ul", rows, class_="rows"), id=f"phase-{phase}", class_="group")


def _switch(speech: Speech, name: str, fault: Fault, *, is_on: bool) -> Html:
    effect = speech.either(fault.effect, in_chinese(name))
    pressed = element(
        "button",
        element("span", speech["disarm"] if is_on else speech["arm"], class_="hidden"),
        type="submit",
        name="name",
        value=name,
        form="disarming" if is_on else "arming",
        id=f"fault-{name}",
        class_="switch",
        role="switch",
        aria_checked="true" if is_on else "false",
        aria_label=name,
        aria_describedby=f"effect-{name}",
    )
    about = element(
        "div", element("code", name), element("span", with_code(effect), class_="hint", id=f"effect-{name}")
    )
    return element("li", about, pressed, class_="fault", data_text=f"{name} {effect}".lower())


def tools(house: House, speech: Speech) -> Html:
    seeding = form(
        "seed",
        element("h3", speech["seed"]),
        element("p", f"{speech['seed_hint']} {speech['archive_has']} {house.archive.total}", class_="hint"),
        element(
            "div",
            _field(speech["count"], name="count", type="number", min="0", max="1000000", value="100", id="seed-count"),
            button(speech["seed_go"], id="seed-go"),
            class_="line",
        ),
    )
    replaying = form(
        "replay/set",
        element("h3", speech["replay_tool"]),
        element(
            "label",
            speech["record_text"],
            element("textarea", "", name="record", rows="3", required=True, id="replay-record", spellcheck="false"),
            class_="field",
        ),
        button(speech["replay_go"], id="replay-go"),
    )
    resetting = element(
        "details",
        element("summary", speech["reset"]),
        element("p", speech["reset_hint"], class_="hint"),
        form("reset", button(speech["reset_go"], id="reset-go", class_="decline")),
        id="reset",
        class_="group",
    )
    return section("tools", speech["tools"], seeding, replaying, resetting)


def _field(label: str, **attributes: str | bool | None) -> Html:
    return element("label", label, element("input", **attributes), class_="field")


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
