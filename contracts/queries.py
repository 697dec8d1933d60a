"""The commands that look invoices up, as closed models: at the gateway, or in what the journal holds.

Names inside `condition` and `page` are the vendor's own (manual: 查询发票接口). Absent, null and empty text mean the
same. Ids are text, digits only: a JSON number of 19 digits would have lost its last ones on the way here.
"""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from contracts.members import NO_CONTROLS, SAME_AS, Amount, Closed, ComparisonFault, Flag, TaxId, Text, WithLogin

LARGEST_ID = 2**63 - 1
"""The manual calls ids `integer(int64)`."""
MOST_FILE_IDS = 500
LARGEST_PAGE = 1000
LONGEST_AUDIT_DAYS = 366
INVOICE_NUMBER = r"^[0-9]{8,20}$"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DAYS: Final = ("startInvoiceDate", "endInvoiceDate")
_SELLER: Final = "sellerIndentification"
_POSITIVE_WORDS: Final = {"是": True, "否": False, "": None}


class FileType(StrEnum):
    """The forms in which the gateway keeps an invoice (manual: 文件类型)."""

    PDF = "pdf"
    OFD = "ofd"
    XML = "xml"


EVERY_FILE_TYPE = (FileType.PDF, FileType.OFD, FileType.XML)


def _absent(value: Any) -> Any:
    return None if value == "" else value


def _iso_date(value: Any) -> Any:
    """Refuse times and numbers: the manual asks for a day, and a time would be cut silently."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value.strip())):
        return value
    raise ValueError("must be a day, such as 2026-01-31")


def _positive(value: Any) -> Any:
    """是 and 否 are the manual's own words for it."""
    return _POSITIVE_WORDS.get(value, value) if isinstance(value, str) else value


def _sound_id(value: str) -> str:
    if not 0 < int(value) <= LARGEST_ID:
        raise ValueError("must be an id: digits, from 1 to 9223372036854775807")
    return value.lstrip("0")


def _digits(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) <= 20:
        return value
    raise ValueError("must be an id: digits, from 1 to 9223372036854775807")


def _distinct(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _also(*values: Any) -> Any:
    """Tell the schema of values that stand for others."""

    def add(schema: dict[str, Any]) -> None:
        schema["anyOf"].append({"enum": list(values)})

    return Field(json_schema_extra=add)


def _only(query_type: int, absent: str) -> dict[str, Any]:
    """For the schema: a condition of this type without members of the side that is no counterparty."""
    names = (f"{absent}IdentificationNumber", f"{absent}Name")
    return {"properties": {"queryType": {"const": query_type}, **{name: {"enum": [None, ""]} for name in names}}}


def _named_by(*names: str) -> dict[str, Any]:
    """For the schema: these members are there, as texts."""
    return {"required": [*names], "properties": {name: {"type": "string", "minLength": 1} for name in names}}


InvoiceId = Annotated[
    str,
    BeforeValidator(_digits),
    AfterValidator(_sound_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^0*[1-9][0-9]{0,18}$"},
                {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
            ]
        }
    ),
]
Day = Annotated[date, BeforeValidator(_iso_date)]
OptionalText = Annotated[Text | None, BeforeValidator(_absent)]
OptionalTaxId = Annotated[TaxId | None, BeforeValidator(_absent)]
OptionalAmount = Annotated[Amount | None, BeforeValidator(_absent), _also("")]
Positive = Annotated[StrictBool | None, BeforeValidator(_positive), _also(*_POSITIVE_WORDS)]
FileTypes = Annotated[list[FileType], AfterValidator(_distinct)]


class Condition(Closed):
    """Which invoices (manual: condition). Days are Beijing's, both included.

    The counterparty of what was issued is the buyer, of what was received the seller. Whatever the gateway makes of a
    filter, the worker applies it again.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [_only(0, "seller"), _only(1, "buyer")]})

    queryType: Flag = Field(description="0 开具发票, 1 取得发票")  # noqa: N815
    startInvoiceDate: Day = Field(description="开票日期(起)")  # noqa: N815
    endInvoiceDate: Day = Field(description="开票日期(止)")  # noqa: N815
    invoiceSource: OptionalText = Field(default=None, max_length=100, description="发票来源")  # noqa: N815
    invoiceType: OptionalText = Field(default=None, max_length=100, description="票种")  # noqa: N815
    isInvoicePositive: Positive = Field(default=None, description="是否正数发票")  # noqa: N815
    countETicketNumbers: OptionalText = Field(default=None, max_length=100, description="数电票号码")  # noqa: N815
    invoiceCode: OptionalText = Field(default=None, max_length=100, description="发票代码")  # noqa: N815
    invoiceNumber: OptionalText = Field(default=None, max_length=100, description="发票号码")  # noqa: N815
    buyerIdentificationNumber: OptionalTaxId = Field(  # noqa: N815
        default=None, max_length=100, description="对方纳税人识别号, with queryType 0"
    )
    buyerName: OptionalText = Field(default=None, max_length=200, description="对方纳税人名称, with queryType 0")  # noqa: N815
    sellerIdentificationNumber: OptionalTaxId = Field(  # noqa: N815
        default=None, max_length=100, description="对方纳税人识别号, with queryType 1"
    )
    sellerName: OptionalText = Field(default=None, max_length=200, description="对方纳税人名称, with queryType 1")  # noqa: N815
    startInvoiceValue: OptionalAmount = Field(default=None, description="发票金额(起)")  # noqa: N815
    endInvoiceValue: OptionalAmount = Field(default=None, description="发票金额(止)")  # noqa: N815

    @model_validator(mode="after")
    def _sound(self) -> "Condition":
        if self.startInvoiceDate > self.endInvoiceDate:
            raise ComparisonFault("startInvoiceDate must not be after endInvoiceDate", *_DAYS)
        low, high = self.startInvoiceValue, self.endInvoiceValue
        if low is not None and high is not None and low > high:
            raise ValueError("startInvoiceValue must not be greater than endInvoiceValue")
        if self.queryType == 0 and (self.sellerIdentificationNumber or self.sellerName):
            raise ValueError("with queryType 0 the counterparty is the buyer: use buyerIdentificationNumber, buyerName")
        if self.queryType == 1 and (self.buyerIdentificationNumber or self.buyerName):
            raise ValueError(
                "with queryType 1 the counterparty is the seller: use sellerIdentificationNumber, sellerName"
            )
        return self


class Page(Closed):
    """Which page (manual: page)."""

    pageSize: int = Field(default=50, ge=1, le=LARGEST_PAGE, strict=True, description="每页大小")  # noqa: N815
    pageNumber: int = Field(  # noqa: N815
        default=1, ge=1, le=1_000_000, strict=True, description="页码; with allPages the first one"
    )


class QueryInvoices(WithLogin):
    """`invoice.query`: invoices issued or received, page by page, with their items and files."""

    condition: Condition
    page: Page = Field(default_factory=Page)
    allPages: bool = Field(  # noqa: N815
        default=True, strict=True, description="follow all pages from pageNumber on; false: that page alone"
    )
    items: bool = Field(default=True, strict=True, description="fetch the items of each invoice")
    files: FileTypes = Field(
        default_factory=lambda: list(EVERY_FILE_TYPE),
        max_length=len(EVERY_FILE_TYPE),
        description="fetch the addresses of these files; [] fetches none",
    )


class AuditInvoices(WithLogin):
    """`invoice.audit`: hold a period's list against what the journal knows, and tell what does not add up."""

    startInvoiceDate: Day = Field(description="the first day, of Beijing, included")  # noqa: N815
    endInvoiceDate: Day = Field(description="the last day, of Beijing, included; at most 366 days")  # noqa: N815

    @model_validator(mode="after")
    def _sound(self) -> "AuditInvoices":
        if self.startInvoiceDate > self.endInvoiceDate:
            raise ComparisonFault("startInvoiceDate must not be after endInvoiceDate", *_DAYS)
        if (self.endInvoiceDate - self.startInvoiceDate).days >= LONGEST_AUDIT_DAYS:
            raise ComparisonFault(
                f"startInvoiceDate and endInvoiceDate must span at most {LONGEST_AUDIT_DAYS} days", *_DAYS
            )
        return self


class RetryDownload(WithLogin):
    """`invoice.download`: let the gateway download files again that it could not get (query_invoice_download_zip)."""

    date: Annotated[str, StringConstraints(pattern=NO_CONTROLS, min_length=1, strip_whitespace=False)] = Field(
        max_length=200, description="download.date of an earlier query, returned byte for byte"
    )


class LookUpItems(Closed):
    """`invoice.items`: the items of one invoice."""

    invoiceBasicInfoId: InvoiceId = Field(description="the invoice's id, as a query gave it")  # noqa: N815


class LookUpFiles(Closed):
    """`invoice.files`: where the files of some invoices are."""

    invoiceIdList: Annotated[list[InvoiceId], AfterValidator(_distinct)] = Field(  # noqa: N815
        min_length=1, max_length=MOST_FILE_IDS, description="ids, as a query gave them"
    )
    typeList: FileTypes = Field(  # noqa: N815
        default_factory=lambda: list(EVERY_FILE_TYPE), min_length=1, max_length=len(EVERY_FILE_TYPE)
    )


class ReadStored(Closed):
    """`invoice.stored`: what the journal holds, without touching the gateway. Exactly one way to name it is given.

    A source is told of its own commands alone, and of the invoices that these brought.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_named_by("commandId"), _named_by("orderNo"), _named_by("invoiceNumber")],
            "anyOf": [
                {"properties": {name: {"enum": [None, ""]} for name in ("orderNo", _SELLER, SAME_AS[_SELLER])}},
                _named_by("orderNo", _SELLER),
                _named_by("orderNo", SAME_AS[_SELLER]),
            ],
        }
    )

    commandId: Text | None = Field(default=None, min_length=1, max_length=200)  # noqa: N815
    orderNo: Text | None = Field(default=None, min_length=1, max_length=200)  # noqa: N815
    sellerIndentification: TaxId | None = Field(  # noqa: N815
        default=None,
        min_length=1,
        validation_alias=AliasChoices(_SELLER, SAME_AS[_SELLER]),
        description="the seller of orderNo",
    )
    invoiceNumber: Text | None = Field(  # noqa: N815
        default=None, pattern=INVOICE_NUMBER, description="数电票号码: 20 digits; an older invoice's has 8"
    )
    offset: int = Field(default=0, ge=0, strict=True, description="invoices to pass over")
    limit: int = Field(default=100, ge=1, le=500, strict=True, description="invoices told at most")

    @model_validator(mode="after")
    def _one_way_to_name_it(self) -> "ReadStored":
        named = [name for name in ("commandId", "orderNo", "invoiceNumber") if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError("exactly one of commandId, orderNo and invoiceNumber must be given")
        if (self.orderNo is None) != (self.sellerIndentification is None):
            raise ValueError("orderNo and sellerIndentification must be given together")
        return self
