"""What the runs share that ask the gateway's query side: items and files over HTTP, and, over a session, a page of the
list or a download.

Nothing that they send is irreversible; each is sent under a lease that still runs all the same, for a lane has one
session over all replicas.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import structlog
from typing_extensions import override

from contracts.failures import FailureCode
from worker.crashpoints import crashpoint
from worker.errors import NotResolvable, Permanent, Transient
from worker.flows.looks import LookOutcome
from worker.flows.vocabulary import (
    AskPage,
    Details,
    DetailsFailed,
    DetailsFetched,
    Effect,
    FetchDetails,
    Input,
    MayGoOn,
    Overtaken,
    PageRead,
    Settle,
    TimedOut,
)
from worker.lanes.housekeeping import Settling
from worker.lanes.lane_session import Interruption
from worker.lanes.runs.late_replies import LateReplies
from worker.lanes.runs.refusals import forget_refusals
from worker.lanes.runs.run import Run
from worker.ports import InvoiceDetails, PageShown, QueryEvent, QueryOrder, ResultShown, SessionEvent
from worker.records import CommandState, FoundRow

log = structlog.get_logger(__name__)

WHAT_WAS_ISSUED: Final = MappingProxyType({"queryType": 0})
"""The whole condition of a look-up and of an audit: all other filters are ours (trap 58)."""


GIVES_WAY_FOR: Final = timedelta(minutes=15)
"""How long, from when it came, a command lets orders go before an answer that it waits for, and a look-up before its
next page."""
UNANSWERED_SECONDS: Final = 15.0
"""An answer that has not come for so long is waited for only while no order of the lane waits: a gateway whose list
hangs would hold each up for `FAPIAO_QUERY_TIMEOUT_SECONDS`."""


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
    """What all of these runs share that have a session: asking for a page or a download, what may come meanwhile, and
    letting an order go first where no answer comes."""

    @override
    async def _next_input(self) -> Input:
        timer_at = self._timer_at
        if timer_at is None or not self._may_be_overtaken():
            return await super()._next_input()
        clock = asyncio.get_running_loop().time
        try:
            while (look_at := clock() + UNANSWERED_SECONDS) < timer_at:
                self._timer_at = look_at
                given = await super()._next_input()
                if isinstance(given, TimedOut):
                    given = await self._who_is_next()
                if not isinstance(given, MayGoOn):
                    return given
        finally:
            self._timer_at = timer_at
        return await super()._next_input()

    @abstractmethod
    def _may_be_overtaken(self) -> bool:
        """Whether the flow, where it stands, lets an order go first."""

    async def _who_is_next(self) -> Input:
        """After so long it is read to its end whatever waits: with slow pages and orders that never cease it would else
        never be."""
        has_waited = self._services.clock.now() - self._command.received_at >= GIVES_WAY_FOR
        return MayGoOn() if has_waited else await self._see_who_is_next()

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
