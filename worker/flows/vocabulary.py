"""What a flow is told and what it wants done: inputs and effects as values, shared by the flows and whoever
performs them. An input of the session's own (`LoginAnswered`, `QrShown`, …) comes from `worker.ports`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.failures import FailureCode
from worker.flows.announce import Announcement
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused, ResultShown
from worker.records import CommandState

# ---- inputs (besides the session's own events) ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The lane took the command; it stood as `waiting` before."""

    session_is_open: bool
    suspended_until: datetime | None = None
    credential_fault: str | None = None


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


@dataclass(frozen=True, slots=True)
class Record:
    """Commit the new state with its events, before any later effect begins."""

    to: CommandState
    announcements: tuple[Announcement, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CountLogin:
    """Remember how the login went, for the account's suspension."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class KeepStray:
    """Keep a reply that settles nothing."""

    reason: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Drop the session: it is used up, or no longer to be trusted."""


Effect = Connect | SendLogin | Submit | Record | CountLogin | KeepStray | CloseSession
