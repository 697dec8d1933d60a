"""What a person may ask of the journal, and the few decisions only a person can take.

Guarantees: answers are plain JSON-able dicts without secrets; `resolve` writes the command's final event and its
state in one transaction, by compare-and-set on `in_doubt`, and binds an invoice number to one command for ever.
Knows nothing of how it is called: a running worker's control socket and the command line share it.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from contracts.envelope import loads, timestamp
from contracts.events import IssuedInvoice, IssuedItem, Outcome
from contracts.failures import FailureCode, Stage
from worker.clock import Clock
from worker.errors import NotFound, NotResolvable, WorkerError
from worker.flows.announce import Announcement, events_of, failure
from worker.ops.redaction import lane_digest
from worker.ports import OperatorJournal
from worker.records import Command, CommandState, EventRecord, Settlement, UndeliverableReply

log = structlog.get_logger()

INVOICE_NUMBER: Final = re.compile(r"[0-9]{20}")
"""A fully digitalised invoice has a number of 20 digits."""
LIST_MAX: Final = 10_000


class AmbiguousCommand(WorkerError):
    """Several sources used this id; the message names them."""


class BadRequest(WorkerError):
    """The request makes no sense. The message says what to change."""


class Operations:
    """Questions and decisions. `worker` is the `source` of the events it writes."""

    def __init__(self, journal: OperatorJournal, clock: Clock, *, worker: str) -> None:
        self._journal = journal
        self._clock = clock
        self._worker = worker

    async def status(self, command_id: str, source: str | None = None) -> dict[str, Any]:
        """A command with its events. Raises `NotFound`, `AmbiguousCommand`."""
        command = await self._one(command_id, source)
        events = await self._journal.events_of(command.key)
        return {**describe_command(command), "events": [describe_event(record) for record in events]}

    async def commands(self, states: Sequence[str] = (), limit: int = 100) -> list[dict[str, Any]]:
        """Commands in any of these states (all, if none is named), newest first. Raises `BadRequest`."""
        commands = await self._journal.commands(_states(states), _limit(limit))
        return [describe_command(command) for command in commands]

    async def resolve(
        self, command_id: str, source: str | None = None, *, issued: str | None = None, not_issued: bool = False
    ) -> dict[str, Any]:
        """End a command in doubt as a person says: `issued` with this number, or `not_issued`.

        Raises `BadRequest`, `NotFound`, `AmbiguousCommand`, `NotResolvable`.
        """
        if (issued is None) != not_issued:
            raise BadRequest("Say either the number of the invoice that was issued, or that none was.")
        if issued is not None and not INVOICE_NUMBER.fullmatch(issued):
            raise BadRequest("An invoice number has exactly 20 digits; look it up at the tax bureau and copy it.")
        command = await self._one(command_id, source)
        if command.state is not CommandState.IN_DOUBT:
            raise NotResolvable(f"Command {command_id} is {command.state}, not in doubt; there is nothing to decide.")
        announcement = _issued(command, issued) if issued is not None else _not_issued(command)
        await self._settle(command, announcement, issued)
        return await self.status(command.id, command.source)

    async def replay(self, command_id: str, source: str | None = None) -> dict[str, Any]:
        """Publish all of a command's events again, under the same ids. Raises `NotFound`, `AmbiguousCommand`."""
        command = await self._one(command_id, source)
        copies = await self._journal.replay(command.key, self._clock.now())
        log.info("events_replayed", command_id=command.id, command_source=command.source, copies=copies)
        return {"commandId": command.id, "commandSource": command.source, "copies": copies}

    async def replies(self, limit: int = 100) -> list[dict[str, Any]]:
        """Replies whose queue stayed missing, oldest first."""
        return [describe_reply(reply) for reply in await self._journal.undeliverable_replies(_limit(limit))]

    async def resend_replies(self, numbers: Sequence[int] = ()) -> dict[str, Any]:
        """Try these replies (all, if none is named) again."""
        count = await self._journal.resend_replies(list(numbers), self._clock.now())
        log.info("replies_resent", count=count)
        return {"resent": count}

    async def discard_replies(self, numbers: Sequence[int] = ()) -> dict[str, Any]:
        """Forget these replies (all, if none is named). The events stay on record."""
        count = await self._journal.discard_replies(list(numbers))
        log.info("replies_discarded", count=count)
        return {"discarded": count}

    async def rekey(self) -> dict[str, Any]:
        """Seal the secrets of unfinished commands anew, with the first of the journal's keys."""
        done = await self._journal.reseal()
        log.info("secrets_resealed", count=done.count, key_id=done.key_id, is_complete=done.is_complete)
        return {"resealed": done.count, "keyId": done.key_id, "isComplete": done.is_complete}

    async def _one(self, command_id: str, source: str | None) -> Command:
        found = await self._journal.find(command_id, source)
        if not found:
            of_whom = f" of source {source}" if source else ""
            raise NotFound(f"There is no command {command_id}{of_whom} in this journal.")
        if len(found) > 1:
            sources = ", ".join(sorted(command.source for command in found))
            raise AmbiguousCommand(f"Several sources have a command {command_id} ({sources}): name one with --source.")
        return found[0]

    async def _settle(self, command: Command, announcement: Announcement, number: str | None) -> None:
        now = self._clock.now()
        settlement = Settlement(
            command=command,
            expected=frozenset({CommandState.IN_DOUBT}),
            to=CommandState.COMPLETED if number is not None else CommandState.FAILED,
            at=now,
            events=events_of(command, [announcement], worker=self._worker, at=now),
            invoice_number=number,
        )
        if not await self._journal.settle(settlement):
            raise NotResolvable(f"Command {command.id} changed meanwhile; look at its status and decide again.")
        lane = lane_digest(command.lane) if command.lane is not None else None
        log.info(
            "command_resolved",
            command_id=command.id,
            command_source=command.source,
            lane=lane,
            outcome=str(announcement.outcome),
        )


def describe_command(command: Command) -> dict[str, Any]:
    """A command for JSON: what it is and where it stands, without its data."""
    return {
        "commandId": command.id,
        "commandSource": command.source,
        "type": command.type,
        "state": str(command.state),
        "userId": command.lane,
        "orderNo": command.order_no,
        "invoiceNumber": command.invoice_number,
        "attempts": command.attempts,
        "receivedAt": timestamp(command.received_at),
        "deadline": _moment(command.deadline_at),
        "submittedAt": _moment(command.submitted_at),
        "settledAt": _moment(command.settled_at),
        "replyTo": command.route.reply_to,
        "correlationId": command.route.correlation_id,
        "warnings": loads(command.warnings),
    }


def describe_event(record: EventRecord) -> dict[str, Any]:
    """A committed event for JSON, with which of its copies the broker has not confirmed."""
    body = loads(record.event.body)
    return {
        "sequence": record.event.sequence,
        "id": record.event.id,
        "type": record.event.type,
        "time": body.get("time"),
        "unpublished": [{"r": "reply", "t": "topic"}[copy] for copy in record.pending],
        "undeliverable": record.undeliverable,
        "data": body.get("data"),
    }


def describe_reply(reply: UndeliverableReply) -> dict[str, Any]:
    """A reply set aside, for JSON."""
    return {
        "number": reply.seq,
        "commandId": reply.command_id,
        "commandSource": reply.command_source,
        "eventId": reply.event_id,
        "type": reply.event_type,
        "queue": reply.destination,
        "attempts": reply.attempts,
        "createdAt": timestamp(reply.created_at),
    }


def _issued(command: Command, number: str) -> Announcement:
    """`completed` by a person's word: what was submitted, under the number the person found."""
    submitted = loads(command.data).get("invoice", {})
    known = {name: value for name, value in submitted.items() if name in IssuedInvoice.model_fields}
    known["invoiceItems"] = [
        {name: value for name, value in item.items() if name in IssuedItem.model_fields}
        for item in submitted.get("invoiceItems", [])
    ]
    invoice = IssuedInvoice.model_validate({**known, "invoiceNumber": number})
    data = {"invoice": invoice.model_dump(exclude_none=True), "invoiceUrl": None, "reconciled": True}
    return Announcement(Outcome.COMPLETED, data)


def _not_issued(command: Command) -> Announcement:
    return failure(
        FailureCode.NOT_ISSUED, Stage.RESOLVE, "A person found that no invoice was issued.", command.attempts
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _states(names: Sequence[str]) -> list[CommandState]:
    try:
        return [CommandState(name) for name in names]
    except ValueError as error:
        raise BadRequest(f"A state is one of {', '.join(CommandState)}.") from error


def _limit(limit: int) -> int:
    if not 1 <= limit <= LIST_MAX:
        raise BadRequest(f"A limit is from 1 to {LIST_MAX}.")
    return limit
