"""Where a look-up stands: what it has read of its list, and what it found. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from worker.flows.evidence.index import Wanted
from worker.flows.evidence.subjects import ListedPages, Subject
from worker.flows.evidence.verdicts import Found, Verdict
from worker.flows.invoices import ListedRows
from worker.flows.table import Phased
from worker.flows.vocabulary import Details
from worker.records import ListedInvoice, Stray

MOST_REREADS = 3


class Phase(StrEnum):
    """How far the look has come."""

    TAKEN = "taken"
    CONNECTING = "connecting"
    ASKED = "asked"
    LOOKING = "looking"
    """A page is read; something else may go first."""
    BOUND = "bound"
    """The list is read. The journal is being asked which of its numbers are taken already."""
    NOTICE = "notice"
    """Something was found, and its files are ready when the download notice comes (trap 72)."""
    DETAILS = "details"
    """The files of what was found are being looked up."""
    LATE = "late"
    """Some were not there; they are looked up again in a moment."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class LookUpState(Phased):
    """The look in memory: after a crash it is made again from the start."""

    phase: Phase = Phase.TAKEN
    page: int = 1
    goes_on_at: int | None = None
    """The page at which it gave way. When it goes on, it begins at page 1 again, to read first what was issued
    meanwhile."""
    listed: ListedRows = field(default_factory=ListedRows)
    """Invoices that came: each once, for rows that shift come twice."""
    total: int | None = None
    first_total: int | None = None
    """What the first page that was asked for told of it."""
    rereads: int = 0
    """How often its first pages were read once more, for what was issued while it was read."""
    is_cut: bool = False
    """Rows could not be read, or the list ended otherwise than by the gateway's word."""
    more_is_promised: bool = False
    """The last page said that another one follows."""
    last_page: str = ""
    longest_page: int = 0
    """Rows of the longest page: a gateway may list fewer at once than it is asked for."""
    packed: ListedPages = field(default_factory=ListedPages)
    """Of these, the ones that may be somebody's."""
    taken_back: frozenset[str] = frozenset()
    """Numbers that red invoices of the list name."""
    told: tuple[tuple[int, Verdict], ...] = ()
    """By the command's key."""
    strays: tuple[Stray, ...] = ()
    """Results that were laid aside and may be of one of the submissions."""
    is_announced: bool = False
    """The download notice of the last page with invoices came."""
    details: Details = field(default_factory=Details)
    """The files of what was found, as far as they are there."""
    rounds: int = 0
    """How often they were looked up."""
    refused_logins: int = 0
    """In a row, before this look."""

    @property
    def found(self) -> list[ListedInvoice]:
        """The invoices that were found."""
        return [verdict.invoice for _, verdict in self.told if isinstance(verdict, Found)]

    @property
    def reads_again(self) -> bool:
        """Whether rows come that came before."""
        return self.rereads > 0 or self.goes_on_at is not None

    @property
    def has_grown(self) -> bool:
        """Whether invoices were issued while the list was read. They moved the other rows, so that some came twice, and
        stand on pages that had been read before."""
        grew = self.total is not None and self.first_total is not None and self.total > self.first_total
        return grew and not self.is_whole and not self.is_cut and self.rereads < MOST_REREADS

    def resumed(self) -> "LookUpState":
        """The state to go on with after it gave way. Invoices that were issued meanwhile are listed before those that
        were read, or behind them; without them the list would seem cut."""
        goes_on_at = self.page if self.goes_on_at is None else self.goes_on_at
        return replace(self, phase=Phase.TAKEN, page=1, goes_on_at=goes_on_at, last_page="")

    @property
    def is_whole(self) -> bool:
        """Whether all came that the gateway says there is: only then absence is evidence."""
        is_over = self.total is None or len(self.listed) >= self.total
        return is_over and not self.is_cut and not self.packed.is_full


@dataclass(frozen=True, slots=True)
class Sought:
    """What one look is for."""

    subjects: Sequence[Subject] = ()
    wanted: Wanted = field(default_factory=Wanted)
    """By this an invoice of a page is kept that may be one of the subjects'."""
    company: str = ""
    """Whose invoices are listed: the login's."""
