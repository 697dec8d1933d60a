"""What the journal remembers and hands out: frozen values without behaviour beyond naming themselves.

Knows nothing of SQL, AMQP or the gateway. Times are aware UTC `datetime`s, bodies are UTF-8 JSON bytes.
"""

from worker.records.commands import (
    DISCOUNTS_FOLDED,
    EVERY_COMMAND,
    LOOK_UP,
    OWN_LANE_MARK,
    Admission,
    Claim,
    ClaimBounds,
    Clues,
    Command,
    CommandFilter,
    Following,
    Heard,
    LaneLease,
    NewCommand,
    Probes,
    SecretsFault,
    Settlement,
    Step,
    TotalProbe,
    is_own_lane,
    lane_apart,
    own_lane,
)
from worker.records.events import Copy, Event, EventRecord, LooseEvent, OutboxRow, Route, UndeliverableReply
from worker.records.invoices import (
    BEIJING,
    UNDECIDED,
    AuditedInvoice,
    AuditedRow,
    AuditOwner,
    AuditTwin,
    Dated,
    FileRow,
    Findings,
    FoundRow,
    IssuedReply,
    KeptCopy,
    KeptResult,
    Line,
    ListedInvoice,
    NumberedCommand,
    Stored,
    StoredFilter,
    Stray,
    SubmittedInvoice,
)
from worker.records.operation import (
    AccountLogin,
    AccountState,
    Backlog,
    OnLane,
    Pruned,
    RefusedAccount,
    Resealing,
    SellerState,
    Space,
    Times,
)
from worker.records.states import (
    ACTIVE,
    FINAL,
    MAY_HAVE_INVOICE,
    NOT_SUBMITTED,
    PROGRESSING,
    SUBMITTED,
    UNSETTLED,
    CommandState,
)
from worker.records.vault import DueFile, KeptFile, MissingFile, Untold, VaultYear
