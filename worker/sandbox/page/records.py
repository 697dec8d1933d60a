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
from worker.sandbox.page.markup import Html, button, element, form, hidden, joined, put
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


def section(name: str, title: str, *inside: str) -> Html:
    """A section that the script replaces as a whole."""
    head = element("h2", title, id=f"{name}-title")
    return element("section", head, *inside, id=name, aria_labelledby=f"{name}-title")


def empty(text: str) -> Html:
    """What stands where there is nothing yet."""
    return element("p", text, class_="empty")


def numbers(house: House, speech: Speech) -> Html:
    attended = house.vendor.attendance.values()
    told = {
        "scans_n": len(house.waiting_scans()),
        "orders_n": len(house.ledger.submissions),
        "invoices_n": sum(not invoice.is_draft for invoice in house.ledger.invoices.values()),
        "armed_n": len(list(house.faults)),
        "sockets": sum(seen.opened - seen.closed for seen in attended),
    }
    inside = joined(
        element("div", element("dd", str(count)), element("dt", speech[name])) for name, count in told.items()
    )
    return element("dl", inside, id="numbers", aria_label=speech["numbers"])


def scans(house: House, speech: Speech) -> Html:
    waiting = house.waiting_scans()
    if not waiting:
        return section("scans", speech["scans"], empty(speech["no_scans"]))
    cards = joined(_scan(house, speech, scan) for scan in waiting[-_SHOWN:])
    hint = element("p", speech["scan_hint"], class_="hint")
    return section("scans", speech["scans"], hint, element("ul", cards, class_="cards"))


def _scan(house: House, speech: Speech, scan: Scan) -> Html:
    secrets = house.feed.secrets_of(scan.user_id)
    remark = masked(str(scan.order.get("remark", "")), secrets) or speech["no_remark"]
    buttons: Html = element("p", speech["dead_qr"], class_="hint")
    ways = ("confirm", "decline", "expire") if scan.works else ("expire",)
    buttons = put("" if scan.works else buttons, *(_settle(speech, scan, remark, way) for way in ways))
    picture = element(
        "img", src=f"/scan/{scan.token}/qr.svg", alt=f"{speech['qr_of']} {remark}", width="148", height="148"
    )
    buyer = masked(str(scan.order.get("buyerName", "")), secrets)
    facts = put(
        element("strong", remark, class_="name", title=remark),
        element("span", buyer, class_="name", title=buyer),
        element("span", _total(scan.order), class_="sum"),
        element("a", speech["open_page"], href=f"/scan/{scan.token}", target="_blank", rel="noopener"),
    )
    return element(
        "li", picture, element("div", facts, class_="facts"), element("div", buttons, class_="buttons"), class_="scan"
    )


def _settle(speech: Speech, scan: Scan, remark: str, way: str) -> Html:
    name = f"{way}-{scan.token}"
    pressed = button(speech[way], id=name, class_=way, aria_label=f"{speech[way]}: {remark}")
    return form(f"scans/{way}", hidden(token=scan.token), pressed)


def orders(house: House, speech: Speech) -> Html:
    found = list(islice(house.tapes, _SHOWN))
    if not found:
        return section("orders", speech["orders"], empty(speech["no_orders"]))
    return section("orders", speech["orders"], *(_order(speech, tape) for tape in found))


def _order(speech: Speech, tape: Tape) -> Html:
    facts = order_facts(tape)
    state = facts["state"]
    if tape.is_over and not tape.invoice and state not in _BAD:
        state = "not_issued"
    summary = element(
        "summary",
        _time(tape.at),
        element("span", facts["remark"] or speech["no_remark"], class_="remark"),
        element("span", _total(tape.order), class_="sum"),
        _badge(speech, state),
    )
    parties = element(
        "p",
        f"{speech['seller']}: {facts['sellerName']} · {speech['buyer']}: {facts['buyerName']} · userId ",
        element("code", tape.user_id),
        class_="hint",
    )
    told = facts["frames"][:_SHOWN_FRAMES]
    frames: Html = empty(speech["no_frames"])
    if told:
        lines = joined(_frame(frame) for frame in told)
        frames = put(element("p", speech["frames"], class_="hint"), element("ol", lines, class_="frames"))
    ways = element(
        "div",
        element("a", speech["record"], href=f"/_sandbox/record?order={tape.number}", target="_blank", rel="noopener"),
        form("replay/set", hidden(order=str(tape.number)), button(speech["replay"], id=f"replay-{tape.number}")),
        class_="buttons",
    )
    return element("details", summary, parties, frames, ways, id=f"order-{tape.number}", class_="order")


def _frame(frame: Mapping[str, Any]) -> Html:
    text = frame["data"]
    return element(
        "li",
        element("span", f"{frame['seconds']:.2f}", class_="at"),
        element("code", frame["type"] or "·", class_="type"),
        element("code", text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…", class_="data"),
    )


def invoices(house: House, speech: Speech) -> Html:
    found = list(islice(reversed(house.ledger.invoices.values()), _SHOWN))
    if not found:
        return section("invoices", speech["invoices"], empty(speech["no_invoices"]))
    names = ("number", "buyer", "issued_at", "total", "files")
    head = element("tr", *(element("th", speech[name], scope="col") for name in names))
    rows = joined(_invoice(house, speech, invoice) for invoice in found)
    table = element("table", element("thead", head), element("tbody", rows))
    return section(
        "invoices",
        speech["invoices"],
        element("div", table, class_="scroll", tabindex="0", role="region", aria_labelledby="invoices-title"),
    )


def _invoice(house: House, speech: Speech, invoice: BookedInvoice) -> Html:
    links = joined(
        element(
            "a",
            kind.upper(),
            href=f"/files/{invoice.number}.{kind}",
            target="_blank",
            rel="noopener",
            aria_label=f"{kind.upper()} {invoice.number}",
        )
        for kind in ("pdf", "ofd", "xml")
    )
    draft = element("span", speech["draft"], class_="badge") if invoice.is_draft else ""
    buyer = masked(str(invoice.order.get("buyerName", "")), house.feed.secrets_of(invoice.user_id))
    return element(
        "tr",
        element("td", element("code", invoice.number), draft),
        element("td", buyer),
        element("td", invoice.issued_at[:19].replace("T", " ")),
        element("td", f"¥{invoice.total:,.2f}", class_="sum"),
        element("td", links, class_="links"),
    )


def sessions(house: House, speech: Speech) -> Html:
    attended = list(islice(reversed(house.vendor.attendance.items()), _SHOWN))
    if not attended:
        return section("sessions", speech["sessions"], empty(speech["no_sessions"]))
    rows = joined(_session(house, speech, user_id, seen) for user_id, seen in attended)
    return section("sessions", speech["sessions"], element("ul", rows, class_="rows"))


def _session(house: House, speech: Speech, user_id: str, seen: UserCounts) -> Html:
    sockets = len(house.vendor.open_sockets(user_id))
    counts = [f"{sockets} {speech['open']}", f"{seen.logins} {speech['logins']}"]
    counts += [f"{seen.lost_replies} {speech['lost']}"] if seen.lost_replies else []
    counts += [f"{seen.violations} {speech['violations']}"] if seen.violations else []
    cut: Html | str = ""
    if sockets:
        pressed = button(speech["drop"], id=f"drop-{user_id}", aria_label=f"{speech['drop']}: {user_id}")
        cut = form("drop", hidden(userId=user_id), pressed)
    about = element("div", element("code", user_id), element("span", " · ".join(counts), class_="hint"))
    return element("li", about, cut)


def activity(house: House, speech: Speech) -> Html:
    last = house.feed.since(max(0, house.feed.last_number - _SHOWN))
    if not last:
        return section("activity", speech["activity"], empty(speech["quiet"]))
    lines = joined(_happening(house, speech, happening) for happening in reversed(last))
    return section("activity", speech["activity"], element("ol", lines, class_="frames"))


def _happening(house: House, speech: Speech, happening: Happening) -> Html:
    told = house.feed.told(happening)
    text = str(told.get("frame") or told["about"])
    return element(
        "li",
        _time(happening.at),
        _badge(speech, happening.event),
        element("span", happening.user_id, class_="hint"),
        element("code", text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…", class_="data"),
    )


def _badge(speech: Speech, state: str) -> Html:
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "busy" if state == "qr.shown" else ""
    return element("span", speech[state], class_=f"badge {kind}".strip())


def _time(at: str) -> Html:
    """The time of day; the script writes it in the reader's zone."""
    return element("time", f"{at[11:19]}Z", datetime=at)


def _total(order: Mapping[str, Any]) -> str:
    """What an order comes to; empty where a stranger's lines make no sum."""
    try:
        return f"¥{sum((line.total for line in priced(order['invoiceItems'])), Decimal(0)):,.2f}"
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return ""
