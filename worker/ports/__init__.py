"""The seams: what the worker asks of its journal and of the gateway, and in which words they answer.

Adapters live elsewhere and are named only by `bootstrap`.
"""

from worker.ports.gateway import (
    Credentials,
    Disconnected,
    DownloadTold,
    FrameIgnored,
    Gateway,
    GatewaySession,
    InvoiceDetails,
    LoginAnswered,
    LoginFields,
    Observe,
    Operation,
    PageShown,
    QrRefused,
    QrShown,
    QueryEvent,
    QueryOrder,
    QueryRefused,
    QuerySession,
    ResultRefused,
    ResultShown,
    SessionEvent,
    Submission,
    observe_nothing,
)
from worker.ports.journal import (
    IntakeJournal,
    Journal,
    OperatorJournal,
    OutboxJournal,
    SpaceJournal,
    VaultJournal,
)
from worker.ports.lane_journal import LaneJournal
