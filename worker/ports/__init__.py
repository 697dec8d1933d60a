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

__all__ = [
    "Credentials",
    "Disconnected",
    "DownloadTold",
    "FrameIgnored",
    "Gateway",
    "GatewaySession",
    "IntakeJournal",
    "InvoiceDetails",
    "Journal",
    "LaneJournal",
    "LoginAnswered",
    "LoginFields",
    "OperatorJournal",
    "OutboxJournal",
    "PageShown",
    "QrRefused",
    "QrShown",
    "QueryEvent",
    "QueryOrder",
    "QueryRefused",
    "QuerySession",
    "ResultRefused",
    "ResultShown",
    "SessionEvent",
    "SpaceJournal",
    "Submission",
    "VaultJournal",
]
