"""The runs on the query side of the gateway: pages and downloads over a session, and what needs none: items, files,
and what the journal holds (`DetailsRun`). What they share with look-ups and audits is in `asking`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import FailureCode
from worker.flows import details, download, query
from worker.flows.invoices import parts_of
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
    MissingListed,
    Overtaken,
    PageRead,
    ReadJournal,
    Record,
    SeeWhoIsNext,
    StoredRead,
)
from worker.lanes.runs.asking import Asking, Fetching
from worker.lanes.runs.order import Access, CredentialFault, Question, try_question
from worker.lanes.runs.run import LaneNext
from worker.ports import PageShown
from worker.records import Command, StoredFilter

LATE_BATCH = 100
"""Invoices whose late files are looked up and told at once."""
PAGES_IN_A_ROW = 20
"""Turns of one command, each a page or a batch, while other lanes wait for a place."""


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
    def _may_be_overtaken(self) -> bool:
        return (self._state.phase, Overtaken) in query.TRANSITIONS

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
    def _may_be_overtaken(self) -> bool:
        return (self._state.phase, Overtaken) in download.TRANSITIONS

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
