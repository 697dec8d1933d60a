# ruff: noqa: N815 (member names are the vendor's)
"""The vendor's frames on ``/web/invoice`` and the answers of its two HTTP look-ups, in the vendor's words.

Guaranteed: what is built from the outbound models serialises (``contracts.gateway.dumps``) to exactly the manual's
members. The manual's table of conditions and its example differ (trap 56): both pairs of counterparty members are
there, and the pair that is not meant is null, as in the example.

Not known here: how answers deviate in practice, and which filters the gateway heeds.
"""

from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.gateway import Login

ITEM_PATH: Final = "/web/invoice/item"
"""``GET …/item/{invoiceBasicInfoId}`` (manual: 查询发票商品项信息)."""
FILE_PATH: Final = "/web/invoice/file"
"""``GET …/file?invoiceIdList=…&typeList=…`` (manual: 查询发票文件)."""


class _Sent(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Received(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class QueryCondition(_Sent):
    """Which invoices. Days are ``yyyy-MM-dd``; null means no filter, but for ``countETicketNumbers``, which is ""."""

    queryType: int
    invoiceSource: str | None = None
    invoiceType: str | None = None
    isInvoicePositive: str | None = None
    countETicketNumbers: str = ""
    invoiceCode: str | None = None
    invoiceNumber: str | None = None
    buyerIdentificationNumber: str | None = None
    buyerName: str | None = None
    sellerIdentificationNumber: str | None = None
    sellerName: str | None = None
    startInvoiceValue: Decimal | None = None
    endInvoiceValue: Decimal | None = None
    startInvoiceDate: str
    endInvoiceDate: str


class QueryPage(_Sent):
    """Which page; the first is 1."""

    pageSize: int
    pageNumber: int


class QueryInvoice(_Sent):
    """Data of ``query_invoice`` (manual: 查询发票基本信息)."""

    login: Login
    condition: QueryCondition
    page: QueryPage


class QueryInvoiceRequest(_Sent):
    """``{"type": "query_invoice", "data": …}``."""

    type: Literal["query_invoice"] = "query_invoice"
    data: QueryInvoice


class DownloadZipRequest(_Sent):
    """``{"type": "query_invoice_download_zip", "data": "2024-04-12 10:10:10"}``: the text that a failed download
    brought, byte for byte (trap 73)."""

    type: Literal["query_invoice_download_zip"] = "query_invoice_download_zip"
    data: str


class InvoiceRow(_Received):
    """One invoice of a page (manual: data项), typed as the manual's table has it. ``id`` is a long in the table's words
    and 19 digits of text elsewhere."""

    id: int | str
    countETicketNumbers: str | None = None
    sellerIdentificationNumber: str | None = None
    sellerName: str | None = None
    buyerIdentificationNumber: str | None = None
    buyerName: str | None = None
    invoiceDate: int | str | None = None
    totalAmount: Decimal | None = None
    totalTax: Decimal | None = None
    totalPriceAndTax: Decimal | None = None
    invoiceSource: str | None = None
    invoiceType: str | None = None
    invoiceStatus: str | None = None
    isInvoicePositive: str | None = None
    invoiceRiskLevel: str | None = None
    drawer: str | None = None
    note: str | None = None
    vipId: int | str | None = None
    queryType: int | None = None
    specificBusinessType: str | None = None


class InvoicePage(_Received):
    """A page, as the manual's table has it. In its example it is wrapped in two more ``data`` (trap 55)."""

    data: list[InvoiceRow]
    total: int | None = None
    currentPage: int | None = None
    totalPage: int | None = None
    hasNext: bool | None = None


class InvoiceItemEntity(_Received):
    """One item of an invoice (manual: InvoiceItemEntity of 查询发票商品项信息)."""

    id: int | str | None = None
    invoiceBasicInfoId: int | str | None = None
    countETicketNumbers: str | None = None
    taxClassificationCode: str | None = None
    specificBusinessType: str | None = None
    itemName: str | None = None
    spec: str | None = None
    unit: str | None = None
    quantity: Decimal | None = None
    unitPrice: Decimal | None = None
    amount: Decimal | None = None
    taxRate: str | None = None
    tax: Decimal | None = None
    totalPriceAndTax: Decimal | None = None


class InvoiceFileEntity(_Received):
    """One file of an invoice (manual: 查询发票文件)."""

    id: int | str | None = None
    invoiceBasicInfoId: int | str
    countETicketNumbers: str | None = None
    url: str
    type: str


class HttpAnswer(_Received):
    """What both HTTP look-ups answer. ``code`` is 0 in the manual's generated example; 200 is as likely (trap 79)."""

    code: int
    msg: str | None = None
    data: Any = Field(default=None)
