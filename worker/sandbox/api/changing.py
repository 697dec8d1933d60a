"""What may be done to the sandbox: scans, faults, scenarios, replays, the clock, the archive, a reset."""

import json
from datetime import date
from typing import Any, Final

from worker.sandbox.alterations import Behaviour
from worker.sandbox.api.reading import armed_facts, clock_facts, recorded_order
from worker.sandbox.api.routes import USER, ControlRoutes, Parameter, Values
from worker.sandbox.books.archive import Archive
from worker.sandbox.calls import Call
from worker.sandbox.cassettes import Cassette, read_cassette
from worker.sandbox.faults import ANY_USER
from worker.sandbox.house import House
from worker.sandbox.scenarios import begin
from worker.sandbox.vendor import ScanState

_WHOSE: Final = Parameter("userId", "for this `userId`; `*` is whoever comes next", default=ANY_USER)
_TIMES: Final = Parameter("times", "so many times", "integer", 1, least=1, most=1_000_000)
_SCAN: Final = (USER, Parameter("token", "only this scan"))
_NUMBER: Final = Parameter("number", "the invoice's, as `ledger` shows it", needed=True)

changes: Final = ControlRoutes(changes=True)


@changes.route(
    "faults/set",
    "Arm a fault for the next exchanges.",
    Parameter("name", "of the table", needed=True),
    _WHOSE,
    _TIMES,
    Parameter("value", "its number instead of the default", "number", least=0, most=1_000_000),
)
def set_fault(house: House, asked: Values, _: Call) -> Any:
    armed = house.faults.arm(asked["name"], asked["userId"], asked["times"], asked["value"])
    house.feed.add("fault.armed", armed.user_id, about=armed.name)
    return {"armed": armed_facts(armed)}


@changes.route("faults/clear", "Disarm one fault, or all.", Parameter("name", "only this fault"))
def clear_faults(house: House, asked: Values, _: Call) -> Any:
    house.faults.clear(asked["name"])
    house.feed.add("fault.disarmed", about=asked["name"] or "")
    return {"armed": [armed_facts(armed) for armed in house.faults]}


@changes.route("scenarios/set", "Arm a scenario's faults.", Parameter("name", "of `scenarios`", needed=True), _WHOSE)
def set_scenario(house: House, asked: Values, _: Call) -> Any:
    scenario = begin(house.faults, asked["name"], asked["userId"])
    house.feed.add("scenario.begun", asked["userId"], about=asked["name"])
    return {"begun": asked["name"], "shows": scenario.shows.en}


@changes.route(
    "replay/set",
    "Answer the next order of a user with a recorded exchange.",
    _WHOSE,
    _TIMES,
    Parameter("record", "the record, if it is not the body"),
    Parameter("order", "the order in `orders` whose exchange it is, instead of a record", "integer"),
    body="What `record` answers.",
)
def set_replay(house: House, asked: Values, call: Call) -> Any:
    try:
        cassette = _meant(house, asked, call)
    except json.JSONDecodeError:
        raise ValueError("the record is no JSON") from None
    house.replays.set(asked["userId"], cassette, asked["times"])
    house.feed.add("replay.set", asked["userId"], about=f"{len(cassette.frames)} frames")
    return {"set": asked["userId"], "frames": len(cassette.frames)}


def _meant(house: House, asked: Values, call: Call) -> Cassette:
    if asked["order"] is not None:
        return recorded_order(house, asked["order"])
    return read_cassette(json.loads(asked["record"] or call.body.decode("utf-8", "replace")))


@changes.route(
    "behaviour/set",
    "How the vendor behaves towards one user from now on.",
    Parameter("userId", "towards this `userId`", needed=True),
    Parameter("behaviour", "JSON, as the README says", needed=True),
)
def set_behaviour(house: House, asked: Values, _: Call) -> Any:
    house.behaviours.set(asked["userId"], Behaviour.read(json.loads(asked["behaviour"])))
    return {"set": asked["userId"]}


@changes.route("behaviour/clear", "As usual again, towards everybody; no replays either.")
def clear_behaviours(house: House, _asked: Values, _: Call) -> Any:
    house.behaviours.clear()
    house.replays.clear()
    return {"cleared": True}


@changes.route("scans/confirm", "Confirm waiting scans.", *_SCAN)
def confirm_scans(house: House, asked: Values, _: Call) -> Any:
    return {"confirmed": _settle(house, asked, ScanState.CONFIRMED)}


@changes.route("scans/decline", "Refuse waiting scans.", *_SCAN)
def decline_scans(house: House, asked: Values, _: Call) -> Any:
    return {"declined": _settle(house, asked, ScanState.DECLINED)}


@changes.route("scans/expire", "Let waiting QRs expire now.", *_SCAN)
def expire_scans(house: House, asked: Values, _: Call) -> Any:
    return {"expired": _settle(house, asked, ScanState.EXPIRED)}


def _settle(house: House, asked: Values, state: ScanState) -> int:
    """How many of the waiting scans that were meant ended this way."""
    due = [
        scan.token
        for scan in house.waiting_scans()
        if asked["userId"] in (None, scan.user_id) and asked["token"] in (None, scan.token)
    ]
    return sum(house.scans.settle(token, state) for token in due)


@changes.route(
    "invoices/red_letter", "Take an issued invoice back by a red one, as a person does on the portal.", _NUMBER
)
def red_letter(house: House, asked: Values, _: Call) -> Any:
    red = house.ledger.red_letter(_issued(house, asked["number"]))
    house.feed.add("invoice.changed", red.user_id, about=asked["number"])
    return {"redLettered": asked["number"], "by": red.number}


@changes.route("invoices/void", "Void an issued invoice, likewise.", _NUMBER)
def void(house: House, asked: Values, _: Call) -> Any:
    voided = house.ledger.void(_issued(house, asked["number"]))
    house.feed.add("invoice.changed", voided.user_id, about=voided.number)
    return {"voided": voided.number}


def _issued(house: House, number: str) -> str:
    known = house.ledger.invoices.get(number)
    if known is None or known.is_draft:
        raise ValueError("no invoice of this number was issued here")
    return number


@changes.route(
    "clock/advance",
    "Move the clock forward; it never goes back.",
    Parameter("seconds", "so far", "number", needed=True),
)
def advance_clock(house: House, asked: Values, _: Call) -> Any:
    house.clock.advance(asked["seconds"])
    house.feed.add("clock.moved", about=f"{asked['seconds']:g} s forward")
    return clock_facts(house)


@changes.route(
    "seed",
    "Lay out another archive: what every company issued and received in the past.",
    Parameter("count", "so many invoices each", "integer", 100, least=0, most=1_000_000),
    Parameter("seed", "another seed is another past", "integer", 1),
    Parameter("from", "its first day", default="2024-01-01"),
    Parameter("to", "its last day", default="2024-12-31"),
    Parameter("companyCode", "the only company that has a past"),
)
def seed(house: House, asked: Values, _: Call) -> Any:
    first, last = (_day(asked[name], name) for name in ("from", "to"))
    count, company = asked["count"], asked["companyCode"] or None
    house.seed(Archive(count=count, seed=asked["seed"], first_day=first, last_day=last, company=company))
    house.feed.add("sandbox.seeded", about=f"{count} invoices")
    return {"total": count, "seed": asked["seed"], "from": first.isoformat(), "to": last.isoformat()}


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is no day like 2024-01-31") from None


@changes.route("drop", "Cut open sockets without a closing handshake.", USER)
def drop(house: House, asked: Values, _: Call) -> Any:
    return {"dropped": house.drop(asked["userId"])}


@changes.route(
    "reset", "Forget books, counts, scans and faults, and end exchanges; sockets stay open, and the clock goes on."
)
def reset(house: House, _asked: Values, _: Call) -> Any:
    house.reset()
    return {"reset": True}
