"""The runs on the query side of the gateway: pages and downloads over a session, and what needs none: items, files,
and what the journal holds (`DetailsRun`).

Nothing that they send is irreversible; each is sent under a lease that still runs all the same, for a lane has one
session over all replicas.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Final

import structlog
from typing_extensions import override

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import FailureCode
from worker.crashpoints import crashpoint
from worker.errors import NotResolvable, Permanent, Transient
from worker.flows import details, download, query
from worker.flows.invoices import parts_of
from worker.flows.looks import LookOutcome
from worker.flows.query_state import MOST_MISSING, Next, QueryProgress, QueryState, QueryWish
from worker.flows.stored import stored_invoice
from worker.flows.vocabulary import (
    AskDownload,
    AskPage,
    Begin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Effect,
    FetchDetails,
    FetchLate,
    Input,
    ListMissing,
    MayGoOn,
    MissingListed,
    Overtaken,
    PageRead,
    ReadJournal,
    Record,
    SeeWhoIsNext,
    Settle,
    StoredRead,
)
from worker.lanes.housekeeping import Settling
from worker.lanes.lane_session import Interruption
from worker.lanes.runs.late_replies import LateReplies
from worker.lanes.runs.order import Access, CredentialFault, Question, try_question
from worker.lanes.runs.refusals import forget_refusals
from worker.lanes.runs.run import LaneNext, Run
from worker.ports import InvoiceDetails, PageShown, QueryEvent, QueryOrder, ResultShown, SessionEvent
from worker.records import Command, CommandState, FoundRow, StoredFilter

log = structlog.get_logger(__name__)

LATE_BATCH = 100
"""Invoices whose late files are looked up and told at once."""
PAGES_IN_A_ROW = 20
"""Turns of one command, each a page or a batch, while other lanes wait for a place."""
WHAT_WAS_ISSUED: Final = MappingProxyType({"queryType": 0})
"""The whole condition of a look-up and of an audit: all other filters are ours (trap 58)."""


class Fetching(Run):
    """What all of these runs fetch over HTTP: items and files, as one answer. The HTTP side has a breaker of its
    own."""

    @override
    async def _perform_one(self, effect: Effect) -> Input | None:
        if isinstance(effect, FetchDetails):
            return await self._fetch(effect)
        return await super()._perform_one(effect)

    async def _fetch(self, wanted: FetchDetails, lacking: tuple[FoundRow, ...] = ()) -> Input:
        """What was asked for, or why not."""
        breaker, at = self._services.details_breaker, self._services.clock.monotonic()
        if (wanted.items_of or wanted.files_of) and not breaker.may_begin(1, at):
            message = "The gateway's HTTP look-ups do not answer anybody; this one waits for those that try."
            return DetailsFailed(message, retry_after=timedelta(seconds=breaker.seconds_closed(at)))
        breaker.probed(at)
        try:
            details = await self._lane_session.during(_details_of(self._services.details, wanted))
        except Interruption as interruption:
            return self._interrupted(interruption)
        except Permanent as fault:
            breaker.succeeded()
            self._log.warning("details_refused", reason=str(fault))
            return DetailsFailed(str(fault), code=fault.code)
        except Transient as fault:
            self._count_failure(breaker, fault)
            self._log.warning("details_unavailable", reason=str(fault))
            return DetailsFailed(str(fault), retry_after=fault.retry_after)
        breaker.succeeded()
        crashpoint(f"{self.name}.details_fetched")
        return DetailsFetched(details, lacking)


async def _details_of(look_ups: InvoiceDetails, wanted: FetchDetails) -> Details:
    """All that is asked for, as much at once as the port allows; the first that fails ends all, for the rest would be
    thrown away, and the lane's next order waits for it. Raises `Transient`, and `Permanent` where no look-up at all
    will be answered."""
    asked = [
        look_ups.files(wanted.files_of, wanted.types) if wanted.files_of and wanted.types else _none(),
        *(_items(look_ups, invoice_id, may_lack=wanted.may_lack_items) for invoice_id in wanted.items_of),
    ]
    tasks = [asyncio.ensure_future(each) for each in asked]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        files, *items = [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Details(dict(zip(wanted.items_of, items, strict=True)), _distinct(files))


async def _none() -> tuple[dict[str, Any], ...]:
    return ()


async def _items(look_ups: InvoiceDetails, invoice_id: str, *, may_lack: bool) -> tuple[dict[str, Any], ...]:
    try:
        return await look_ups.items(invoice_id)
    except Permanent as fault:
        if not may_lack or fault.code is not FailureCode.HTTP_ERROR:
            raise
        log.warning("items_refused", reason=str(fault))
        return ()


def _distinct(files: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """One address per invoice and type: the last one told."""
    return tuple({(file["invoiceBasicInfoId"], file["type"]): dict(file) for file in files}.values())


class Asking(Fetching):
    """What all of these runs share that have a session: asking for a page or a download, and what may come
    meanwhile."""

    async def _ask_page(self, asked: AskPage, condition: Mapping[str, Any], page_size: int) -> Input | None:
        self._check_lease()
        days = {"startInvoiceDate": asked.start.isoformat(), "endInvoiceDate": asked.end.isoformat()}
        order = QueryOrder(self._access().login, {**condition, **days}, page_size, asked.page_number)
        return await self._send(self._lane_session.query_session.query(order), "page_asked")

    async def _retry_download(self, date: str) -> Input | None:
        self._check_lease()
        return await self._send(self._lane_session.query_session.retry_download(date), "download_asked")

    @override
    async def _hear(self, event: SessionEvent | QueryEvent) -> Input | None:
        if isinstance(event, PageShown):
            return await self._page_read(event)
        if isinstance(event, ResultShown):
            # The late one of a submission on a session before: what it proves, it proves here too.
            late = LateReplies(self._services, self._lane_session, self._insist)
            if not await late.settle(event):
                await late.keep(event)
            return None
        return event  # type: ignore[return-value]  # the flow knows every event of a query session

    async def _page_read(self, page: PageShown) -> PageRead:
        return PageRead(page)

    async def _see_who_is_next(self) -> Input:
        """A page is done: does anything go before the next?"""
        services = self._services
        if services.is_draining:
            return Overtaken()
        now = services.clock.now()
        is_overtaken = await self._insist(lambda: services.journal.has_earlier(self._command, now))
        return Overtaken() if is_overtaken else MayGoOn()

    async def _settle_by_list(self, move: Settle, verdict: LookOutcome) -> bool:
        """Whether a submission was settled by what the list shows; `verdict` counts it."""
        settling = Settling(self._services, self.name)
        try:
            settled = await settling.settle(move, point=verdict, insist=self._insist)
        except NotResolvable:
            # Bound to another command since the list was read: then it is that one's, and the next look sees so.
            settled, verdict = False, LookOutcome.BOUND
        self._services.hooks.looked_up(verdict)
        if settled and move.to is CommandState.COMPLETED and move.command.state is CommandState.CHECKING:
            await forget_refusals(self._services, move.command, self._insist)
        return settled


class Questioning(Asking):
    """A command that brings its own login."""

    @override
    def _read(self) -> None:
        question = try_question(self._command, self._services.credentials)
        self._fault = question if isinstance(question, CredentialFault) else None
        self._question = None if isinstance(question, CredentialFault) else question
        self._turns = 0

    @override
    async def _first_input(self) -> Input:
        return await self._beginning(self._fault)

    @override
    def _access(self) -> Access:
        return self._asked().access

    async def _look_around(self) -> Input:
        """Another turn is done, a page or a batch: does anything on this lane go first, or another lane?"""
        self._turns += 1
        has_had_its_turn = self._lane_session.is_contended and self._turns >= PAGES_IN_A_ROW
        self._next = LaneNext(has_had_its_turn=has_had_its_turn)
        return Overtaken() if has_had_its_turn else await self._see_who_is_next()

    def _asked(self) -> Question:
        if self._question is None:
            raise AssertionError("a command without a login never gets this far")
        return self._question


class QueryRun(Questioning):
    """`invoice.query`."""

    name: ClassVar[str] = "query"

    @override
    def _read(self) -> None:
        super()._read()
        self._wish = QueryWish.read(loads(self._command.data))
        self._state = QueryState(QueryProgress.read(self._command.progress, self._wish.first_page))

    @override
    def _decide(self, given: Input) -> Next:
        at = self._situation(self._state, self._wish, self._services.queries)
        decision = query.decide(at, given)
        self._state = decision.state
        return decision

    @override
    async def _page_read(self, page: PageShown) -> PageRead:
        names = tuple(dict.fromkeys(invoice.identity for invoice in page.invoices))
        fresh = await self._insist(lambda: self._services.journal.unseen(self._command, names))
        return PageRead(page, fresh)

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case AskPage():
                return await self._ask_page(effect, self._wish.condition, self._wish.page_size)
            case AskDownload(date):
                return await self._retry_download(date)
            case SeeWhoIsNext():
                return await self._look_around()
            case FetchLate(after):
                return await self._fetch_late(after)
            case ListMissing():
                journal = self._services.journal
                files, missing = await self._insist(lambda: journal.tally(self._command, MOST_MISSING))
                return MissingListed(tuple(missing), files)
            case _:
                return await super()._perform(effect)

    async def _fetch_late(self, after: str) -> Input:
        journal = self._services.journal
        rows = await self._insist(lambda: journal.lacking(self._command, after, LATE_BATCH))
        if not rows:
            return DetailsFetched(Details())
        ids = tuple(row.invoice_id for row in rows)
        return await self._fetch(FetchDetails(files_of=ids, types=self._wish.types), tuple(rows))

    @override
    def _recorded(self, record: Record) -> None:
        pages = [told.data for told in record.announcements if told.outcome is Outcome.PAGE]
        if not pages or record.findings is None:
            return
        invoices, files = sum(len(page["invoices"]) for page in pages), len(record.findings.files)
        self._services.hooks.page_found(invoices, files)
        self._log.info(
            "page_told",
            page=pages[0]["pageNumber"],
            of=pages[0]["totalPage"],
            invoices=invoices,
            files=files,
            is_late=pages[0]["late"],
        )


class DownloadRun(Questioning):
    """`invoice.download`."""

    name: ClassVar[str] = "download"

    @override
    def _read(self) -> None:
        super()._read()
        self._state = download.DownloadState()
        self._date: str = loads(self._command.data)["date"]

    @override
    def _decide(self, given: Input) -> download.Next:
        at = self._situation(self._state, self._date, self._services.queries)
        decision = download.decide(at, given)
        self._state = decision.state
        return decision

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        if isinstance(effect, AskDownload):
            return await self._retry_download(effect.date)
        return await super()._perform(effect)


class DetailsRun(Fetching):
    """`invoice.items`, `invoice.files` and `invoice.stored`."""

    name: ClassVar[str] = "details"

    @override
    def _read(self) -> None:
        self._data: Mapping[str, Any] = loads(self._command.data)
        self._state = details.DetailsState.read(self._command.progress)

    @override
    def _decide(self, given: Input) -> details.Next:
        at = self._situation(self._state, self._data, self._services.queries)
        decision = details.decide(at, given)
        self._state = decision.state
        return decision

    @override
    async def _first_input(self) -> Input:
        return Begin(session_is_open=False)

    @override
    def _access(self) -> Access:
        raise AssertionError("these commands need no session")

    async def _fetch_known(self, wanted: FetchDetails) -> Input:
        """With an id alone the gateway gives any customer's invoice (trap 86), so an operator may limit the ids to
        those that the source has seen."""
        if self._services.settings.known_invoices_only:
            asked = {*wanted.items_of, *wanted.files_of}
            source, journal = self._command.source, self._services.journal
            if not asked <= await self._insist(lambda: journal.brought(source, tuple(asked))):
                message = "Not every one of these invoices was issued or queried by this source before."
                return DetailsFailed(message, code=FailureCode.HTTP_ERROR)
        return await self._fetch(wanted)

    @override
    async def _perform_one(self, effect: Effect) -> Input | None:
        match effect:
            case FetchDetails():
                return await self._fetch_known(effect)
            case ReadJournal():
                return await self._read_stored()
            case _:
                return await super()._perform_one(effect)

    async def _read_stored(self) -> StoredRead:
        """Among what the command's own source issued or brought."""
        data, source = self._data, self._command.source
        named = None if "invoiceNumber" in data else await self._insist(self._find_named)
        if named is None and "invoiceNumber" not in data:
            return StoredRead(0, ())
        wanted = StoredFilter(
            source=source,
            number=data.get("invoiceNumber"),
            command_key=None if named is None else named.key,
            limit=data["limit"],
            offset=data["offset"],
        )
        total, stored = await self._insist(lambda: self._services.journal.stored(wanted))
        # The event must stay a message that everybody takes: the caller goes on at the next offset.
        told = parts_of([stored_invoice(each) for each in stored], self._services.queries.event_bytes)[0]
        return StoredRead(total, tuple(told), None if named is None else named.state)

    async def _find_named(self) -> Command | None:
        """The command that `commandId` or `orderNo` names."""
        data, source, journal = self._data, self._command.source, self._services.journal
        if "commandId" in data:
            found = await journal.find(data["commandId"], source)
            return found[0] if found else None
        return await journal.find_order(source, data["sellerIndentification"], data["orderNo"])
