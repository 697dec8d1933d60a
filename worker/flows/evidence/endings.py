"""What follows from a verdict: the events and the state of the command whose invoice was sought. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from contracts.events import IssuedInvoice, IssuedItem, Outcome
from worker.flows.announce import Announcement, failure, in_its_words
from worker.flows.evidence.verdicts import Found, Nothing, Several, Subject, Verdict, total_matches
from worker.flows.invoices import as_listed, findings_of
from worker.flows.looks import Absence, Reading, Schedules, extra_look, next_look
from worker.flows.vocabulary import Details, Settle
from worker.records import CommandState

MOST_CANDIDATES = 20
"""Told to the person who decides; whoever has more looks at the portal anyway."""


def endings(  # noqa: PLR0913  a verdict, and all that it depends on
    subject: Subject, verdict: Verdict, details: Details, *, looks: Schedules, reading: Reading, now: datetime
) -> Iterator[Settle]:
    """The move that this verdict means."""
    if isinstance(verdict, Found):
        yield _found(subject, verdict.invoice, details)
    elif subject.is_issued:
        yield _unconfirmed(subject, looks, now)
    elif subject.command.state is CommandState.CHECKING:
        yield _sought_again(subject, looks.refusal, verdict, reading, now)
    else:
        yield _sought_again(subject, looks.doubt, verdict, reading, now)


def submitted_invoice(submitted: Mapping[str, Any], number: str) -> dict[str, Any]:
    """What was submitted, under the number that was found: the invoice of a `completed` without the gateway's reply."""
    known = {name: value for name, value in submitted.items() if name in IssuedInvoice.model_fields}
    known["invoiceItems"] = [
        {name: value for name, value in item.items() if name in IssuedItem.model_fields}
        for item in submitted.get("invoiceItems", [])
    ]
    invoice = IssuedInvoice.model_validate({**known, "invoiceNumber": number})
    return invoice.model_dump(exclude_none=True)


def _found(subject: Subject, invoice: Mapping[str, Any], details: Details) -> Settle:
    number = str(invoice["countETicketNumbers"])
    files = [file for file in details.files if file["invoiceBasicInfoId"] == str(invoice["id"])]
    told = [Announcement(Outcome.CONFIRMED, _confirmation(subject, invoice, number, files))]
    if not subject.is_issued:
        pdf = next((file["url"] for file in files if file["type"] == "pdf"), None)
        data = {"invoice": submitted_invoice(subject.submitted, number), "invoiceUrl": pdf, "reconciled": True}
        told.insert(0, Announcement(Outcome.COMPLETED, data))
    return Settle(
        command=subject.command,
        to=CommandState.COMPLETED,
        announcements=tuple(told),
        invoice_number=number,
        findings=findings_of((as_listed(invoice),), Details(files=tuple(files)), user_id=subject.command.user_id),
    )


def _confirmation(
    subject: Subject, invoice: Mapping[str, Any], number: str, files: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "invoiceId": str(invoice["id"]),
        "invoiceNumber": number,
        "invoiceDate": invoice.get("invoiceDate"),
        "totalAmount": invoice.get("totalAmount"),
        "totalTax": invoice.get("totalTax"),
        "totalPriceAndTax": invoice.get("totalPriceAndTax"),
        "expectedTotalMatches": total_matches(subject, invoice),
        "files": files,
    }


def _unconfirmed(subject: Subject, looks: Schedules, now: datetime) -> Settle:
    """Issued, but not listed yet, or not to be told from others: looked for again, and at last told to a person."""
    look_ups = subject.command.look_ups + 1
    sought_at = next_look(looks.confirm, look_ups, now)
    told: tuple[Announcement, ...] = ()
    if sought_at is None:
        message = "The invoice was issued, but no look-up could tell its number. Look for it at the tax bureau."
        told = (Announcement(Outcome.UNCONFIRMED, {"message": message, "lookUps": look_ups}),)
    return Settle(subject.command, CommandState.COMPLETED, told, sought_at=sought_at)


def _sought_again(
    subject: Subject, schedule: tuple[timedelta, ...], verdict: Nothing | Several, reading: Reading, now: datetime
) -> Settle:
    command = subject.command
    look_ups, absence = command.look_ups + 1, Absence.read(command.progress)
    sought_at = next_look(schedule, look_ups, now)
    if sought_at is None and absence.not_before is not None and now < absence.not_before:
        sought_at = absence.not_before
    if sought_at is None and reading is Reading.CUT and isinstance(verdict, Nothing):
        sought_at = extra_look(schedule, look_ups, now)
    is_open = isinstance(verdict, Nothing) or verdict.is_contested
    if is_open and sought_at is not None:
        return Settle(command, command.state, sought_at=sought_at)
    if isinstance(verdict, Several) or reading is not Reading.WHOLE:
        return _for_a_person(subject, verdict)
    told = failure(absence.code, absence.stage, absence.message, command.attempts, absence.gateway_message)
    return Settle(command, CommandState.FAILED, (told,))


def _for_a_person(subject: Subject, verdict: Nothing | Several) -> Settle:
    """Evidence cannot decide: `fapiao-worker resolve` does."""
    candidates = verdict.invoices if isinstance(verdict, Several) else ()
    data = {
        "reason": _reason(verdict),
        "submittedAt": subject.command.submitted_at,
        "candidates": [_candidate(invoice) for invoice in candidates[:MOST_CANDIDATES]],
        "needsPerson": True,
        "nextLookAt": None,
        **in_its_words(Absence.read(subject.command.progress).gateway_message),
    }
    return Settle(subject.command, CommandState.IN_DOUBT, (Announcement(Outcome.IN_DOUBT, data),))


def _reason(verdict: Nothing | Several) -> str:
    if isinstance(verdict, Nothing):
        return "No invoice was found, which proves nothing: the list was cut short, or is not the seller's company's."
    named = f"{len(verdict.invoices)} invoice" + ("s" if len(verdict.invoices) > 1 else "")
    if verdict.is_but_for_total:
        return f"{named} could be this one by all but the total, which is another or is not told."
    if verdict.is_contested:
        return f"{named} could be this one, and another order's as well."
    return f"{named} could be this one, and it cannot be told which."


def _candidate(invoice: Mapping[str, Any]) -> dict[str, Any]:
    names = ("invoiceDate", "totalPriceAndTax", "buyerName", "note")
    return {"invoiceNumber": str(invoice["countETicketNumbers"])} | {
        name: invoice[name] for name in names if invoice.get(name) is not None
    }
