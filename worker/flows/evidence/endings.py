"""What follows from a verdict: the events and the state of the command whose invoice was sought. Pure.

Guarantees that a look which was not due counts for nothing, unless it found; that absence is told only at the end of
the command's own schedule, from a whole list, where the gateway had not answered with a result that was laid aside; and
that an invoice which was red-lettered or voided, or may have been, is never simply the answer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.envelope import dumps, loads
from contracts.events import Outcome
from contracts.invoices import IssuedInvoice, IssuedItem
from contracts.told import CompletedData, ConfirmedData, InDoubtData
from worker.flows.announce import Announcement, announced, failure
from worker.flows.evidence.members import MemberDifference
from worker.flows.evidence.status import counts, is_dead
from worker.flows.evidence.subjects import Subject
from worker.flows.evidence.verdicts import MOST_CANDIDATES, Candidate, Found, Nothing, Several, Verdict
from worker.flows.invoices import findings_of
from worker.flows.looks import Absence, ListReading, Schedules, extra_look, next_look
from worker.flows.vocabulary import Details, Settle
from worker.records import Command, CommandState, ListedInvoice, Stray

_NUMBER: Final = re.compile(r"(?<!\d)\d{20}(?!\d)", re.ASCII)
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9._~%/?=&-]*")
_DEAD: Final = {
    "code": "invoice_dead",
    "message": "The invoice was red-lettered or voided: it counts no more, or not in full. See invoiceStatus.",
    "path": None,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A submission and all that was found out about it by one look."""

    subject: Subject
    verdict: Verdict
    details: Details = field(default_factory=Details)
    strays: tuple[Stray, ...] = ()
    """Results that were laid aside and may be its own."""
    reading: ListReading = ListReading.WHOLE


def endings(case: Case, looks: Schedules, now: datetime) -> Iterator[Settle]:
    """The move that this look means for it, if it means any."""
    subject, verdict = case.subject, case.verdict
    command = subject.command
    if isinstance(verdict, Found):
        status = verdict.invoice.status
        if subject.is_issued or counts(status):
            yield _found(subject, verdict, case.details)
            return
        # Dead before anybody was told of it: a person decides. A status that nobody knows may be another one next time.
        verdict = Several((Candidate(verdict.invoice, verdict.differs),), may_clear=not is_dead(status))
    if command.sought_at is not None and command.sought_at > now:
        return
    if subject.is_issued:
        yield _unconfirmed(subject, looks, now)
        return
    schedule = looks.refusal if command.state is CommandState.CHECKING else looks.doubt
    yield _sought_again(case, verdict, schedule, now)


def login_refused(
    subject: Subject, looks: Schedules, now: datetime, until: datetime, reason: str | None
) -> Iterator[Settle]:
    """With a login that is refused nothing can be looked for. A command that has no outcome yet is told as in doubt,
    once. One that was issued and lacks its number goes on waiting for it until its own schedule is over."""
    command = subject.command
    absence = Absence.read(command.progress)
    if subject.is_issued:
        yield from without_login(subject, looks, now)
        return
    if absence.has_told_refusal:
        return
    data: InDoubtData = {
        "reason": "The worker cannot look for it: the gateway refuses the login that it was submitted with. An order "
        "of the same account with a login that works, or fapiao-worker resolve, puts that right.",
        "submittedAt": command.submitted_at,
        "candidates": [],
        "needsPerson": True,
        "nextLookAt": until,
    }
    if reason is not None:
        data["gatewayMessage"] = reason
    yield Settle(
        command,
        CommandState.IN_DOUBT,
        (announced(Outcome.IN_DOUBT, data),),
        sought_at=now,  # the look-up's end puts it off, unless somebody resumes the account meanwhile
        has_looked=False,
        progress=replace(absence, has_told_refusal=True).journaled(),
    )


def without_login(subject: Subject, looks: Schedules, now: datetime) -> Iterator[Settle]:
    """The end of an issued order for which no look can be made: when its schedule would be over it is `unconfirmed`, so
    that nobody waits for its number for ever."""
    command = subject.command
    over = (command.settled_at or subject.since) + sum(looks.confirm, timedelta())
    if not subject.is_issued or now < over or (command.sought_at is not None and command.sought_at > now):
        return
    message = (
        "The invoice was issued, but its number could not be looked up: the gateway refuses the login that it was "
        "submitted with, or that login is gone. Look for it at the tax bureau."
    )
    told = announced(Outcome.UNCONFIRMED, {"message": message, "lookUps": command.look_ups})
    yield Settle(command, CommandState.COMPLETED, (told,), has_looked=False)


def submitted_invoice(command: Command, number: str) -> dict[str, Any]:
    """What was submitted, under the number that was found: the invoice of a `completed` without the gateway's reply."""
    sent = loads(command.data).get("invoice", {})
    known = {name: value for name, value in sent.items() if name in IssuedInvoice.model_fields}
    known["invoiceItems"] = [
        {name: value for name, value in item.items() if name in IssuedItem.model_fields}
        for item in sent.get("invoiceItems", [])
    ]
    invoice = IssuedInvoice.model_validate({**known, "invoiceNumber": number})
    return invoice.model_dump(exclude_none=True)


def told_differences(differs: tuple[MemberDifference, ...]) -> list[dict[str, Any]]:
    """As a member of an event, which is left out where nothing differs."""
    return [each.told() for each in differs]


def issued(
    invoice: Mapping[str, Any],
    invoice_url: str | None,
    differs: tuple[MemberDifference, ...] = (),
    *,
    reconciled: bool,
    status: str | None = None,
) -> Announcement:
    """`completed`, by the gateway's reply, or by what a look-up or a person found (`reconciled`)."""
    data: CompletedData = {"invoice": invoice, "invoiceUrl": invoice_url, "reconciled": reconciled}
    if differs:
        data["differs"] = told_differences(differs)
    if status is not None:
        data["invoiceStatus"] = status
    return announced(Outcome.COMPLETED, data)


def issued_by_a_person(command: Command, number: str) -> tuple[Announcement, Announcement]:
    """`completed` by a person's word: what was submitted, under the number the person found. `confirmed` comes with it,
    for whoever keeps orders open until then would wait for ever; what only the gateway's list tells is left empty."""
    confirmed: ConfirmedData = {
        "invoiceId": "",
        "invoiceNumber": number,
        "invoiceDate": None,
        "totalAmount": None,
        "totalTax": None,
        "totalPriceAndTax": None,
        "expectedTotalMatches": None,
        "files": [],
    }
    completed = issued(submitted_invoice(command, number), None, reconciled=True)
    return completed, announced(Outcome.CONFIRMED, confirmed)


# ---- found ---------------------------------------------------------------------------------------------


def _found(subject: Subject, found: Found, details: Details) -> Settle:
    invoice = found.invoice
    number = invoice.number
    assert number is not None  # noqa: S101  what has no number is never found
    files = [file for file in details.files if file["invoiceBasicInfoId"] == invoice.gateway_id]
    confirmed = _confirmation(subject, invoice, number, files)
    if found.differs:
        confirmed["differs"] = told_differences(found.differs)
    if invoice.status is not None:
        confirmed["invoiceStatus"] = invoice.status
    if is_dead(invoice.status):
        confirmed["warnings"] = [*loads(subject.command.warnings), _DEAD]
    told = [announced(Outcome.CONFIRMED, confirmed)]
    if not subject.is_issued:
        pdf = next((file["url"] for file in files if file["type"] == "pdf"), None)
        sent = submitted_invoice(subject.command, number)
        told.insert(0, issued(sent, pdf, found.differs, reconciled=True, status=invoice.status))
    return Settle(
        command=subject.command,
        to=CommandState.COMPLETED,
        announcements=tuple(told),
        invoice_number=number,
        findings=findings_of((invoice,), Details(files=tuple(files)), user_id=subject.command.user_id),
    )


def _confirmation(subject: Subject, invoice: ListedInvoice, number: str, files: list[dict[str, Any]]) -> ConfirmedData:
    return {
        "invoiceId": invoice.gateway_id,
        "invoiceNumber": number,
        "invoiceDate": None if invoice.dated is None else invoice.dated.shown,
        "totalAmount": invoice.total_without_tax,
        "totalTax": invoice.total_tax,
        "totalPriceAndTax": invoice.total,
        "expectedTotalMatches": total_matches(subject, invoice),
        "files": files,
    }


def total_matches(subject: Subject, invoice: ListedInvoice) -> bool | None:
    """Whether the invoice's total is the expected one; None where none was named or told."""
    expected, total = subject.order.sent.expected_total, invoice.with_tax
    return None if expected is None or total is None else total == expected


# ---- not found -----------------------------------------------------------------------------------------


def _unconfirmed(subject: Subject, looks: Schedules, now: datetime) -> Settle:
    """Issued, but not listed yet, or not to be told from others: looked for again, and at last told to a person."""
    look_ups = subject.command.look_ups + 1
    sought_at = next_look(looks.confirm, look_ups, now)
    told: tuple[Announcement, ...] = ()
    if sought_at is None:
        message = "The invoice was issued, but no look-up could tell its number. Look for it at the tax bureau."
        told = (announced(Outcome.UNCONFIRMED, {"message": message, "lookUps": look_ups}),)
    return Settle(subject.command, CommandState.COMPLETED, told, sought_at=sought_at)


def unreadable(command: Command) -> Settle:
    """What was submitted cannot be read from the journal, so that nothing listed can be held against it: a person
    decides. What else is sought with it goes on."""
    if command.state is CommandState.COMPLETED:
        message = (
            "The invoice was issued, but what was submitted cannot be read from the journal, so its number cannot be "
            "looked up. Look for it at the tax bureau."
        )
        told = announced(Outcome.UNCONFIRMED, {"message": message, "lookUps": command.look_ups})
        return Settle(command, CommandState.COMPLETED, (told,))
    data: InDoubtData = {
        "reason": "What was submitted cannot be read from the journal, so no listed invoice can be held against it.",
        "submittedAt": command.submitted_at,
        "candidates": [],
        "needsPerson": True,
        "nextLookAt": None,
    }
    return Settle(command, CommandState.IN_DOUBT, (announced(Outcome.IN_DOUBT, data),))


def _sought_again(case: Case, verdict: Nothing | Several, schedule: tuple[timedelta, ...], now: datetime) -> Settle:
    command = case.subject.command
    look_ups, absence = command.look_ups + 1, Absence.read(command.progress)
    sought_at = next_look(schedule, look_ups, now)
    if sought_at is None and absence.not_before is not None and now < absence.not_before:
        sought_at = absence.not_before
    if sought_at is None and case.reading is ListReading.CUT and isinstance(verdict, Nothing):
        sought_at = extra_look(schedule, look_ups, now)
    is_open = isinstance(verdict, Nothing) or verdict.is_contested or verdict.may_clear
    if is_open and sought_at is not None:
        return Settle(command, command.state, sought_at=sought_at)
    if isinstance(verdict, Several) or case.strays or case.reading is not ListReading.WHOLE:
        return _for_a_person(case, verdict)
    told = failure(absence.code, absence.stage, absence.message, command.attempts, absence.gateway_message)
    return Settle(command, CommandState.FAILED, (told,))


def _for_a_person(case: Case, verdict: Nothing | Several) -> Settle:
    """Evidence cannot decide: `fapiao-worker resolve` does."""
    listed = [_candidate(each) for each in verdict.candidates] if isinstance(verdict, Several) else []
    aside = [_laid_aside(stray) for stray in case.strays]
    data: InDoubtData = {
        "reason": _reason(case, verdict),
        "submittedAt": case.subject.command.submitted_at,
        "candidates": [*aside, *listed][:MOST_CANDIDATES],
        "needsPerson": True,
        "nextLookAt": None,
    }
    gateway_message = Absence.read(case.subject.command.progress).gateway_message
    if gateway_message is not None:
        data["gatewayMessage"] = gateway_message
    return Settle(case.subject.command, CommandState.IN_DOUBT, (announced(Outcome.IN_DOUBT, data),))


def _reason(case: Case, verdict: Nothing | Several) -> str:
    if isinstance(verdict, Nothing):
        why = (
            "the gateway answered with a result that does not fit the order, or that could be another order's"
            if case.strays
            else "the list was cut short, or is not the seller's company's"
        )
        return f"No invoice was found, which proves nothing: {why}."
    named = f"{verdict.count} invoice" + ("s" if verdict.count > 1 else "")
    if any(is_dead(each.invoice.status) for each in verdict.candidates) and verdict.count == 1:
        return "The invoice that could be this one was red-lettered or voided."
    if verdict.is_contested:
        return f"{named} could be this one, and another order's as well."
    if verdict.count == 1 and not all(counts(each.invoice.status) for each in verdict.candidates):
        return "The invoice that could be this one has a status by which nobody can say whether it counts."
    members = sorted({each.member for one in verdict.candidates for each in one.differs})
    why = "and it cannot be told which"
    if members:
        why = f"but for what differs: {', '.join(members)}"
    elif verdict.count == 1:
        why = "but too little of it is told to be sure"
    return f"{named} could be this one, {why}."


def _candidate(candidate: Candidate) -> dict[str, Any]:
    invoice = candidate.invoice
    told = {
        "invoiceNumber": invoice.number,
        "invoiceDate": None if invoice.dated is None else invoice.dated.shown,
        "totalPriceAndTax": invoice.with_tax,
        "buyerName": invoice.buyer_name,
        "note": invoice.note,
        "invoiceStatus": invoice.status,
    }
    known = {name: value for name, value in told.items() if value is not None}
    return known | {"differs": [each.told() for each in candidate.differs]}


def _laid_aside(stray: Stray) -> dict[str, Any]:
    """A result of the gateway's that settled nothing, with its address: what a person opens first."""
    kept = loads(stray.body)
    result = kept.get("data", kept) if isinstance(kept, dict) else {}
    names = ("invoiceUrl", "invoiceNumber", "buyerName", "remark", "differs")
    known = {name: result[name] for name in names if isinstance(result, dict) and result.get(name) is not None}
    return {"laidAside": stray.reason, "differs": []} | (known or _named_in(dumps(result).decode()))


def _named_in(answer: str) -> dict[str, str]:
    """The first number and the first plain address in an answer that is no result as the manual has it."""
    found = {"invoiceNumber": _NUMBER.search(answer), "invoiceUrl": _ADDRESS.search(answer)}
    return {name: each[0] for name, each in found.items() if each is not None}
