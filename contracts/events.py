"""The events the worker publishes, as open models: members may be added, so a reader must ignore what it
does not know. None is ever removed, renamed or given a narrower type.

Decimals are emitted as text and ids as strings. Absent members are left out, not sent as null, unless a
field says otherwise.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.failures import FailureCode, RejectionCode


class Outcome(StrEnum):
    """The last part of an event's type, `<command type>.<outcome>`."""

    REJECTED = "rejected"
    QR_REQUIRED = "qr_required"
    IN_DOUBT = "in_doubt"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether a command ends with it: exactly one final event per command."""
        return self in {Outcome.COMPLETED, Outcome.FAILED, Outcome.REJECTED}


class Open(BaseModel):
    """A part of an event: unknown members are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class CommandWarning(Open):
    """Something odd in a command that did not stop it."""

    model_config = ConfigDict(extra="allow", frozen=True, title="Warning")

    code: str
    message: str
    path: str | None = Field(default=None, description="JSON Pointer into the command's data")


class EventData(Open):
    """What the data of every event carry."""

    commandId: str  # noqa: N815
    commandSource: str  # noqa: N815
    userId: str | None = Field(default=None, description="where the command has one")  # noqa: N815
    orderNo: str | None = Field(default=None, description="where the command gave one")  # noqa: N815
    warnings: list[CommandWarning] | None = Field(default=None, description="where there are any")


class FieldError(Open):
    """One fault of a rejected message. Never repeats a value."""

    path: str = Field(description="JSON Pointer; empty for the whole message")
    message: str


class Rejected(EventData):
    """The message never became a running command."""

    code: RejectionCode
    errors: list[FieldError]


class QrRequired(EventData):
    """A person must scan this with their face (manual: 人脸二维码响应). A later attempt supersedes an earlier one."""

    image: str | None = Field(description="data URI; null where the gateway sent text only")
    content: str | None = Field(description="the text in the QR, where it could be read")
    attempt: int = Field(ge=1)
    receivedAt: datetime  # noqa: N815
    expiresAt: datetime = Field(description="when the worker stops waiting for the scan")  # noqa: N815


class IssuedItem(Open):
    """One line of the gateway's answer."""

    name: str | None = None
    quantity: Decimal | None = Field(default=None, description="exact, as text")
    spec: str | None = None
    unit: str | None = None
    unitPrice: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815


class IssuedInvoice(Open):
    """What the gateway says it issued (manual: 开票结果响应), typed, without the seller's account and password."""

    buyerName: str | None = None  # noqa: N815
    buyerIndentification: str | None = None  # noqa: N815
    buyerAddress: str | None = None  # noqa: N815
    buyerPhone: str | None = None  # noqa: N815
    buyerInvoiceType: int | None = None  # noqa: N815
    buyerType: int | None = None  # noqa: N815
    buyerEmail: str | None = None  # noqa: N815
    buyerBank: str | None = None  # noqa: N815
    buyerBankAccount: str | None = None  # noqa: N815
    buyerBankShow: int | None = None  # noqa: N815
    sellerBankShow: int | None = None  # noqa: N815
    vipId: str | None = None  # noqa: N815
    isDrafts: int | None = None  # noqa: N815
    invoiceItems: list[IssuedItem] = Field(default_factory=list)  # noqa: N815
    sellerName: str | None = None  # noqa: N815
    sellerIndentification: str | None = None  # noqa: N815
    sellerBank: str | None = None  # noqa: N815
    sellerBankAccount: str | None = None  # noqa: N815
    sellerAddress: str | None = None  # noqa: N815
    sellerPhone: str | None = None  # noqa: N815
    remark: str | None = None
    invoiceNumber: str | None = Field(  # noqa: N815
        default=None, description="where it is known; the manual's result does not carry it"
    )


class Completed(EventData):
    """The invoice is issued."""

    invoice: IssuedInvoice
    invoiceUrl: str | None = Field(description="where the gateway keeps the PDF")  # noqa: N815
    reconciled: bool = Field(description="true where a look-up or a person found it, not the gateway's reply")


class InDoubt(EventData):
    """It was submitted and nobody knows yet what became of it. Never answer this with a second order."""

    reason: str
    submittedAt: datetime | None  # noqa: N815
    candidates: list[dict[str, Any]]
    needsPerson: bool  # noqa: N815
    nextLookAt: datetime | None  # noqa: N815


class Failed(EventData):
    """No invoice came of it."""

    code: FailureCode
    stage: str
    message: str
    retryable: bool = Field(
        description="whether the same order may be sent again under a new id and, where it had one, a new orderNo"
    )
    attempts: int


EVENTS: dict[Outcome, type[EventData]] = {
    Outcome.REJECTED: Rejected,
    Outcome.QR_REQUIRED: QrRequired,
    Outcome.IN_DOUBT: InDoubt,
    Outcome.COMPLETED: Completed,
    Outcome.FAILED: Failed,
}
"""Outcome to the model of its data."""
