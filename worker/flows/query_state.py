"""What the flow of `invoice.query` is told, and where it stands in memory. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from worker.flows import table
from worker.flows.query_progress import QueryProgress, spans_of
from worker.flows.table import Decision, Phased
from worker.ports import PageShown
from worker.records import ListedInvoice


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
