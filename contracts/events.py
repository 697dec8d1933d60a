"""The events the worker publishes, as open models: members may be added, so a reader must ignore what it
does not know. None is ever removed, renamed or given a narrower type.

Decimals are emitted as text and ids as strings. Absent members are left out, not sent as null, unless a
field says otherwise.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from contracts.audits import MOST_FINDINGS, Finding, FindingCounts, MonthlySum
from contracts.commands import CommandType
from contracts.failures import FailureCode, RejectionCode
from contracts.invoices import (
    FileDifference,
    FoundInvoice,
    FoundItem,
    InvoiceFile,
    InvoiceToSend,
    IssuedInvoice,
    Open,
    StoredInvoice,
)


class Outcome(StrEnum):
    """The last part of an event's type, `<command type>.<outcome>`."""

    REJECTED = "rejected"
    QR_REQUIRED = "qr_required"
    IN_DOUBT = "in_doubt"
    PAGE = "page"
    FINDING = "finding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    ARCHIVED = "archived"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether a command ends with it: exactly one final event per command."""
        return self in {Outcome.COMPLETED, Outcome.FAILED, Outcome.REJECTED}


class CommandWarning(Open):
    """Something odd in a command that did not stop it."""

    model_config = ConfigDict(extra="allow", frozen=True, title="Warning")

    code: str
    path: str = Field(description="JSON Pointer into the command's data; empty for the whole message")
    message: str
    commandId: str | None = Field(  # noqa: N815
        default=None, description="duplicate_suspected: the earlier command of the same source"
    )


class Repeats(Open):
    """Which command of the same source this one repeats."""

    commandId: str  # noqa: N815


class DiscountFolded(Open):
    """What became of a line's discounts: its unit price holds them, and the line comes to less by exactly their sum."""

    line: int = Field(description="from 1")
    amount: Decimal = Field(description="the sum of the line's discounts")
    unitPriceBefore: Decimal  # noqa: N815
    unitPrice: Decimal = Field(description="as it is sent")  # noqa: N815
    lineAmountBefore: Decimal  # noqa: N815
    lineAmount: Decimal  # noqa: N815


class EventData(Open):
    """What the data of every event carry."""

    commandId: str  # noqa: N815
    commandSource: str  # noqa: N815
    userId: str | None = Field(default=None, description="where the command has one")  # noqa: N815
    orderNo: str | None = Field(default=None, description="where the command gave one")  # noqa: N815
    warnings: list[CommandWarning] | None = Field(default=None, description="where there are any")
    repeats: Repeats | None = Field(
        default=None,
        description="where the command named the orderNo of an earlier one: it issued nothing, and this event tells "
        "what became of that one",
    )
    discountsFolded: list[DiscountFolded] | None = Field(  # noqa: N815
        default=None, description="where the command gave discounts"
    )


class FieldError(Open):
    """One fault of a rejected message. Never repeats a value."""

    path: str = Field(description="JSON Pointer; empty for the whole message")
    message: str


class Rejected(EventData):
    """The message never became a running command."""

    code: RejectionCode
    errors: list[FieldError]
    firstCommandId: str | None = Field(  # noqa: N815
        default=None, description="order_reused, duplicate: the command of the same source that came first"
    )


class QrRequired(EventData):
    """A person must scan this with their face (manual: 人脸二维码响应). A later attempt supersedes an earlier one."""

    image: str | None = Field(description="data URI; null where the gateway sent text only")
    content: str | None = Field(description="the text in the QR, where it could be read")
    attempt: int = Field(ge=1)
    receivedAt: datetime  # noqa: N815
    expiresAt: datetime = Field(description="when the worker stops waiting for the scan")  # noqa: N815


class Difference(Open):
    """A member that the gateway tells otherwise than it was sent."""

    member: str = Field(description="by its name in the command's invoice; total, invoiceDate beside these")
    sent: Any = Field(description="as the command has it")
    listed: Any = Field(description="as the gateway's result or list has it")


_DIFFERS = "what the gateway tells otherwise, though nothing says that it is another invoice; absent where nothing is"


class Completed(EventData):
    """The invoice is issued."""

    invoice: IssuedInvoice
    invoiceUrl: str | None = Field(description="where the gateway keeps the PDF")  # noqa: N815
    reconciled: bool = Field(description="true where a look-up or a person found it, not the gateway's reply")
    invoiceStatus: str | None = Field(  # noqa: N815
        default=None, description="发票状态 as the list shows it, where a look-up found it"
    )
    differs: list[Difference] | None = Field(default=None, description=_DIFFERS)


class Confirmed(EventData):
    """The number, date and totals of an invoice that was completed before: the look-up found it."""

    invoiceId: str = Field(  # noqa: N815
        description="the gateway's id of the invoice; it may change, and is empty where a person told the number"
    )
    invoiceNumber: str = Field(description="数电票号码, 20 digits")  # noqa: N815
    invoiceDate: datetime | None = Field(description="开票日期, with +08:00")  # noqa: N815
    totalAmount: Decimal | None = Field(description="exact, as text")  # noqa: N815
    totalTax: Decimal | None = Field(description="exact, as text")  # noqa: N815
    totalPriceAndTax: Decimal | None = Field(description="exact, as text")  # noqa: N815
    expectedTotalMatches: bool | None = Field(  # noqa: N815
        description="whether totalPriceAndTax is the command's expectedTotal; null where it named none"
    )
    files: list[InvoiceFile]
    invoiceStatus: str | None = Field(  # noqa: N815
        default=None, description="发票状态 as the list shows it: 正常, 已红冲-全额, 已作废, …"
    )
    differs: list[Difference] | None = Field(default=None, description=_DIFFERS)


class Unconfirmed(EventData):
    """The invoice was issued, but no look-up of the schedule found its number. Look for it at the tax bureau."""

    message: str
    lookUps: int = Field(description="how often was looked")  # noqa: N815


class ArchivedFile(Open):
    """A file that is in the vault, for good."""

    invoiceNumber: str  # noqa: N815
    type: str = Field(description="pdf, ofd, xml, or what the gateway says, in lower case")
    url: str = Field(description="where it was fetched from; that address may expire")
    sha256: str = Field(description="in hex, of the file's bytes")
    size: int = Field(description="bytes")
    vaultKey: str = Field(description="where in the vault it is: <seller>/<yyyy>/<mm>/<number>.<type>")  # noqa: N815
    storedAt: datetime  # noqa: N815
    differs: list[FileDifference] = Field(
        description="where the file says another thing than the invoice that was listed; it is kept all the same"
    )


class FileNotKept(Open):
    """A file that could not be had. A new address, from a query or invoice.files, makes the vault try again."""

    invoiceNumber: str  # noqa: N815
    type: str
    reason: str


class Archived(EventData):
    """Files of invoices that this command brought are in the vault. Not final; it may come again for files that the
    gateway had only later."""

    files: list[ArchivedFile]
    missing: list[FileNotKept]


_GATEWAY_MESSAGE = "why the gateway refused, in its own words, where it said so; at most 500 characters, numbers masked"


class InDoubt(EventData):
    """It was submitted and nobody knows yet what became of it. Never answer this with a second order."""

    reason: str
    submittedAt: datetime | None  # noqa: N815
    candidates: list[dict[str, Any]] = Field(
        description="what could be its invoice, for the person who decides: invoiceNumber, invoiceDate, "
        "totalPriceAndTax, buyerName, note, invoiceStatus, differs; or a result that was laid aside, with "
        "laidAside and invoiceUrl"
    )
    needsPerson: bool  # noqa: N815
    nextLookAt: datetime | None  # noqa: N815
    gatewayMessage: str | None = Field(default=None, description=_GATEWAY_MESSAGE)  # noqa: N815


class Failed(EventData):
    """No invoice came of it."""

    code: FailureCode
    stage: str
    message: str
    retryable: bool = Field(
        description="whether the same order may be sent again as it is, under a new id, with its own orderNo"
    )
    attempts: int
    gatewayMessage: str | None = Field(default=None, description=_GATEWAY_MESSAGE)  # noqa: N815


class Download(Open):
    """How the gateway's download of the files went (manual: 文件下载响应)."""

    ok: bool = Field(description="false where one failed to the end, or no notice came")
    date: str | None = Field(description="the text to send in invoice.download; null where there is none to retry")


class QueryPage(EventData):
    """Some invoices of a query: a page, or a part of a large one."""

    pageNumber: int  # noqa: N815
    totalPage: int | None = Field(description="as the gateway says")  # noqa: N815
    total: int | None = Field(description="as the gateway says, whatever it made of the filters")
    invoices: list[FoundInvoice]
    part: int = Field(description="from 1: a large page comes in several events")
    parts: int
    late: bool = Field(description="true where these came before, without the files that they have now")


class QueryCompleted(EventData):
    """All pages were told."""

    total: int | None = Field(description="as the gateway says, whatever it made of the filters")
    pages: int = Field(description="pages asked for")
    invoiceCount: int = Field(description="invoices told: those that fit the condition, each once")  # noqa: N815
    missingInvoices: int = Field(  # noqa: N815
        description="how many fewer different invoices came than the gateway's total, for rows may shift between "
        "pages; or how many rows could not be read"
    )
    isCut: bool = Field(  # noqa: N815
        description="the list may not be whole: the worker's cap of pages (FAPIAO_QUERY_MAX_PAGES) ended it, the "
        "gateway says that it is not all, or it repeats a page"
    )
    itemCount: int = Field(description="items stored")  # noqa: N815
    fileCount: int = Field(description="file addresses stored")  # noqa: N815
    missingItems: list[str] = Field(description="ids of invoices whose items could not be had")  # noqa: N815
    missingFiles: list[str] = Field(  # noqa: N815
        description="ids of invoices that lack a wanted file; invoice.files asks for them again"
    )
    download: Download


class DownloadCompleted(EventData):
    """The gateway has the files now."""

    ok: bool
    date: str = Field(description="the date that was asked for")


class ItemsCompleted(EventData):
    """The items of the invoice."""

    items: list[FoundItem]


class FilesCompleted(EventData):
    """Where the files are."""

    files: list[InvoiceFile]
    missingFiles: list[str] = Field(description="ids of invoices that lack a wanted file")  # noqa: N815


class StoredCompleted(EventData):
    """What the journal holds."""

    invoices: list[StoredInvoice]
    total: int = Field(description="how many there are; offset and limit cut out some")
    commandState: str | None = Field(  # noqa: N815
        description="where the command stands that commandId or orderNo named; null where there is none"
    )


class CheckedTotal(Open):
    """The invoice's total under one reading of its prices, with one tax rate for all lines."""

    pricesIncludeTax: bool  # noqa: N815
    taxRate: Decimal = Field(description="as a fraction: 0.13 is 13%")  # noqa: N815
    totalAmount: Decimal  # noqa: N815
    totalTax: Decimal  # noqa: N815
    totalPriceAndTax: Decimal  # noqa: N815
    expectedTotalMatches: bool | None = None  # noqa: N815


class Checked(EventData):
    """What would become of an `invoice.issue` with these data. Nothing was sent."""

    accepted: bool
    errors: list[FieldError]
    invoice: InvoiceToSend | None = None
    linesTotal: Decimal | None = None  # noqa: N815
    totals: list[CheckedTotal]


class AuditFinding(EventData):
    """Some of what does not add up, or was put right."""

    findings: list[Finding] = Field(min_length=1, max_length=MOST_FINDINGS)


class AuditCompleted(EventData):
    """The period was held against the journal to its end."""

    total: int = Field(description="invoices listed in the period, each once")
    matched: int = Field(description="of these, the ones of this source's commands without a finding")
    counts: FindingCounts
    undecidedInvoices: int = Field(  # noqa: N815
        description="listed, and perhaps of a command that has no number yet, or listed without a number"
    )
    undecidedCommands: int = Field(  # noqa: N815
        description="commands of this source, submitted in the period, of which it is not known whether they have an "
        "invoice, or which"
    )
    sums: list[MonthlySum] = Field(description="of all that is listed in the period, whosever it is")
    isWhole: bool = Field(  # noqa: N815
        description="whether all came that the gateway says there is; where not, nothing is called missing"
    )


_EVERY: dict[Outcome, type[EventData]] = {Outcome.REJECTED: Rejected, Outcome.FAILED: Failed}

EVENTS: dict[CommandType, dict[Outcome, type[EventData]]] = {
    CommandType.ISSUE: {
        Outcome.REJECTED: Rejected,
        Outcome.QR_REQUIRED: QrRequired,
        Outcome.IN_DOUBT: InDoubt,
        Outcome.COMPLETED: Completed,
        Outcome.CONFIRMED: Confirmed,
        Outcome.UNCONFIRMED: Unconfirmed,
        Outcome.ARCHIVED: Archived,
        Outcome.FAILED: Failed,
    },
    CommandType.QUERY: {
        Outcome.PAGE: QueryPage,
        Outcome.COMPLETED: QueryCompleted,
        Outcome.ARCHIVED: Archived,
        **_EVERY,
    },
    CommandType.DOWNLOAD: {Outcome.COMPLETED: DownloadCompleted, **_EVERY},
    CommandType.ITEMS: {Outcome.COMPLETED: ItemsCompleted, **_EVERY},
    CommandType.FILES: {Outcome.COMPLETED: FilesCompleted, **_EVERY},
    CommandType.STORED: {Outcome.COMPLETED: StoredCompleted, **_EVERY},
    CommandType.CHECK: {Outcome.COMPLETED: Checked, **_EVERY},
    CommandType.AUDIT: {Outcome.FINDING: AuditFinding, Outcome.COMPLETED: AuditCompleted, **_EVERY},
}
"""Command type to the outcomes that it may have, each with the model of its data."""
