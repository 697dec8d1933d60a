"""The sections that show what happened: numbers, scans, orders with their frames, invoices, sessions, activity."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from worker.sandbox.api.reading import order_facts
from worker.sandbox.books.amounts import priced
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.feed import Happening
from worker.sandbox.house import House
from worker.sandbox.masking import masked
from worker.sandbox.page.markup import Html, html, joined
from worker.sandbox.page.words import Speech
from worker.sandbox.tapes import Tape
from worker.sandbox.vendor import Scan, UserCounts

_SHOWN: Final = 30
_SHOWN_FRAMES: Final = 20
_SHOWN_TEXT: Final = 400
_GOOD: Final = {"invoice.issued", "scan.confirmed"}
_BAD: Final = {
    "scan.declined", "scan.expired", "not_issued", "frame.lost", "session.denied", "manual.violated", "fault.unheard",
}  # fmt: skip


def section(name: str, title: str, inside: str) -> Html:
    """A section that the script replaces as a whole."""
    return html("section", name=name, title=title, inside=inside)


def empty(text: str) -> Html:
    """What stands where there is nothing yet."""
    return html("empty", text=text)


def numbers(house: House, speech: Speech) -> Html:
    attended = house.vendor.attendance.values()
    told = {
        "scans_n": len(house.waiting_scans()),
        "orders_n": len(house.ledger.submissions),
        "invoices_n": sum(not invoice.is_draft for invoice in house.ledger.invoices.values()),
        "armed_n": len(list(house.faults)),
        "sockets": sum(seen.opened - seen.closed for seen in attended),
    }
    counts = joined(html("count", count=count, name=speech[name]) for name, count in told.items())
    return html("numbers", words=speech, counts=counts)


def scans(house: House, speech: Speech) -> Html:
    waiting = house.waiting_scans()
    if not waiting:
        return section("scans", speech["scans"], empty(speech["no_scans"]))
    cards = joined(_scan(house, speech, scan) for scan in waiting[-_SHOWN:])
    return section("scans", speech["scans"], html("scans", words=speech, cards=cards))


def _scan(house: House, speech: Speech, scan: Scan) -> Html:
    secrets = house.feed.secrets_of(scan.user_id)
    remark = masked(str(scan.order.get("remark", "")), secrets) or speech["no_remark"]
    ways = ("confirm", "decline", "expire") if scan.works else ("expire",)
    return html(
        "scan",
        words=speech,
        scan=scan,
        remark=remark,
        buyer=masked(str(scan.order.get("buyerName", "")), secrets),
        total=_total(scan.order),
        dead="" if scan.works else html("dead_qr", words=speech),
        buttons=joined(html("settle", way=way, word=speech[way], token=scan.token, remark=remark) for way in ways),
    )


def orders(house: House, speech: Speech) -> Html:
    found = list(islice(house.tapes, _SHOWN))
    inside = joined(_order(speech, tape) for tape in found) if found else empty(speech["no_orders"])
    return section("orders", speech["orders"], inside)


def _order(speech: Speech, tape: Tape) -> Html:
    facts = order_facts(tape)
    state = facts["state"]
    if tape.is_over and not tape.invoice and state not in _BAD:
        state = "not_issued"
    told = facts["frames"][:_SHOWN_FRAMES]
    return html(
        "order",
        words=speech,
        tape=tape,
        facts=facts,
        time=_time(tape.at),
        remark=facts["remark"] or speech["no_remark"],
        total=_total(tape.order),
        badge=_badge(speech, state),
        frames=html("frames", words=speech, lines=joined(map(_frame, told))) if told else empty(speech["no_frames"]),
    )


def _frame(frame: Mapping[str, Any]) -> Html:
    return html("frame", frame=frame, type=frame["type"] or "·", data=_cut(frame["data"]))


def invoices(house: House, speech: Speech) -> Html:
    found = list(islice(reversed(house.ledger.invoices.values()), _SHOWN))
    if not found:
        return section("invoices", speech["invoices"], empty(speech["no_invoices"]))
    rows = joined(_invoice(house, speech, invoice) for invoice in found)
    return section("invoices", speech["invoices"], html("invoices", words=speech, rows=rows))


def _invoice(house: House, speech: Speech, invoice: BookedInvoice) -> Html:
    kinds = ("pdf", "ofd", "xml")
    return html(
        "invoice",
        invoice=invoice,
        draft=html("badge", kind="badge", text=speech["draft"]) if invoice.is_draft else "",
        buyer=masked(str(invoice.order.get("buyerName", "")), house.feed.secrets_of(invoice.user_id)),
        issued_at=invoice.issued_at[:19].replace("T", " "),
        links=joined(html("file", number=invoice.number, kind=kind, name=kind.upper()) for kind in kinds),
    )


def sessions(house: House, speech: Speech) -> Html:
    attended = list(islice(reversed(house.vendor.attendance.items()), _SHOWN))
    if not attended:
        return section("sessions", speech["sessions"], empty(speech["no_sessions"]))
    rows = joined(_session(house, speech, user_id, seen) for user_id, seen in attended)
    return section("sessions", speech["sessions"], html("sessions", rows=rows))


def _session(house: House, speech: Speech, user_id: str, seen: UserCounts) -> Html:
    sockets = len(house.vendor.open_sockets(user_id))
    counts = [f"{sockets} {speech['open']}", f"{seen.logins} {speech['logins']}"]
    counts += [f"{seen.lost_replies} {speech['lost']}"] if seen.lost_replies else []
    counts += [f"{seen.violations} {speech['violations']}"] if seen.violations else []
    drop = html("drop", words=speech, user_id=user_id) if sockets else ""
    return html("session", user_id=user_id, counts=" · ".join(counts), drop=drop)


def activity(house: House, speech: Speech) -> Html:
    last = house.feed.since(max(0, house.feed.last_number - _SHOWN))
    if not last:
        return section("activity", speech["activity"], empty(speech["quiet"]))
    lines = joined(_happening(house, speech, happening) for happening in reversed(last))
    return section("activity", speech["activity"], html("activity", lines=lines))


def _happening(house: House, speech: Speech, happening: Happening) -> Html:
    told = house.feed.told(happening)
    return html(
        "happening",
        time=_time(happening.at),
        badge=_badge(speech, happening.event),
        user_id=happening.user_id,
        text=_cut(str(told.get("frame") or told["about"])),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…"


def _badge(speech: Speech, state: str) -> Html:
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "busy" if state == "qr.shown" else ""
    return html("badge", kind=f"badge {kind}".strip(), text=speech[state])


def _time(at: str) -> Html:
    """The time of day; the script writes it in the reader's zone."""
    return html("time", at=at, shown=f"{at[11:19]}Z")


def _total(order: Mapping[str, Any]) -> str:
    """What an order comes to; empty where a stranger's lines make no sum."""
    try:
        return f"¥{sum((line.total for line in priced(order['invoiceItems'])), Decimal(0)):,.2f}"
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return ""
