"""The table of the control API's routes, and the OpenAPI 3.1 document that is written from it."""

from collections.abc import Iterable
from typing import Any, Final

from worker.sandbox.api.changing import (
    advance_clock,
    clear_behaviours,
    clear_faults,
    confirm_scans,
    decline_scans,
    drop,
    expire_scans,
    red_letter,
    reset,
    seed,
    set_behaviour,
    set_fault,
    set_replay,
    set_scenario,
    void,
)
from worker.sandbox.api.reading import (
    LONGEST_WAIT_SECONDS,
    archive,
    clock,
    elsewhere,
    events,
    faults,
    journal,
    ledger,
    orders,
    queries,
    record,
    scans,
    scenarios,
    sessions,
    stream,
    submissions,
    wait,
)
from worker.sandbox.api.routes import LIMIT, USER, Parameter, Route, Values
from worker.sandbox.calls import Call
from worker.sandbox.faults import ANY_USER
from worker.sandbox.feed import EVENTS
from worker.sandbox.house import House

_REMARK: Final = Parameter("remark", "only orders with exactly this remark")
_IN_REMARK: Final = Parameter("remark", "only what is about an order whose remark contains this")
_WHOSE: Final = Parameter("userId", "for this `userId`; `*` is whoever comes next", default=ANY_USER)
_TIMES: Final = Parameter("times", "so many times", "integer", 1, least=1, most=1_000_000)
_SCAN: Final = (USER, Parameter("token", "only this scan"))
_NUMBER: Final = Parameter("number", "the invoice's, as `ledger` shows it", needed=True)
_AFTER: Final = Parameter("after", "only what happened after this number", "integer", 0, least=0)


def _openapi(house: House, _asked: Values, _: Call) -> Any:
    return document(ROUTES, house.http_url)


ROUTES: Final[tuple[Route, ...]] = (
    Route("openapi.json", "This document.", _openapi),
    Route(
        "ledger",
        "Submissions, invoices, `submittedTwice` by remark, `violations` of the manual.",
        ledger,
        (_REMARK, LIMIT),
    ),
    Route("submissions", "How often each remark was submitted.", submissions),
    Route(
        "sessions",
        "Per user: sockets opened, open and open at once, logins, overlapping exchanges, lost replies.",
        sessions,
        (USER,),
    ),
    Route(
        "orders",
        "The last 500 orders, newest first, with their frames as they passed and no password.",
        orders,
        (USER, _IN_REMARK, Parameter("limit", "so many", "integer", 50, least=1, most=500)),
    ),
    Route(
        "record",
        "One order's exchange as a record, for `replay/set`.",
        record,
        (Parameter("order", "the order's `number` in `orders`", "integer", needed=True),),
    ),
    Route(
        "queries",
        "The last 10,000 pages asked for, with their filters; counts of the HTTP look-ups.",
        queries,
        (USER, LIMIT),
    ),
    Route(
        "archive",
        "What the archive is, and its newest invoices.",
        archive,
        (
            Parameter("companyCode", "of this company"),
            Parameter("queryType", "0: issued, 1: received", "integer", 0, least=0, most=1),
            Parameter("limit", "so many invoices", "integer", 10, least=1, most=10_000),
        ),
    ),
    Route("elsewhere", "Where the fault `http_redirect` leads; following it is counted.", elsewhere),
    Route("journal", "The last 10,000 things that happened, oldest first.", journal, (USER, LIMIT)),
    Route(
        "wait",
        "Answers when the thing has happened; what happened before counts too, so no test needs to hurry.",
        wait,
        (
            Parameter("event", "its name, or several with commas between", needed=True),
            USER,
            _IN_REMARK,
            _AFTER,
            Parameter("count", "the so-manieth that fits", "integer", 1, least=1, most=10_000),
            Parameter("timeout", "seconds", "number", 30.0, least=0, most=LONGEST_WAIT_SECONDS),
        ),
        answers={"$ref": "#/components/schemas/Happening"},
        also={408: "It did not happen in time."},
    ),
    Route(
        "events",
        "All that happens from now on, as server-sent events; `Last-Event-ID` goes on from there.",
        stream,
        (Parameter("after", "from behind this number", "integer", least=0),),
        content="text/event-stream",
    ),
    Route("events/names", "The names of events, with what each means.", events),
    Route("faults", "The one table of faults, and what is armed.", faults),
    Route(
        "faults/set",
        "Arm a fault for the next exchanges.",
        set_fault,
        (
            Parameter("name", "of the table", needed=True),
            _WHOSE,
            _TIMES,
            Parameter("value", "its number instead of the default", "number", least=0, most=1_000_000),
        ),
        changes=True,
    ),
    Route(
        "faults/clear",
        "Disarm one fault, or all.",
        clear_faults,
        (Parameter("name", "only this fault"),),
        changes=True,
    ),
    Route("scenarios", "Faults that belong together, by name.", scenarios),
    Route(
        "scenarios/set",
        "Arm a scenario's faults.",
        set_scenario,
        (Parameter("name", "of `scenarios`", needed=True), _WHOSE),
        changes=True,
    ),
    Route(
        "replay/set",
        "Answer the next order of a user with a recorded exchange.",
        set_replay,
        (
            _WHOSE,
            _TIMES,
            Parameter("record", "the record, if it is not the body"),
            Parameter("order", "the order in `orders` whose exchange it is, instead of a record", "integer"),
        ),
        changes=True,
        body="What `record` answers.",
    ),
    Route(
        "behaviour/set",
        "How the vendor behaves towards one user from now on.",
        set_behaviour,
        (
            Parameter("userId", "towards this `userId`", needed=True),
            Parameter("behaviour", "JSON, as the README says", needed=True),
        ),
        changes=True,
    ),
    Route(
        "behaviour/clear",
        "As usual again, towards everybody; no replays either.",
        clear_behaviours,
        changes=True,
    ),
    Route("scans", "QRs that wait for a person.", scans, (USER,)),
    Route("scans/confirm", "Confirm waiting scans.", confirm_scans, _SCAN, changes=True),
    Route("scans/decline", "Refuse waiting scans.", decline_scans, _SCAN, changes=True),
    Route("scans/expire", "Let waiting QRs expire now.", expire_scans, _SCAN, changes=True),
    Route(
        "invoices/red_letter",
        "Take an issued invoice back by a red one, as a person does on the portal.",
        red_letter,
        (_NUMBER,),
        changes=True,
    ),
    Route("invoices/void", "Void an issued invoice, likewise.", void, (_NUMBER,), changes=True),
    Route("clock", "The time here, and how far ahead of the machine's it is.", clock),
    Route(
        "clock/advance",
        "Move the clock forward; it never goes back.",
        advance_clock,
        (Parameter("seconds", "so far", "number", needed=True),),
        changes=True,
    ),
    Route(
        "seed",
        "Lay out another archive: what every company issued and received in the past.",
        seed,
        (
            Parameter("count", "so many invoices each", "integer", 100, least=0, most=1_000_000),
            Parameter("seed", "another seed is another past", "integer", 1),
            Parameter("from", "its first day", default="2024-01-01"),
            Parameter("to", "its last day", default="2024-12-31"),
            Parameter("companyCode", "the only company that has a past"),
        ),
        changes=True,
    ),
    Route("drop", "Cut open sockets without a closing handshake.", drop, (USER,), changes=True),
    Route(
        "reset",
        "Forget books, counts, scans and faults, and end exchanges; sockets stay open, and the clock goes on.",
        reset,
        changes=True,
    ),
)


_HAPPENING: Final = {
    "type": "object",
    "required": ["number", "at", "event", "userId", "socket", "about", "remark"],
    "properties": {
        "number": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "event": {"type": "string", "enum": list(EVENTS)},
        "userId": {"type": "string"},
        "socket": {"type": "integer"},
        "about": {"type": "string"},
        "remark": {"type": "string"},
        "frame": {"type": "string", "description": "without passwords, as long as it is kept"},
    },
}
_ERROR: Final = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_VERSION: Final = "1.0.0"


def document(routes: Iterable[Route], url: str) -> dict[str, Any]:
    """The document of these routes at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fapiao Worker sandbox: control API",
            "version": _VERSION,
            "description": "A stand-in for the vendor's gateway. Nothing issued here is a tax invoice.",
        },
        "servers": [{"url": url}],
        "paths": {f"/_sandbox/{route.path}": {_method(route): _operation(route)} for route in routes},
        "components": {"schemas": {"Happening": _HAPPENING, "Error": _ERROR}},
    }


def _method(route: Route) -> str:
    return "post" if route.changes else "get"


def _operation(route: Route) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    told: dict[str, Any] = {
        "operationId": "_".join(route.path.replace(".", "/").split("/")),
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.takes],
        "responses": {
            "200": {"description": "Done.", "content": {route.content: {"schema": dict(route.answers)}}},
            **{str(status): {"description": means, "content": error} for status, means in route.also.items()},
            "400": {"description": "A parameter makes no sense.", "content": error},
            "403": {"description": "A page of another origin asked.", "content": error},
        },
    }
    if route.body:
        content: dict[str, Any] = {"application/json": {"schema": {}}}
        told["requestBody"] = {"description": route.body, "required": False, "content": content}
    return told


def _parameter(parameter: Parameter) -> dict[str, Any]:
    limits = {"minimum": parameter.least, "maximum": parameter.most, "default": parameter.default}
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.needed,
        "description": parameter.meaning,
        "schema": {
            "type": parameter.kind,
            **{name: value for name, value in limits.items() if value is not None},
        },
    }
