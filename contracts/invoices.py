"""Invoices as events tell them, typed: as they are sent, as the gateway says that it issued them (manual: 开票), and as
its look-ups list them (查询发票接口).

Ids are text however the gateway sends them, money is exact, dates have Beijing's offset. Members that the manual
does not know are kept in `extra`. Absent, null and empty mean the same and are left out.
"""

from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

_CENT: Final = Decimal("0.01")
_EXACT: Final = Context(prec=60)


def with_cents(amount: Decimal) -> Decimal:
    """An amount of money with two decimal places, where that changes nothing."""
    if amount.as_tuple().exponent == -2:
        return amount
    told = _EXACT.quantize(amount, _CENT)
    return told if told == amount else amount


class Open(BaseModel):
    """A part of an event: unknown members are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class FoundItem(Open):
    """One item (manual: InvoiceItemEntity)."""

    id: str | None = None
    invoiceBasicInfoId: str | None = None  # noqa: N815
    countETicketNumbers: str | None = None  # noqa: N815
    taxClassificationCode: str | None = None  # noqa: N815
    specificBusinessType: str | None = None  # noqa: N815
    itemName: str | None = None  # noqa: N815
    spec: str | None = None
    unit: str | None = None
    quantity: Decimal | None = Field(default=None, description="exact, as text")
    unitPrice: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815
    amount: Decimal | None = Field(default=None, description="exact, as text")
    taxRate: str | None = Field(default=None, description="as it came: 1%, 0.01, 免税, …")  # noqa: N815
    taxRateValue: Decimal | None = Field(  # noqa: N815
        default=None, description="the same as a fraction (0.01), where it is a number"
    )
    tax: Decimal | None = Field(default=None, description="exact, as text")
    totalPriceAndTax: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815
    extra: dict[str, Any] | None = Field(default=None, description="members that the manual does not know")


class FileDifference(Open):
    """A member in which a file says another thing than the invoice that was listed."""

    member: str
    listed: str = Field(description="what the list said")
    file: str = Field(description="what the file says")


class InvoiceFile(Open):
    """Where one file of an invoice is (manual: 查询发票文件). Addresses may expire: fetch the file soon."""

    invoiceBasicInfoId: str  # noqa: N815
    type: str = Field(description="pdf, ofd, xml, or what the gateway says, in lower case")
    url: str
    countETicketNumbers: str | None = None  # noqa: N815
    sha256: str | None = Field(default=None, description="in hex, of the copy in the vault, where there is one")
    size: int | None = Field(default=None, description="bytes of that copy")
    vaultKey: str | None = Field(default=None, description="where in the vault it is")  # noqa: N815
    storedAt: datetime | None = Field(default=None, description="when it was kept there")  # noqa: N815
    differs: list[FileDifference] | None = Field(
        default=None, description="where the file says another thing than the invoice that was listed"
    )


class FoundInvoice(Open):
    """One invoice of a page (manual: data项)."""

    id: str = Field(description="the gateway's id of the row; it may change: the number is what names the invoice")
    countETicketNumbers: str | None = Field(default=None, description="数电票号码, 20 digits")  # noqa: N815
    sellerIdentificationNumber: str | None = None  # noqa: N815
    sellerName: str | None = None  # noqa: N815
    buyerIdentificationNumber: str | None = None  # noqa: N815
    buyerName: str | None = None  # noqa: N815
    invoiceDate: datetime | None = Field(default=None, description="RFC 3339 with +08:00")  # noqa: N815
    invoiceDateRaw: str | None = Field(default=None, description="as it came")  # noqa: N815
    totalAmount: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815
    totalTax: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815
    totalPriceAndTax: Decimal | None = Field(default=None, description="exact, as text")  # noqa: N815
    invoiceSource: str | None = None  # noqa: N815
    invoiceType: str | None = None  # noqa: N815
    invoiceStatus: str | None = None  # noqa: N815
    isInvoicePositive: bool | None = None  # noqa: N815
    invoiceRiskLevel: str | None = None  # noqa: N815
    drawer: str | None = None
    note: str | None = None
    vipId: str | None = None  # noqa: N815
    queryType: int | None = None  # noqa: N815
    specificBusinessType: str | None = None  # noqa: N815
    totalsDiffer: bool | None = Field(  # noqa: N815
        default=None, description="true where amount and tax do not come to the total"
    )
    extra: dict[str, Any] | None = Field(default=None, description="members that the manual does not know")
    items: list[FoundItem] | None = Field(default=None, description="where the query asked for them")
    files: list[InvoiceFile] | None = Field(default=None, description="where the query asked for them")


class StoredInvoice(Open):
    """What the journal holds of one invoice."""

    invoice: FoundInvoice
    items: list[FoundItem]
    files: list[InvoiceFile]
    commandId: str | None = Field(description="the command that issued it, where one did")  # noqa: N815
    commandState: str | None = Field(description="that command's state")  # noqa: N815
    seenAt: datetime = Field(description="when a look-up last brought it")  # noqa: N815


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


class ItemToSend(Open):
    """One line, as the gateway would get it."""

    name: str
    quantity: Decimal
    spec: str
    unit: str
    unitPrice: Decimal  # noqa: N815


class InvoiceToSend(Open):
    """The data of `invoice_info` (manual: 开票), as the gateway would get them. Passwords are masked."""

    buyerName: str  # noqa: N815
    buyerIndentification: str  # noqa: N815
    buyerAddress: str  # noqa: N815
    buyerPhone: str  # noqa: N815
    buyerEmail: str  # noqa: N815
    buyerBank: str  # noqa: N815
    buyerBankAccount: str  # noqa: N815
    buyerInvoiceType: int  # noqa: N815
    buyerType: int  # noqa: N815
    buyerBankShow: int  # noqa: N815
    invoiceItems: list[ItemToSend]  # noqa: N815
    remark: str
    sellerName: str  # noqa: N815
    sellerIndentification: str  # noqa: N815
    sellerBank: str  # noqa: N815
    sellerBankAccount: str  # noqa: N815
    sellerBankShow: int  # noqa: N815
    sellerLoginAccount: str  # noqa: N815
    sellerLoginPassword: str  # noqa: N815
