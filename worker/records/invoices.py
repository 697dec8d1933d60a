"""Invoices: as they were submitted, as the gateway's result echoes them, as its list shows them, as they are stored,
and as an audit keeps them while it reads a period's list.

In the three that are compared (`SubmittedInvoice`, `IssuedReply`, `ListedInvoice`) None means "not told": the other
side said nothing, which neither confirms nor contradicts. Nobody else reads an invoice by the vendor's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from worker.making import made_often
from worker.records.states import CommandState

BEIJING: Final = timezone(timedelta(hours=8))
"""Where invoices are dated, and days counted."""


@made_often
@dataclass(frozen=True, slots=True)
class Dated:
    """A date as it may be read: without an offset in Beijing's time or UTC, without a time of day the whole day."""

    shown: datetime
    """As events tell it, and by which invoices are put in order: Beijing's reading."""
    earliest: datetime
    """The first moment that it can mean, under any reading."""
    latest: datetime
    """The last one."""


@made_often
@dataclass(frozen=True, slots=True)
class Line:
    """One line of goods, as it was sent or as it is echoed. None: not told."""

    name: str | None = None
    quantity: Decimal | None = None
    spec: str | None = None
    unit: str | None = None
    price: Decimal | None = None


@made_often
@dataclass(frozen=True, slots=True)
class SubmittedInvoice:
    """What `invoice_info` carried, from the journaled command. Nothing is "not told": what was left out was sent as
    ""."""

    seller_id: str
    seller_name: str
    buyer_id: str
    """"" where the buyer has none: then the name is what identifies it."""
    buyer_name: str
    buyer_type: int
    """0 a company, 1 a person."""
    buyer_invoice_type: int
    """0 普票, 1 专票."""
    remark: str
    prints_bank: bool
    """The gateway was asked to show bank data, which it may print into the remark."""
    lines: tuple[Line, ...]
    expected_total: Decimal | None = None
    """价税合计 as the caller expects it; None where it named none."""

    @property
    def total(self) -> Decimal:
        """Sum of quantity times price; whether tax is in it, nobody says (trap 28)."""
        return sum((line.quantity * line.price for line in self.lines if line.quantity and line.price), Decimal(0))

    @property
    def is_person(self) -> bool:
        """Whether the buyer is a natural person."""
        return self.buyer_type == 1

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "SubmittedInvoice":
        """From the data of a journaled `invoice.issue`. Raises `KeyError` where it is none: data that were forgotten
        could otherwise claim anything."""
        sent = data["invoice"]
        expected = data.get("expectedTotal")
        return cls(
            seller_id=sent["sellerIndentification"],
            seller_name=sent["sellerName"],
            buyer_id=sent.get("buyerIndentification") or "",
            buyer_name=sent["buyerName"],
            buyer_type=int(sent["buyerType"]),
            buyer_invoice_type=int(sent["buyerInvoiceType"]),
            remark=sent.get("remark") or "",
            prints_bank=bool(sent.get("buyerBankShow") or sent.get("sellerBankShow")),
            lines=tuple(map(_sent_line, sent["invoiceItems"])),
            expected_total=None if expected is None else Decimal(str(expected)),
        )


def _sent_line(line: Mapping[str, Any]) -> Line:
    return Line(
        name=line["name"],
        quantity=Decimal(str(line["quantity"])),
        spec=line.get("spec") or "",
        unit=line.get("unit") or "",
        price=Decimal(str(line["unitPrice"])),
    )


@made_often
@dataclass(frozen=True, slots=True)
class IssuedReply:
    """What the gateway's result (`invoice_pdf`) echoes of an invoice. None: not told, nor is an empty text, but for the
    remark, where "" says that there is none."""

    told: Mapping[str, Any] = field(default_factory=dict)
    """As `completed` shows it (`contracts.events.IssuedInvoice`): typed, without the seller's account and password."""
    seller_id: str | None = None
    seller_name: str | None = None
    buyer_id: str | None = None
    buyer_name: str | None = None
    buyer_type: int | None = None
    """0 a company, 1 a person."""
    buyer_invoice_type: int | None = None
    """0 普票, 1 专票."""
    remark: str | None = None
    lines: tuple[Line, ...] | None = None
    """None where no lines are told."""
    number: str | None = None
    """The invoice's number, where a gateway tells it; the manual's result does not."""
    is_draft: bool = False
    """A draft is no invoice."""
    invoice_url: str | None = None
    """Where the PDF is, fit to be opened; None where none is told or it cannot be."""


@made_often
@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """One invoice of the gateway's list (`query_invoice`). None: not told, as is an empty text."""

    gateway_id: str
    """The gateway's id of the row: its items and files hang on it. It may change at every query (trap 63)."""
    number: str | None = None
    """The invoice's number; None where none is told, or what is told names none."""
    seller_id: str | None = None
    seller_name: str | None = None
    buyer_id: str | None = None
    buyer_name: str | None = None
    note: str | None = None
    dated: Dated | None = None
    total: Decimal | None = None
    """With tax (价税合计), as told; see `with_tax`."""
    total_without_tax: Decimal | None = None
    total_tax: Decimal | None = None
    is_positive: bool | None = None
    """False for a red one; by its sign where the list does not say (trap 68)."""
    may_be_red: bool = False
    """Its type, or a member that the manual does not know, says so; or its sign cannot be read."""
    status: str | None = None
    """正常, 已红冲-全额, 已作废, …: as it came, with what other members say of it."""
    invoice_type: str | None = None
    """数电票（普通发票）, …: as it came."""
    source: str | None = None
    """电子发票服务平台, …: as it came."""
    query_type: int | None = None
    """0 issued, 1 received, as the row says (trap 66: it need not be right)."""
    drawer: str | None = None
    """Whoever issued it for the seller."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """As events show it: `contracts.invoices.FoundInvoice` without items and files."""

    @property
    def identity(self) -> str:
        """What names the invoice: its number; without one `id:` and the gateway's id."""
        return self.number or f"id:{self.gateway_id}"

    @property
    def with_tax(self) -> Decimal | None:
        """The total with tax; where it is left out, amount and tax make it."""
        if self.total is not None:
            return self.total
        if self.total_without_tax is None or self.total_tax is None:
            return None
        return self.total_without_tax + self.total_tax

    @property
    def is_special(self) -> bool | None:
        """Whether it is a 专票; None where its type does not say."""
        kind = self.invoice_type or ""
        return None if ("专用" in kind or "专票" in kind) is ("普通" in kind or "普票" in kind) else "专" in kind


@dataclass(frozen=True, slots=True)
class Stray:
    """A result that settled nothing and may be of a submission: while there is one, absence proves nothing."""

    command_key: int
    """Whose it may be."""
    reason: str
    body: bytes
    """JSON: as it was kept for a person."""


@dataclass(frozen=True, slots=True)
class KeptResult:
    """By what an order of a lane was completed: the gateway's result, or what a look-up found, or a person."""

    command_key: int
    fingerprint: str
    address: str | None
    """Of the PDF, where one was told."""
    told: Any
    """The invoice, as the event has it."""
    awaited_since: datetime | None = None
    """When it was submitted, where its own result has not come: a look-up or a person settled it."""


@dataclass(frozen=True, slots=True)
class FoundRow:
    """An invoice that a look-up brought, as it is stored: once per user and identity."""

    identity: str
    """The invoice's number; without one, `id:` and the gateway's id, which may change."""
    invoice_id: str
    number: str | None
    query_type: int
    """0 issued, 1 received."""
    invoice_date: datetime | None
    seller_id: str
    seller_name: str
    buyer_id: str
    buyer_name: str
    total: str | None
    """Price and tax, an exact decimal as text."""
    data: bytes
    """`contracts.invoices.FoundInvoice` without items and files."""
    lacks_files: bool = False
    """A wanted file was not there yet."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """Where one file of an invoice is: once per invoice and type, the newest address counts."""

    invoice_id: str
    type: str
    url: str
    number: str | None
    kept: "KeptCopy | None" = None
    """The copy in the vault, where there is one."""


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """A file's copy in the vault, as far as whoever asks for the file is concerned."""

    vault_key: str
    sha256: str
    size: int
    """Bytes."""
    stored_at: datetime
    differs: bytes
    """JSON list of the members in which the file says another thing than the invoice that was listed."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What look-ups brought, stored in the transaction of the step that tells of it."""

    user_id: str | None = None
    """Through whose look-up; None where only ids were asked for."""
    invoices: tuple[FoundRow, ...] = ()
    items: Mapping[str, bytes] = field(default_factory=dict)
    """Invoice id to the JSON list of its items; replaces what was there."""
    files: tuple[FileRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What the journal holds of one invoice."""

    invoice: FoundRow
    user_id: str
    items: bytes | None
    """The JSON list; None where no items were fetched."""
    files: tuple[FileRow, ...]
    seen_at: datetime
    command_id: str | None
    """The command that issued it, where one did and its number is known."""
    command_state: CommandState | None


@dataclass(frozen=True, slots=True)
class StoredFilter:
    """Which stored invoices. All that are given must fit; `limit` and `offset` cut the list, newest invoice first."""

    user_id: str | None = None
    source: str | None = None
    """Only invoices that commands of this tenant issued or brought."""
    command_key: int | None = None
    """Only invoices that this command issued or brought."""
    number: str | None = None
    invoice_ids: tuple[str, ...] = ()
    buyer: str | None = None
    """Part of the buyer's name, or the buyer's tax id."""
    since: datetime | None = None
    until: datetime | None = None
    """By invoice date; the end is not included."""
    limit: int = 100
    offset: int = 0


UNDECIDED = 0
"""In place of a command's key: a command without a number may have this invoice, and it cannot be told which. No
command has this key."""


@dataclass(frozen=True, slots=True)
class AuditedRow:
    """A listed invoice as an audit keeps it: once per audit and identity."""

    identity: str
    number: str | None
    data: bytes
    """The invoice, as `worker.flows.audit_rows` writes and reads it."""
    is_in_period: bool = True
    """False for the days around it, which are read as evidence alone."""
    alike: str | None = None
    """Equal for invoices that could be of one order. None where the invoice can be of no order, or tells too little."""


@dataclass(frozen=True, slots=True)
class AuditOwner:
    """The command that has a listed invoice's number."""

    key: int
    is_own: bool
    """Whether it is of the audit's own source; of another's nothing else is known here."""
    command_id: str | None = None
    order_no: str | None = None
    sent: bytes | None = None
    """Its data; None or `{}` where they were forgotten with its age."""
    confirmed: bytes | None = None
    """The event that confirmed it, while that is kept."""
    warnings: bytes = b"[]"


@dataclass(frozen=True, slots=True)
class AuditTwin:
    """The first other invoice of the same audit that is alike."""

    identity: str
    number: str | None
    is_owned: bool
    """Whether any command has its number."""
    command_id: str | None = None
    """That command, where it is of the audit's own source."""


@dataclass(frozen=True, slots=True)
class AuditedInvoice:
    """A kept row, beside what the journal knows of it."""

    row: AuditedRow
    claim: int | None = None
    """The key of the command for which this audit found it, or `UNDECIDED`."""
    owner: AuditOwner | None = None
    twin: AuditTwin | None = None


@dataclass(frozen=True, slots=True)
class NumberedCommand:
    """A command that has an invoice's number."""

    key: int
    submitted_at: datetime
    is_own: bool
    number: str
    is_listed: bool
    """Whether the audit's list has that number."""
    command_id: str | None = None
    order_no: str | None = None
    confirmed: bytes | None = None
    dated: datetime | None = None
    """The invoice's date, as a look-up stored it last."""
