"""Where a query stands, in the journal and in memory, and what its flow is told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from contracts.envelope import dumps, loads
from worker.flows import table
from worker.flows.table import Decision, Phased
from worker.ports import PageShown
from worker.records import ListedInvoice

MOST_MISSING: Final = 1000
"""Ids named in `completed`; more would make a message that nobody takes."""
MOST_DATES: Final = 100
"""Failed downloads remembered: a gateway gone mad must not fill the journal."""


class QueryStage(StrEnum):
    """What a query is at."""

    PAGES = "pages"
    LATE = "late"
    """All pages are told; files that were not ready are asked for again."""


@dataclass(frozen=True, slots=True)
class QueryProgress:
    """Journaled with every page, so that a worker that dies in the middle of page 40 goes on at page 40."""

    stage: QueryStage = QueryStage.PAGES
    span_days: int = 0
    """Into parts of how many days they were cut: a restart with other settings must not cut anew."""
    span: int = 0
    """Which part of the days is asked for."""
    page: int = 1
    """The next page to ask for."""
    pages: int = 0
    """Pages told."""
    total: int | None = None
    """As the gateway said, over the spans that are over and the present one."""
    total_before: int = 0
    """The same without the present span."""
    rows: int = 0
    """Different invoices that came, whether they fit the condition or not."""
    told: int = 0
    unread: int = 0
    """Rows that could not be read: invoices that are told nowhere."""
    is_cut: bool = False
    """The cap of pages ended it, not the gateway; or the gateway says that it is not all, or repeats itself."""
    items: int = 0
    missing_items: tuple[str, ...] = ()
    last_page: str = ""
    """A digest of the last page, to know a gateway that repeats itself for ever."""
    longest_page: int = 0
    download_ok: bool = True
    download_date: str | None = None
    dates: tuple[str, ...] = ()
    """Failed downloads that are still to be asked for again (trap 74: one after the other)."""
    is_silent: bool = False
    """A page had no download notice in its whole time: the later ones are not waited for as long."""
    round: int = 0
    """Late rounds that are over."""
    after: str = ""
    """The last identity that the present round looked at."""

    def journaled(self) -> bytes:
        """As it is kept."""
        return dumps(asdict(self))

    @classmethod
    def read(cls, progress: bytes | None, first_page: int) -> "QueryProgress":
        """What was kept, or a beginning."""
        if progress is None:
            return cls(page=first_page)
        kept = loads(progress)
        lists = {name: tuple(kept[name]) for name in ("missing_items", "dates")}
        return cls(**{**kept, **lists, "stage": QueryStage(kept["stage"])})

    def miss_items(self, invoice_ids: Sequence[str]) -> "QueryProgress":
        """Some invoices' items could not be had."""
        return replace(self, missing_items=(*self.missing_items, *invoice_ids)[:MOST_MISSING])

    def failed_again(self, date: str) -> "QueryProgress":
        """A download failed: it is asked for again after the others."""
        return self if date in self.dates else replace(self, dates=(*self.dates, date)[:MOST_DATES])

    def without_dates(self) -> "QueryProgress":
        """What failed so far is asked for no more, and told."""
        return replace(self, dates=(), download_ok=False, download_date=self.dates[-1]) if self.dates else self


def spans_of(condition: Mapping[str, Any], span_days: int) -> list[tuple[date, date]]:
    """The days in parts of at most `span_days`, for a gateway may refuse a longer span (trap 60). Days are counted as
    numbers: callers ask until the calendar's last day, and no day can be added to that."""
    first, last = (date.fromisoformat(condition[name]).toordinal() for name in ("startInvoiceDate", "endInvoiceDate"))
    starts = range(first, last + 1, span_days)
    return [(date.fromordinal(start), date.fromordinal(min(last, start + span_days - 1))) for start in starts]


_SHORTEST_CUT: Final = 20
_CUT_AT: Final = 10


def _may_be_cut(page: PageShown) -> bool:
    """Whether it is as long as gateways make their pages, whatever they are asked for: 20, 50, 100."""
    rows = rows_on(page)
    return rows >= _SHORTEST_CUT and rows % _CUT_AT == 0


def rows_on(page: PageShown) -> int:
    """How many it has, read or not."""
    return len(page.invoices) + page.unreadable


def ends_unsurely(page: PageShown, last_page: str) -> bool:
    """Whether the list ends with this page although the gateway does not say so: it repeats the page before, and
    promises more or is as long as a page may be."""
    return bool(page.invoices) and page.digest == last_page and (page.has_next is True or _may_be_cut(page))


def is_last_page(page: PageShown, *, asked: int, page_size: int, last_page: str, longest: int | None = None) -> bool:
    """Whether nothing comes behind this page (trap 61). `total`, `totalPage` and `hasNext` may disagree: any of them
    that promises more is believed, for one more question costs little, and an empty page or a repeated one ends it.
    Where none is told, nothing else does: a gateway may list fewer at once than it is asked for. So where nothing but
    the total is told, pages are as long as the `longest` one that came, if that is known, and a total of what this page
    holds may be the page's own."""
    if not page.invoices or page.digest == last_page:
        return True
    if longest is not None and page.has_next is None and page.total_page is None:
        page_size = longest
        if page.total == rows_on(page) and _may_be_cut(page):
            return False
    promises = [
        page.has_next,
        None if page.total_page is None else page.total_page > asked,
        None if page.total is None else page.total > asked * page_size,
    ]
    told = [promise for promise in promises if promise is not None]
    return bool(told) and not any(told)


class AfterPage(StrEnum):
    """What a list goes on with once a page of it is done."""

    NEXT_PAGE = "next page"
    NEXT_SPAN = "next span"
    """The next part of its days, from the first page on."""
    END = "end"
    CUT = "cut"
    """Nothing, though there is more: it has had all the pages that it may ask for."""


class _Place(Protocol):
    """How far a list was read when a page was asked for."""

    @property
    def span(self) -> int: ...

    @property
    def page(self) -> int: ...

    @property
    def pages(self) -> int: ...

    @property
    def last_page(self) -> str: ...

    @property
    def longest_page(self) -> int: ...


def longest_page(page: PageShown, before: int, page_size: int) -> int:
    """Rows of the longest page: a gateway may list fewer at once than it is asked for."""
    return min(page_size, max(before, rows_on(page)))


def after_page(page: PageShown, at: _Place, *, page_size: int, spans: int, max_pages: int) -> AfterPage:
    """What follows this page of a list that is read in so many `spans`."""
    longest = longest_page(page, at.longest_page, page_size)
    is_last = is_last_page(page, asked=at.page, page_size=page_size, last_page=at.last_page, longest=longest)
    if is_last and at.span + 1 >= spans:
        return AfterPage.END
    if at.pages + 1 >= max_pages:
        return AfterPage.CUT
    return AfterPage.NEXT_SPAN if is_last else AfterPage.NEXT_PAGE


class Phase(StrEnum):
    """How far the run has come."""

    TAKEN = "taken"
    CONNECTING = "connecting"
    ASKED = "asked"
    """A page was asked for."""
    NOTICE = "notice"
    """The page is here; its download notice, or the one of a retry, is waited for (trap 72)."""
    DETAILS = "details"
    """Items and files are being looked up."""
    LOOKING = "looking"
    """The page is done; something else may go first."""
    LATE = "late"
    """Files that were not ready are being looked up."""
    CLOSING = "closing"
    """What is missing is being listed."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class QueryRules:
    """What the settings say about queries."""

    page: timedelta
    """From asking for a page to its answer."""
    notice: timedelta
    """From a page, or a retry, to its download notice."""
    grace: timedelta
    """The same, once a page of the query had none."""
    download_attempts: int
    files_schedule: tuple[timedelta, ...]
    deadline: timedelta
    """How long a query may go on without a page."""
    max_pages: int
    span_days: int
    event_bytes: int


@dataclass(frozen=True, slots=True)
class QueryWish:
    """What the command asks for, from its journaled data."""

    condition: Mapping[str, Any]
    page_size: int
    first_page: int
    all_pages: bool
    items: bool
    types: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether everything is asked for, so that the gateway's total can be compared."""
        return self.all_pages and self.first_page == 1

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "QueryWish":
        """From the data as admission journaled them."""
        page = data["page"]
        return cls(
            condition=data["condition"],
            page_size=page["pageSize"],
            first_page=page["pageNumber"],
            all_pages=data["allPages"],
            items=data["items"],
            types=tuple(data["files"]),
        )


@dataclass(frozen=True, slots=True)
class QueryState(Phased):
    """The run in memory. What must survive a crash is in `progress`."""

    progress: QueryProgress
    phase: Phase = Phase.TAKEN
    page: PageShown | None = None
    """The page that is being worked on."""
    rows: tuple[ListedInvoice, ...] = ()
    """Its invoices that fit and were not told before."""
    came: int = 0
    """Its invoices that were not told before, whether they fit or not."""
    retrying: str | None = None
    """The download that was asked for again last."""
    retries: int = 0


Situation = table.Situation[QueryState, QueryWish, QueryRules]
Next = Decision[QueryState]


def spans_at(at: Situation) -> list[tuple[date, date]]:
    """The days in the parts in which they are asked for."""
    return spans_of(at.wish.condition, at.state.progress.span_days or at.rules.span_days)
