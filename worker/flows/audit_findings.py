"""A period's list held against the journal, invoice by invoice: what does not add up. Pure.

Guarantees that no invoice is called unknown that a command could own, that nothing is said of another source's
invoices, and that an invoice has one finding at most.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from contracts.audits import FindingKind
from contracts.envelope import loads
from worker.flows.audit_rows import listed_of
from worker.flows.evidence.status import is_dead, status_when_taken_back
from worker.records import (
    BEIJING,
    AuditedInvoice,
    AuditOwner,
    Command,
    ListedInvoice,
    NumberedCommand,
    SubmittedInvoice,
)
from worker.texts import Likeness, Text, code_likeness, folded_code, likeness

_DOUBT_OF_DOUBLE: Final = "duplicate_suspected"
_A_DAY: Final = timedelta(days=1)


class Standing(StrEnum):
    """Whose a listed invoice is, where it brings no finding."""

    MATCHED = "matched"
    """A command's of this source, as it was confirmed."""
    THEIRS = "theirs"
    """Another source's. Nothing is said of it."""
    UNDECIDED = "undecided"
    """Perhaps of a command whose invoice is not known yet, or without a number."""


@dataclass(frozen=True, slots=True)
class Held:
    """One listed invoice, held against the journal."""

    invoice: ListedInvoice
    standing: FindingKind | Standing
    finding: dict[str, Any] | None = None
    """As the event tells it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was known of an invoice before the audit."""

    event: dict[str, Any] = field(default_factory=dict)
    """What `confirmed` said by the list; empty where it is not kept."""
    sent: SubmittedInvoice | None = None
    """None where it was forgotten."""

    @classmethod
    def of(cls, owner: AuditOwner) -> "_Known":
        event = {} if owner.confirmed is None else loads(owner.confirmed).get("data", {})
        is_by_list = bool(event.get("invoiceId"))  # a person tells the number, and nothing of what is listed
        return cls(event if is_by_list else {}, _sent(owner.sent))

    @property
    def buyer_id(self) -> str:
        """As it was confirmed."""
        return self._told("buyerIndentification", "" if self.sent is None else self.sent.buyer_id)

    @property
    def buyer_name(self) -> str:
        """As it was confirmed."""
        return self._told("buyerName", "" if self.sent is None else self.sent.buyer_name)

    def _told(self, member: str, sent: str) -> str:
        """What the list said otherwise then, else what was sent."""
        told = {each["member"]: each["listed"] for each in self.event.get("differs", [])}
        return str(told.get(member) or sent)


def _sent(data: bytes | None) -> SubmittedInvoice | None:
    try:
        return None if data is None else SubmittedInvoice.read(loads(data))
    except (KeyError, TypeError, ValueError):
        return None


def hold(audited: AuditedInvoice, taken_back: Collection[str] = ()) -> Held:
    """What this listed invoice is to the audit's source. `taken_back`: numbers that red invoices of the list name."""
    invoice, owner = listed_of(audited.row), audited.owner
    if owner is None:
        return _unowned(audited, invoice)
    if not owner.is_own:
        return Held(invoice, Standing.THEIRS)
    if audited.claim == owner.key:
        return _found(FindingKind.UNNUMBERED, audited, invoice)
    return _owned(audited, owner, invoice, is_taken_back=invoice.number in taken_back)


def missing(numbered: NumberedCommand, first: date, last: date, before: datetime) -> dict[str, Any] | bool:
    """The finding of a command of this source that has an invoice's number: the list, which was whole and was begun at
    `before`, lacks it. True where it cannot be told, False where it need not be listed."""
    if not numbered.is_own or numbered.is_listed:
        return False
    event = {} if numbered.confirmed is None else loads(numbered.confirmed)
    told = event.get("data", {}).get("invoiceDate")
    dated = numbered.dated if told is None else datetime.fromisoformat(told)
    if dated is None:
        return first <= numbered.submitted_at.astimezone(BEIJING).date() <= last
    if not first <= dated.astimezone(BEIJING).date() <= last:
        return False
    listed_at = datetime.fromisoformat(event["time"]) if "time" in event else numbered.submitted_at + _A_DAY
    if listed_at >= before:
        # It was confirmed by a list that is younger than the audit's.
        return True
    return {"kind": FindingKind.MISSING, **_named(numbered.command_id, numbered.order_no, numbered.number)}


def missing_without_number(command: Command) -> dict[str, Any]:
    """The finding of an issued command whose number was never found, and for which a whole list has nothing either."""
    return {"kind": FindingKind.MISSING, **_named(command.id, command.order_no, None)}


# ---- one invoice ---------------------------------------------------------------------------------------


def _unowned(audited: AuditedInvoice, invoice: ListedInvoice) -> Held:
    if audited.claim is not None or invoice.number is None:
        return Held(invoice, Standing.UNDECIDED)
    twin = audited.twin
    if twin is not None and (twin.is_owned or twin.identity < invoice.identity):
        # Of two that nobody owns, the first is unknown, and the second its double.
        return _found(FindingKind.DOUBLE, audited, invoice)
    return _found(FindingKind.UNKNOWN, audited, invoice)


def _owned(audited: AuditedInvoice, owner: AuditOwner, invoice: ListedInvoice, *, is_taken_back: bool) -> Held:
    known = _Known.of(owner)
    differs = list(_differences(known, invoice))
    status = status_when_taken_back(invoice.status) if is_taken_back else invoice.status
    if is_dead(status) and not is_dead(known.event.get("invoiceStatus")):
        told = replace(invoice, told={**invoice.told, "invoiceStatus": status})
        return _found(FindingKind.CHANGED, audited, told, differs)
    if differs:
        return _found(FindingKind.DIFFERS, audited, invoice, differs)
    if _was_suspected(owner) and audited.twin is not None and audited.twin.is_owned:
        return _found(FindingKind.DOUBLE, audited, invoice)
    return Held(invoice, Standing.MATCHED)


def _was_suspected(owner: AuditOwner) -> bool:
    return any(each.get("code") == _DOUBT_OF_DOUBLE for each in loads(owner.warnings))


def _found(
    kind: FindingKind, audited: AuditedInvoice, invoice: ListedInvoice, differs: list[dict[str, Any]] | None = None
) -> Held:
    owner, twin = audited.owner, audited.twin
    command_id, order_no = (None, None) if owner is None else (owner.command_id, owner.order_no)
    named = _named(command_id, order_no, invoice.number)
    finding: dict[str, Any] = {"kind": kind, **named, "invoice": dict(invoice.told)}
    if differs:
        finding["differs"] = differs
    if kind is FindingKind.DOUBLE and twin is not None:
        told = {"invoiceNumber": twin.number, "commandId": twin.command_id}
        finding["double"] = {name: value for name, value in told.items() if value is not None}
    return Held(invoice, kind, finding)


def _named(command_id: str | None, order_no: str | None, number: str | None) -> dict[str, Any]:
    told = {"commandId": command_id, "orderNo": order_no, "invoiceNumber": number}
    return {name: value for name, value in told.items() if value is not None}


def _differences(known: _Known, invoice: ListedInvoice) -> Iterator[dict[str, Any]]:
    yield from _buyers(known, invoice)
    date_then = known.event.get("invoiceDate")
    if date_then is not None and invoice.dated is not None:
        then, shown = datetime.fromisoformat(date_then), invoice.dated.shown
        same_day = then.astimezone(BEIJING).date() == shown.astimezone(BEIJING).date()
        is_ahead = shown - then == BEIJING.utcoffset(None)  # an offset of zero behind Beijing's time: see `dated_by`
        if not same_day and not is_ahead and not invoice.dated.earliest <= then <= invoice.dated.latest:
            yield _difference("invoiceDate", then, shown)
    total = known.event.get("totalPriceAndTax")
    if total is not None and invoice.with_tax is not None and Decimal(str(total)) != invoice.with_tax:
        yield _difference("totalPriceAndTax", total, invoice.with_tax)


def _buyers(known: _Known, invoice: ListedInvoice) -> Iterator[dict[str, Any]]:
    """Beside a tax id that is the same, another name counts only where `confirmed` had nothing to say of it."""
    code, name = known.buyer_id, known.buyer_name
    ours, theirs = folded_code(code), folded_code(invoice.buyer_id or "")
    code_is = code_likeness(ours, theirs) if ours and theirs else Likeness.UNTOLD
    if code_is is Likeness.DIFFERENT:
        yield _difference("buyerIndentification", code, invoice.buyer_id)
    if not name or not invoice.buyer_name or (code_is is Likeness.SAME and not known.event):
        return
    is_person = known.sent is not None and known.sent.is_person
    was, now = (Text.of_name(each, is_person=is_person) for each in (name, invoice.buyer_name))
    if likeness(was, now) is Likeness.DIFFERENT:
        yield _difference("buyerName", name, invoice.buyer_name)


def _difference(member: str, confirmed: object, listed: object) -> dict[str, Any]:
    return {"member": member, "confirmed": confirmed, "listed": listed}
