"""What a person may ask of the journal, and the few decisions only a person can take.

Guarantees: answers are plain JSON-able dicts without secrets; `resolve` and `cancel` write the command's final event
and its state in one transaction, by compare-and-set on where it stood; an invoice number is bound to one command for
ever.
Knows nothing of how it is called: a running worker's control socket and the command line share it. Questions import
nothing of flows and events: to the command line that takes longer than the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import structlog

from contracts.failures import FailureCode, Stage
from worker.clock import Clock
from worker.crashpoints import crashpoint
from worker.errors import NotFound, NotResolvable, WorkerError
from worker.flows.stored import told_file
from worker.ops.descriptions import (
    describe_account,
    describe_command,
    describe_event,
    describe_lane,
    describe_reply,
    moment_of,
)
from worker.ops.redaction import lane_digest
from worker.ops.stored import INVOICE_NUMBER, BadRequest, describe_stored, filter_of, filters_for, reply_numbers
from worker.ports import OperatorJournal
from worker.records import (
    ACTIVE,
    NOT_SUBMITTED,
    PROGRESSING,
    Command,
    CommandFilter,
    CommandState,
    Settlement,
)

if TYPE_CHECKING:
    from worker.flows.announce import Announcement

log = structlog.get_logger()

LIST_MAX: Final = 10_000
IN_DOUBT: Final = frozenset({CommandState.IN_DOUBT})
UNCONFIRMED: Final = "unconfirmed"
"""No state of a command, but asked for like one: issued, and no look-up found the number."""
BROKEN: Final = "broken"
"""Likewise: its run met a fault of the worker's own at least once."""
NEEDS_PERSON: Final = "needs_person"
"""Likewise: in doubt, and no look-up is to come or could be made."""


class AmbiguousCommand(WorkerError):
    """Several sources used this id; the message names them."""


class Operations:
    """Questions and decisions. `worker` is the `source` of the events it writes."""

    def __init__(self, journal: OperatorJournal, clock: Clock, *, worker: str) -> None:
        self._journal = journal
        self._clock = clock
        self._worker = worker

    async def status(self, name: str, source: str | None = None) -> dict[str, Any]:
        """A command with its events, by its id, else by its invoice's number, else by its order's; of that order's
        commands the one that holds the number or else the newest, and the others in brief. Raises `NotFound`,
        `AmbiguousCommand`."""
        found, others = [*await self._journal.find(name, source)], list[Command]()
        if not found and (issued := await self._journal.of_invoice(name)) and source in {None, issued.source}:
            found = [issued]
        if not found:
            found, others = await self._of_order(name, source)
        command = _only(name, source, found)
        events = await self._journal.events_of(command.key)
        told = {**describe_command(command), "events": [describe_event(record) for record in events]}
        if others:
            told["othersOfOrder"] = [describe_command(other) for other in others]
        return told | await self._rest_of(command)

    async def _of_order(self, number: str, source: str | None) -> tuple[list[Command], list[Command]]:
        """The command that this order number means, if any has it, and the others of the same order."""
        found = [*await self._journal.of_order(number, source)]
        if len({(command.source, command.seller) for command in found}) > 1:
            those = "; ".join(f"{each.id} of {each.source}, seller {each.seller}" for each in found)
            raise AmbiguousCommand(
                f"Several orders have the number {number}: {those}. Name the command by its id, or its --source."
            )
        return found[:1], found[1:]

    async def _rest_of(self, command: Command) -> dict[str, Any]:
        """What it waits for on its lane; or why an order is held, where that is because its seller rests."""
        if command.state in PROGRESSING | ACTIVE:
            return {"lane": describe_lane(await self._journal.on_lane(command.key))}
        if command.state is not CommandState.HELD or command.seller is None:
            return {}
        state = await self._journal.seller(command.source, command.seller)
        if not state.holds(command.key):
            return {}
        return {"sellerRests": {"refusals": state.refusals, "until": moment_of(state.resting_until)}}

    async def commands(
        self, states: Sequence[str] = (), limit: int = 100, *, user_id: str | None = None, source: str | None = None
    ) -> list[dict[str, Any]]:
        """Commands in any of these states (all, if none is named), of this user and source, newest first.
        `unconfirmed`, `broken` and `needs_person` count as states. Raises `BadRequest`."""
        wanted = CommandFilter(user_id, source)
        asked_apart = {
            UNCONFIRMED: self._journal.unconfirmed,
            BROKEN: self._journal.broken,
            NEEDS_PERSON: self._journal.needing_person,
        }
        real, limit = _states([name for name in states if name not in asked_apart]), _limit(limit)
        found = list(await self._journal.commands(real, limit, wanted)) if real or not states else []
        for name in asked_apart.keys() & set(states):
            found += await asked_apart[name](limit, wanted)
        newest_first = sorted({command.key: command for command in found}.items(), reverse=True)
        return [describe_command(command) for _, command in newest_first[:limit]]

    async def invoices(
        self, wanted: Mapping[str, str | None] | None = None, limit: int = 100, offset: int = 0
    ) -> dict[str, Any]:
        """Stored invoices, newest first, and how many there are. `wanted` is told by `stored.filter_of`. Raises
        `BadRequest`."""
        total, found = await self._journal.stored(filter_of(wanted or {}, _limit(limit), offset))
        return {"total": total, "invoices": [describe_stored(stored) for stored in found]}

    async def files(self, names: Sequence[str]) -> dict[str, Any]:
        """Where the files of these invoices are, each named by the gateway's id or by its number; and which of the
        names are of no stored invoice. Raises `BadRequest`."""
        files: dict[tuple[str, str], dict[str, Any]] = {}
        known: set[str | None] = set()
        for wanted in filters_for(names, LIST_MAX):
            _, found = await self._journal.stored(wanted)
            known.update(name for each in found for name in (each.invoice.invoice_id, each.invoice.number))
            files |= {(file.invoice_id, file.type): told_file(file) for each in found for file in each.files}
        return {"files": [*files.values()], "unknown": [name for name in dict.fromkeys(names) if name not in known]}

    async def prune(self, before: str, *, dry_run: bool = False) -> dict[str, int]:
        """Forget some of what ended before that time (RFC 3339), or with `dry_run` count all of it. Nothing but zeros
        means that nothing is left. Raises `BadRequest`."""
        pruned = asdict(await self._journal.prune(_time(before), dry_run=dry_run))
        if not dry_run:
            log.info("pruned", before=before, **pruned)
        return pruned

    async def resolve(
        self, command_id: str, source: str | None = None, *, issued: str | None = None, not_issued: bool = False
    ) -> dict[str, Any]:
        """End a command in doubt as a person says: `issued` with this number, or `not_issued`.

        Raises `BadRequest`, `NotFound`, `AmbiguousCommand`, `NotResolvable`.
        """
        if (issued is None) != not_issued:
            raise BadRequest("Say either --issued with the number of the invoice that was issued, or --not-issued.")
        if issued is not None and not INVOICE_NUMBER.fullmatch(issued):
            raise BadRequest("An invoice number has exactly 20 digits; look it up at the tax bureau and copy it.")
        command = await self._one(command_id, source)
        if command.state is not CommandState.IN_DOUBT:
            raise NotResolvable(f"Command {command_id} is {command.state}, not in doubt; there is nothing to decide.")
        from worker.flows.evidence.endings import issued_by_a_person

        told = issued_by_a_person(command, issued) if issued is not None else (_not_issued(command),)
        await self._settle(command, IN_DOUBT, told, issued)
        return await self.status(command.id, command.source)

    async def cancel(self, command_id: str, source: str | None = None) -> dict[str, Any]:
        """End a command that was not submitted, as `failed` with `cancelled`. Whichever of this and the submission is
        written first holds.

        Raises `NotFound`, `AmbiguousCommand`, `NotResolvable`.
        """
        command = await self._one(command_id, source)
        if command.state not in NOT_SUBMITTED:
            raise NotResolvable(
                f"Command {command_id} is {command.state}: only what was not submitted can be cancelled."
            )
        if command.state is CommandState.FOLLOWING and command.last_sequence:
            raise NotResolvable(f"Command {command_id} repeats another one of its order, which was submitted.")
        await self._settle(command, NOT_SUBMITTED, (_cancelled(command),))
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
        """Try these replies (all, if none is named) again. Raises `BadRequest`."""
        count = await self._journal.resend_replies(reply_numbers(numbers), self._clock.now())
        log.info("replies_resent", count=count)
        return {"resent": count}

    async def discard_replies(self, numbers: Sequence[int] = ()) -> dict[str, Any]:
        """Forget these replies (all, if none is named). The events stay on record. Raises `BadRequest`."""
        count = await self._journal.discard_replies(reply_numbers(numbers))
        log.info("replies_discarded", count=count)
        return {"discarded": count}

    async def accounts(self, limit: int = 100) -> list[dict[str, Any]]:
        """Accounts whose last login was refused, the latest first."""
        return [describe_account(account) for account in await self._journal.refused_accounts(_limit(limit))]

    async def resume_accounts(self, ids: Sequence[str] = ()) -> dict[str, Any]:
        """Let these accounts (all, if none is named; a beginning of the id is enough) log in again at once. Raises
        `NotFound`, `BadRequest`."""
        chosen = [await self._account_id(name) for name in ids]
        count = await self._journal.resume_accounts(chosen, self._clock.now())
        crashpoint("operator.resumed")
        log.info("accounts_resumed", count=count)
        return {"resumed": count}

    async def _account_id(self, name: str) -> str:
        known = [account.id for account in await self._journal.refused_accounts(LIST_MAX)]
        found = [each for each in known if each.startswith(name)] if name else []
        if not found:
            raise NotFound(f"There is no account {name} whose login was refused.")
        if len(found) > 1:
            raise BadRequest(f"Several accounts begin with {name}: say more of the id.")
        return found[0]

    async def rekey(self) -> dict[str, Any]:
        """Seal the secrets of unfinished commands anew, with the first of the journal's keys."""
        done = await self._journal.reseal()
        log.info("secrets_resealed", count=done.count, key_id=done.key_id, is_complete=done.is_complete)
        return {"resealed": done.count, "keyId": done.key_id, "isComplete": done.is_complete}

    async def _one(self, command_id: str, source: str | None) -> Command:
        return _only(command_id, source, await self._journal.find(command_id, source))

    async def _settle(
        self,
        command: Command,
        expected: frozenset[CommandState],
        announcements: "tuple[Announcement, ...]",
        number: str | None = None,
    ) -> None:
        from worker.flows.announce import events_of

        now = self._clock.now()
        settlement = Settlement(
            command=command,
            expected=expected,
            to=CommandState.COMPLETED if number is not None else CommandState.FAILED,
            at=now,
            events=events_of(command, announcements, worker=self._worker, at=now),
            invoice_number=number,
        )
        settled = await self._journal.settle(settlement)
        crashpoint("operator.settled")
        if not settled:
            raise NotResolvable(f"Command {command.id} changed meanwhile; look at its status and decide again.")
        lane = lane_digest(command.lane) if command.lane is not None else None
        log.info(
            "command_resolved",
            command_id=command.id,
            command_source=command.source,
            lane=lane,
            outcome=str(announcements[0].outcome),
        )


def _only(name: str, source: str | None, found: Sequence[Command]) -> Command:
    """The one that was found. Raises `NotFound`, `AmbiguousCommand`."""
    if not found:
        of_whom = f" of source {source}" if source else ""
        raise NotFound(f"There is no command {name}{of_whom} in this journal.")
    if len(found) > 1:
        sources = ", ".join(sorted(command.source for command in found))
        raise AmbiguousCommand(f"Several sources have a command {name} ({sources}): name one with --source.")
    return found[0]


def _not_issued(command: Command) -> "Announcement":
    from worker.flows.announce import failure

    return failure(
        FailureCode.NOT_ISSUED, Stage.RESOLVE, "A person found that no invoice was issued.", command.attempts
    )


def _cancelled(command: Command) -> "Announcement":
    from worker.flows.announce import failure

    message = "A person cancelled it before anything was submitted."
    return failure(FailureCode.CANCELLED, Stage.QUEUED, message, command.attempts)


def _states(names: Sequence[str]) -> list[CommandState]:
    try:
        return [CommandState(name) for name in names]
    except ValueError as error:
        raise BadRequest(
            f"A state is one of {', '.join([*CommandState, UNCONFIRMED, BROKEN, NEEDS_PERSON])}."
        ) from error


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadRequest("A time is written as RFC 3339, with an offset.")
    return moment


def _limit(limit: int) -> int:
    if not 1 <= limit <= LIST_MAX:
        raise BadRequest(f"A limit is from 1 to {LIST_MAX}.")
    return limit
