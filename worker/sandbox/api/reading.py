"""What can be asked of the sandbox: books, sessions, orders, queries, faults, the journal, and waited for: one thing to
happen, or whatever happens. Changes nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from worker.sandbox.api.routes import LIMIT, USER, ControlRoutes, Parameter, Values
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.calls import Answer, Call, Stream, json_text
from worker.sandbox.cassettes import Cassette, recorded
from worker.sandbox.faults import FAULTS, Armed
from worker.sandbox.feed import EVENTS, Awaited
from worker.sandbox.house import LOOK_UP_COUNTS, AskedPage, House
from worker.sandbox.masking import masked
from worker.sandbox.scenarios import SCENARIOS
from worker.sandbox.tapes import Tape, Taped
from worker.sandbox.vendor import Scan

LONGEST_WAIT_SECONDS: Final = 300.0
_REMARK: Final = Parameter("remark", "only orders with exactly this remark")
_IN_REMARK: Final = Parameter("remark", "only what is about an order whose remark contains this")
_AFTER: Final = Parameter("after", "only what happened after this number", "integer", 0, least=0)

reads: Final = ControlRoutes(changes=False)


@reads.route("ledger", "Submissions, invoices, `submittedTwice` by remark, `violations` of the manual.", _REMARK, LIMIT)
def ledger(house: House, asked: Values, _: Call) -> Any:
    remark, limit, books = asked["remark"], asked["limit"], house.ledger
    submissions = [s for s in books.submissions if remark is None or s.remark == remark]
    invoices = [i for i in books.invoices.values() if remark is None or i.order.get("remark") == remark]
    twice = {r: n for r, n in books.submissions_by_remark.items() if n > 1 and remark in (None, r)}
    return {
        "submissionCount": len(submissions),
        "invoiceCount": sum(not i.is_draft for i in invoices),
        "submittedTwice": twice,
        "violations": sum(bool(s.violations) for s in submissions),
        "submissions": [asdict(s) for s in submissions[-limit:]],
        "invoices": [invoice_facts(i, books.submissions_of(str(i.order.get("remark", "")))) for i in invoices[-limit:]],
    }


def invoice_facts(invoice: BookedInvoice, submissions: int) -> dict[str, Any]:
    """Tell an invoice in the words of the ledger endpoint; amounts are JSON numbers in yuan."""
    order = invoice.order
    return {
        "invoiceNumber": invoice.number,
        "issuedAt": invoice.issued_at,
        "userId": invoice.user_id,
        "isDraft": invoice.is_draft,
        "sellerName": order["sellerName"],
        "sellerIndentification": order["sellerIndentification"],
        "buyerName": order["buyerName"],
        "buyerIndentification": order["buyerIndentification"],
        "remark": order["remark"],
        "totalAmount": invoice.total - invoice.tax,
        "totalTax": invoice.tax,
        "totalPriceAndTax": invoice.total,
        "submissions": submissions,
        "invoiceItems": order["invoiceItems"],
        "invoiceId": str(invoice.row_id),
        "listedAt": invoice.listed_at or invoice.issued_at,
    }


@reads.route("submissions", "How often each remark was submitted.")
def submissions(house: House, _asked: Values, _: Call) -> Any:
    return dict(house.ledger.submissions_by_remark)


@reads.route(
    "sessions", "Per user: sockets opened, open and open at once, logins, overlapping exchanges, lost replies.", USER
)
def sessions(house: House, asked: Values, _: Call) -> Any:
    only = asked["userId"]
    seen = {u: a for u, a in house.vendor.attendance.items() if only in (None, u)}
    return {
        "maxConcurrent": max((a.max_concurrent for a in seen.values()), default=0),
        "maxExchanges": max((a.max_exchanges for a in seen.values()), default=0),
        "openSockets": sum(a.opened - a.closed for a in seen.values()),
        "users": {u: {**asdict(a), "open": len(house.vendor.open_sockets(u))} for u, a in seen.items()},
    }


@reads.route(
    "orders",
    "The last 500 orders, newest first, with their frames as they passed and no password.",
    USER,
    _IN_REMARK,
    Parameter("limit", "so many", "integer", 50, least=1, most=500),
)
def orders(house: House, asked: Values, _: Call) -> Any:
    only, remark = asked["userId"], asked["remark"] or ""
    found = [tape for tape in house.tapes if only in (None, tape.user_id) and remark in tape.remark]
    return [order_facts(tape) for tape in found[: asked["limit"]]]


def order_facts(tape: Tape) -> dict[str, Any]:
    """Tell an order and its frames as they passed, without passwords."""
    order = tape.order
    return {
        "number": tape.number,
        "at": tape.at,
        "userId": tape.user_id,
        "remark": masked(tape.remark, tape.secrets),
        "buyerName": masked(str(order.get("buyerName", "")), tape.secrets),
        "sellerName": masked(str(order.get("sellerName", "")), tape.secrets),
        "state": tape.state,
        "isOver": tape.is_over,
        "invoiceNumber": tape.invoice or None,
        "frames": [frame_facts(taped, tape.secrets) for taped in tape.frames],
    }


def frame_facts(taped: Taped, secrets: tuple[str, ...]) -> dict[str, Any]:
    """Tell a frame: seconds after its order, type, and the text of its data."""
    text = taped.data if isinstance(taped.data, str) else json_text(taped.data)
    return {"seconds": taped.seconds, "type": taped.type_word, "data": masked(text, secrets)}


@reads.route(
    "record",
    "One order's exchange as a record, for `replay/set`.",
    Parameter("order", "the order's `number` in `orders`", "integer", needed=True),
)
def record(house: House, asked: Values, _: Call) -> Any:
    return recorded_order(house, asked["order"]).as_json()


def recorded_order(house: House, number: int) -> Cassette:
    """The exchange of an order. Raises `ValueError` if it is not kept."""
    try:
        tape = house.tapes.of(number)
    except KeyError:
        raise ValueError("no such order is kept; /_sandbox/orders lists them") from None
    return recorded(tape, house.file_url(tape.invoice) if tape.invoice else "")


@reads.route(
    "queries", "The last 10,000 pages asked for, with their filters; counts of the HTTP look-ups.", USER, LIMIT
)
def queries(house: House, asked: Values, _: Call) -> Any:
    pages = [page for page in house.queries if asked["userId"] in (None, page.user_id)]
    return {
        "pageCount": len(pages),
        "pages": [_asked_page(page) for page in pages[-asked["limit"] :]],
        "lookUps": {name: getattr(house.lookups, name) for name in LOOK_UP_COUNTS},
    }


def _asked_page(page: AskedPage) -> dict[str, Any]:
    filters = {name: _plain(value) for name, value in asdict(page.wanted).items() if value not in (None, "")}
    return {
        "at": page.at,
        "userId": page.user_id,
        "filters": filters,
        "pageNumber": page.page_number,
        "pageSize": page.page_size,
        "rows": page.rows,
    }


@reads.route(
    "archive",
    "What the archive is, and its newest invoices.",
    Parameter("companyCode", "of this company"),
    Parameter("queryType", "0: issued, 1: received", "integer", 0, least=0, most=1),
    Parameter("limit", "so many invoices", "integer", 10, least=1, most=10_000),
)
def archive(house: House, asked: Values, _: Call) -> Any:
    past = house.archive
    company = asked["companyCode"] or past.company
    invoices = list(past.invoices(company, asked["queryType"])[: asked["limit"]]) if company else []
    return {
        "total": past.total,
        "seed": past.seed,
        "from": past.first_day.isoformat(),
        "to": past.last_day.isoformat(),
        "companyCode": company,
        "invoices": [invoice_facts(invoice, 0) for invoice in invoices],
    }


@reads.route("elsewhere", "Where the fault `http_redirect` leads; following it is counted.")
def elsewhere(house: House, _asked: Values, _: Call) -> Any:
    """The other host that a redirect leads to; a client that follows it hands its headers to a stranger."""
    house.lookups.redirects_followed += 1
    return {"code": 0, "msg": "", "data": []}


@reads.route("journal", "The last 10,000 things that happened, oldest first.", USER, LIMIT)
def journal(house: House, asked: Values, _: Call) -> Any:
    found = [happening for happening in house.feed if asked["userId"] in (None, happening.user_id)]
    return [house.feed.told(happening) for happening in found[-asked["limit"] :]]


@reads.route("events/names", "The names of events, with what each means.")
def events(_house: House, _asked: Values, _: Call) -> Any:
    return EVENTS


@reads.route("faults", "The one table of faults, and what is armed.")
def faults(house: House, _asked: Values, _: Call) -> Any:
    table = {
        name: {"phases": list(f.phases), "effect": f.effect, "default": number(f.value)} for name, f in FAULTS.items()
    }
    return {"armed": [armed_facts(a) for a in house.faults], "table": table}


def armed_facts(armed: Armed) -> dict[str, Any]:
    """Tell an armed fault."""
    return {"name": armed.name, "userId": armed.user_id, "times": armed.times, "value": number(armed.value)}


@reads.route("scenarios", "Faults that belong together, by name.")
def scenarios(_house: House, _asked: Values, _: Call) -> Any:
    return {
        name: {"faults": dict(scenario.faults), "times": scenario.times, "shows": scenario.shows.en}
        for name, scenario in SCENARIOS.items()
    }


@reads.route("scans", "QRs that wait for a person.", USER)
def scans(house: House, asked: Values, _: Call) -> Any:
    return [scan_facts(house, scan) for scan in house.waiting_scans() if asked["userId"] in (None, scan.user_id)]


def scan_facts(house: House, scan: Scan) -> dict[str, Any]:
    """Tell a QR that waits."""
    return {
        "userId": scan.user_id,
        "token": scan.token,
        "url": house.scan_url(scan.token),
        "remark": masked(str(scan.order["remark"]), house.feed.secrets_of(scan.user_id)),
        "works": scan.works,
    }


@reads.route("clock", "The time here, and how far ahead of the machine's it is.")
def clock(house: House, _asked: Values, _: Call) -> Any:
    return clock_facts(house)


def clock_facts(house: House) -> Mapping[str, Any]:
    """Tell the time here, and how far ahead of the machine's it is."""
    return {"now": house.clock.now().isoformat(), "offsetSeconds": house.clock.offset_seconds}


def number(value: float | None) -> str | None:
    """A number as text, which no JSON reader rounds."""
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, str)) else str(value)


_SIGN_OF_LIFE_SECONDS: Final = 15.0
_MOST_AT_ONCE: Final = 100
"""Of what was missed; a page that was away so long asks for all of it anyway."""


@reads.route(
    "wait",
    "Answers when the thing has happened; what happened before counts too, so no test needs to hurry.",
    Parameter("event", "its name, or several with commas between", needed=True),
    USER,
    _IN_REMARK,
    _AFTER,
    Parameter("count", "the so-manieth that fits", "integer", 1, least=1, most=10_000),
    Parameter("timeout", "seconds", "number", 30.0, least=0, most=LONGEST_WAIT_SECONDS),
    answers={"$ref": "#/components/schemas/Happening"},
    also={408: "It did not happen in time."},
)
async def wait(house: House, asked: Values, _: Call) -> Any:
    """The thing that was waited for; 408 if it did not happen in time."""
    events = frozenset(name.strip() for name in asked["event"].split(","))
    unknown = events - EVENTS.keys()
    if unknown:
        raise ValueError("there is no event of this name; /_sandbox/events/names lists them")
    awaited = Awaited(events, asked["userId"] or "", asked["remark"] or "", asked["after"])
    try:
        async with asyncio.timeout(asked["timeout"]):
            return house.feed.told(await house.feed.next(awaited, asked["count"]))
    except TimeoutError:
        told = {"error": f"it did not happen within {asked['timeout']:g} s", "lastNumber": house.feed.last_number}
        return Answer(HTTPStatus.REQUEST_TIMEOUT, "application/json; charset=utf-8", json_text(told).encode())


@reads.route(
    "events",
    "All that happens from now on, as server-sent events; `Last-Event-ID` goes on from there.",
    Parameter("after", "from behind this number", "integer", least=0),
    content="text/event-stream",
)
def stream(house: House, asked: Values, call: Call) -> Any:
    """Server-sent events, from the number behind which the reader is."""
    last = call.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else asked["after"]
    return Stream("text/event-stream; charset=utf-8", _told(house, house.feed.last_number if after is None else after))


async def _told(house: House, after: int) -> AsyncGenerator[bytes, None]:
    yield b"retry: 1000\n\n"
    feed = house.feed
    # A number from before a restart of the sandbox is none of ours.
    after = min(after, feed.last_number)
    while True:
        for happening in feed.since(after)[-_MOST_AT_ONCE:]:
            yield f"id: {happening.number}\nevent: happening\ndata: {json_text(feed.told(happening))}\n\n".encode()
        after = feed.last_number
        try:
            async with asyncio.timeout(_SIGN_OF_LIFE_SECONDS):
                await feed.more_than(after)
        except TimeoutError:
            yield b": still here\n\n"
