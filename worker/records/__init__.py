"""What the journal remembers and hands out: frozen values without behaviour beyond naming themselves.

Knows nothing of SQL, AMQP or the gateway. Times are aware UTC `datetime`s, bodies are UTF-8 JSON bytes.
"""

from worker.records.commands import (
    LOOK_UP,
    OWN_LANE_MARK,
    Admission,
    Claim,
    Command,
    Following,
    LaneLease,
    NewCommand,
    Settlement,
    Step,
    own_lane,
)
from worker.records.events import Copy, Event, EventRecord, LooseEvent, OutboxRow, Route, UndeliverableReply
from worker.records.invoices import (
    LONGEST_NUMBER_CHARS,
    Dated,
    FileRow,
    Findings,
    FoundRow,
    IssuedReply,
    Line,
    ListedInvoice,
    Stored,
    StoredFilter,
    SubmittedInvoice,
)
from worker.records.operation import AccountState, Backlog, Pruned, Resealing, Space
from worker.records.states import ACTIVE, FINAL, MAY_HAVE_INVOICE, PROGRESSING, SUBMITTED, UNSETTLED, CommandState

__all__ = [
    "ACTIVE",
    "FINAL",
    "LONGEST_NUMBER_CHARS",
    "LOOK_UP",
    "MAY_HAVE_INVOICE",
    "OWN_LANE_MARK",
    "PROGRESSING",
    "SUBMITTED",
    "UNSETTLED",
    "AccountState",
    "Admission",
    "Backlog",
    "Claim",
    "Command",
    "CommandState",
    "Copy",
    "Dated",
    "Event",
    "EventRecord",
    "FileRow",
    "Findings",
    "Following",
    "FoundRow",
    "IssuedReply",
    "LaneLease",
    "Line",
    "ListedInvoice",
    "LooseEvent",
    "NewCommand",
    "OutboxRow",
    "Pruned",
    "Resealing",
    "Route",
    "Settlement",
    "Space",
    "Step",
    "Stored",
    "StoredFilter",
    "SubmittedInvoice",
    "UndeliverableReply",
    "own_lane",
]
