# ruff: noqa: N815 (member names are the vendor's)
"""The vendor's frames on ``/invoice``, in the vendor's words and spelling.

Guaranteed: what is built from the outbound models serialises to exactly the manual's members, in the
manual's order; money and quantities are decimals from end to end, never binary floats.

Not known here: how replies deviate in practice (the codec's knowledge), which values the tax bureau accepts
(admission's knowledge), and the frames of ``/web/invoice``: only their type words and their path are named.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

INVOICE_PATH: Final = "/invoice"
QUERY_PATH: Final = "/web/invoice"

LOGIN: Final = "login"
INVOICE_INFO: Final = "invoice_info"
INVOICE_QRCODE: Final = "invoice_qrcode"
INVOICE_PDF: Final = "invoice_pdf"
QUERY_INVOICE: Final = "query_invoice"
QUERY_INVOICE_DOWNLOAD_ZIP: Final = "query_invoice_download_zip"

FAILED: Final = "0"
"""What ``data`` says when a login, a face scan or an invoice failed."""
SUCCEEDED: Final = "1"
"""What ``data`` says when a login succeeded."""


class _Sent(BaseModel):
    """A frame that we send: closed, immutable, members in the order of the manual."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Received(BaseModel):
    """A frame as the manual describes it. Extra members are kept: a vendor adds members without telling."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Login(_Sent):
    """Data of ``login`` (manual: 登录税务局). ``companyName`` belongs to queries; ``None`` omits it."""

    companyCode: str
    phone: str
    password: str = Field(repr=False)
    area: str
    role: str
    companyName: str | None = None


class LoginRequest(_Sent):
    """``{"type": "login", "data": …}``."""

    type: Literal["login"] = "login"
    data: Login


class InvoiceItem(_Sent):
    """One line of an invoice. ``unitPrice`` is in yuan; the manual does not say whether it includes tax."""

    name: str
    quantity: Decimal
    spec: str
    unit: str
    unitPrice: Decimal


class InvoiceInfo(_Sent):
    """Data of ``invoice_info`` (manual: 开票), with the vendor's ``Indentification``."""

    buyerAddress: str
    buyerBank: str
    buyerBankAccount: str
    buyerEmail: str
    buyerIndentification: str
    buyerName: str
    buyerPhone: str
    buyerInvoiceType: int
    buyerBankShow: int
    buyerType: int
    invoiceItems: tuple[InvoiceItem, ...] = Field(strict=False)
    remark: str
    sellerBank: str
    sellerBankAccount: str
    sellerIndentification: str
    sellerLoginAccount: str
    sellerLoginPassword: str = Field(repr=False)
    sellerName: str
    sellerBankShow: int


class InvoiceInfoRequest(_Sent):
    """``{"type": "invoice_info", "data": …}``: the frame that must leave at most once per command."""

    type: Literal["invoice_info"] = "invoice_info"
    data: InvoiceInfo


class Reply(_Received):
    """The envelope of every reply. ``data`` is text, an object or a list, as the type word decides."""

    type: str
    sendToId: str
    data: Any = None


class InvoicePdf(_Received):
    """Data of a successful ``invoice_pdf``: the manual's 24 members, each a string that may be missing.

    ``invoiceItems`` is JSON inside a string. There is no invoice number, date or amount in it.
    """

    buyerName: str | None = None
    buyerIndentification: str | None = None
    buyerAddress: str | None = None
    buyerPhone: str | None = None
    buyerInvoiceType: str | None = None
    buyerType: str | None = None
    buyerEmail: str | None = None
    buyerBank: str | None = None
    buyerBankAccount: str | None = None
    buyerBankShow: str | None = None
    sellerBankShow: str | None = None
    vipId: str | None = None
    isDrafts: str | None = None
    invoiceItems: str | None = None
    sellerName: str | None = None
    sellerIndentification: str | None = None
    sellerBank: str | None = None
    sellerBankAccount: str | None = None
    sellerLoginAccount: str | None = None
    sellerLoginPassword: str | None = Field(default=None, repr=False)
    invoiceUrl: str | None = None
    sellerAddress: str | None = None
    sellerPhone: str | None = None
    remark: str | None = None


def plain_number(value: Decimal) -> str:
    """Write a finite decimal exactly: no exponent, no zeros that carry nothing (``2.00`` becomes ``2``).

    Raises ``ValueError`` for NaN and infinities, which JSON does not have.
    """
    usual = str(value)
    if usual.isdigit():
        return usual
    if not value.is_finite():
        raise ValueError("JSON has no number for NaN or infinity")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""One encoder for all scalars: `json.dumps` would build one per value."""


def dumps(frame: BaseModel | Mapping[str, Any]) -> str:
    """Serialise a frame as compact JSON: decimals as exact plain numbers, non-ASCII text as it is.

    Only ``Login.companyName`` is ever omitted; every other ``None`` becomes ``null``.
    Raises ``TypeError`` for what JSON has no form for and for binary floats: money never passes through one.
    """
    return _written(frame)


def _members(model: BaseModel) -> dict[str, Any]:
    members = {name: getattr(model, name) for name in type(model).model_fields}
    members.update(model.model_extra or {})
    if isinstance(model, Login) and model.companyName is None:
        del members["companyName"]
    return members


def _written(value: Any) -> str:
    match value:
        case BaseModel():
            return _written(_members(value))
        case Decimal():
            return plain_number(value)
        case None | str() | bool() | int():
            return _encode(value)
        case Mapping():
            return "{" + ",".join(f"{_key(k)}:{_written(v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            raise TypeError(f"a frame cannot hold a {type(value).__name__}")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError("a JSON member needs a name that is text")
    return _encode(key)
