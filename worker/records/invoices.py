"""Invoices that look-ups bring, with their items and where their files are, as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.records.states import CommandState


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
