"""What a flow is told and what it wants done: inputs and effects as values, shared by the flows and whoever
performs them. An input of the session's own (`LoginAnswered`, `QrShown`, …) comes from `worker.ports`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from contracts.failures import FailureCode
from worker.flows.announce import Announcement
from worker.flows.audit_vocabulary import AuditEffect, AuditInput
from worker.flows.evidence.verdicts import Verdict
from worker.making import made_often
from worker.ports import (
    DownloadTold,
    LoginAnswered,
    PageShown,
    QrRefused,
    QrShown,
    QueryRefused,
    ResultRefused,
    ResultShown,
)
from worker.records import Command, CommandState, Findings, FoundRow, Stray

# ---- inputs (besides the session's own events) ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The lane took the command; it stood as `waiting` before."""

    session_is_open: bool
    suspended_until: datetime | None = None
    refused_logins: int = 0
    """In a row, with this account and password."""
    credential_fault: str | None = None
    fault_is_passing: bool = False
    """Another worker may have the credential, or this one later."""
    seller_rests: bool = False
    """Orders of this seller were refused in a row, and it is not this one's turn to try."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The lane took a command that an earlier holder left after its submission had been recorded."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The session is open."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No session. With a `code` it is no use to try again."""

    message: str
    code: FailureCode | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The session ended, or sending on it failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The phase's time is over."""


@dataclass(frozen=True, slots=True)
class Draining:
    """The worker stops and waits no longer."""


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page came."""

    page: PageShown
    fresh: frozenset[str] = frozenset()
    """Identities of the page's invoices that this command has not brought before."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the HTTP look-ups brought, as the gateway port has it."""

    items: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    """Invoice id to its items; an empty tuple where they are not ready."""
    files: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class DetailsFetched:
    """The HTTP look-ups were answered. `lacking` are the invoices of a late round that they were for."""

    details: Details
    lacking: tuple[FoundRow, ...] = ()


@dataclass(frozen=True, slots=True)
class DetailsFailed:
    """They were not. With a `code` it is no use to try again."""

    message: str
    code: FailureCode | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class MissingListed:
    """The ids of the command's invoices that lack a wanted file, and how many addresses of files are stored."""

    invoice_ids: tuple[str, ...]
    files: int = 0


@dataclass(frozen=True, slots=True)
class StoredRead:
    """What the journal holds, as the event will tell it."""

    total: int
    invoices: tuple[dict[str, Any], ...]
    command_state: CommandState | None = None
    """Where the command stands that was named, if one was and there is."""


@dataclass(frozen=True, slots=True)
class MayGoOn:
    """Nothing stands behind this command that should go before it."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Something on this lane goes first, or another lane waits for this one's place."""


@dataclass(frozen=True, slots=True)
class EvidenceRead:
    """What the list says of each submission, held against who else could claim what is listed."""

    verdicts: Mapping[int, Verdict]
    """By the command's key."""
    strays: tuple[Stray, ...] = ()
    """Results that were laid aside and may be of one of the submissions."""


Input = (
    Begin
    | Recovered
    | Connected
    | ConnectFailed
    | ConnectionLost
    | TimedOut
    | Draining
    | LoginAnswered
    | QrShown
    | QrRefused
    | ResultShown
    | ResultRefused
    | PageRead
    | QueryRefused
    | DownloadTold
    | DetailsFetched
    | DetailsFailed
    | MissingListed
    | StoredRead
    | MayGoOn
    | Overtaken
    | EvidenceRead
    | AuditInput
)


# ---- effects -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a session."""


@dataclass(frozen=True, slots=True)
class SendLogin:
    """Send the login frame."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Send `invoice_info`: the irreversible act. Always preceded, in the same decision, by the record of it."""


@made_often
@dataclass(frozen=True, slots=True)
class Record:
    """Commit the new state with its events, before any later effect begins."""

    to: CommandState
    announcements: tuple[Announcement, ...] = ()
    due_at: datetime | None = None
    sought_at: datetime | None = None
    """When to look at the gateway for the invoice."""
    progress: bytes | None = None
    deadline_at: datetime | None = None
    findings: Findings | None = None
    goes_apart: bool = False
    """For `waiting`: it needs its user's session no more, so it goes on on a lane of its own."""
    goes_last: bool = False
    """For `waiting`: behind all else on its lane."""


@dataclass(frozen=True, slots=True)
class CountLogin:
    """Remember how the login went, for the account's suspension."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class CountRefusal:
    """Remember how the gateway took the order, for the seller's rest."""

    refused: bool


@dataclass(frozen=True, slots=True)
class KeepStray:
    """Keep a reply that settles nothing."""

    reason: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Drop the session: it is used up, or no longer to be trusted."""


@dataclass(frozen=True, slots=True)
class AskPage:
    """Send `query_invoice` for one page of these days, both included."""

    start: date
    end: date
    page_number: int


@dataclass(frozen=True, slots=True)
class AskDownload:
    """Send `query_invoice_download_zip` with this text, byte for byte."""

    date: str


@dataclass(frozen=True, slots=True)
class FetchDetails:
    """Look up items and files over HTTP."""

    items_of: tuple[str, ...] = ()
    files_of: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    may_lack_items: bool = False
    """Items of one invoice that the gateway refuses are as good as not ready: the others must not wait for it."""


@dataclass(frozen=True, slots=True)
class FetchLate:
    """Look up the files that the command's invoices lacked, for the next few behind this identity."""

    after: str


@dataclass(frozen=True, slots=True)
class ListMissing:
    """Tell which of the command's invoices lack a wanted file."""


@dataclass(frozen=True, slots=True)
class ReadJournal:
    """Read what the journal holds."""


@dataclass(frozen=True, slots=True)
class SeeWhoIsNext:
    """See whether something else should go first."""


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """See which of the candidates' numbers belong to a command already, and who else could claim one of them:
    submissions of the same sellers since then that are not sought here. Then judge, a little at a time."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Move another command by evidence, unless somebody else did."""

    command: Command
    to: CommandState
    announcements: tuple[Announcement, ...] = ()
    invoice_number: str | None = None
    sought_at: datetime | None = None
    findings: Findings | None = None
    has_looked: bool = True
    progress: bytes | None = None
    """What its end depends on; None leaves what is there."""


@dataclass(frozen=True, slots=True)
class EndLookUp:
    """Forget the look-up; put off what it looked for until then, if nothing could be seen."""

    not_before: datetime | None = None
    is_refused: bool = False
    """It is put off for its login alone: not once that one is no longer refused."""


Effect = (
    Connect
    | SendLogin
    | Submit
    | Record
    | CountLogin
    | CountRefusal
    | KeepStray
    | CloseSession
    | AskPage
    | AskDownload
    | FetchDetails
    | FetchLate
    | ListMissing
    | ReadJournal
    | SeeWhoIsNext
    | ReadEvidence
    | Settle
    | EndLookUp
    | AuditEffect
)
