"""Files of invoices on their way into the vault, and in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.records.commands import Command
from worker.records.invoices import FoundRow


@dataclass(frozen=True, slots=True)
class DueFile:
    """A file to fetch now."""

    key: int
    number: str
    """The invoice's number."""
    type: str
    """`pdf`, `ofd`, `xml`, or what the gateway says."""
    url: str
    invoice_id: str
    """The gateway's id, by which a new address may be asked for."""
    seller_id: str
    invoice_date: datetime
    attempts: int
    """How often it was begun, this time included."""
    invoice: FoundRow | None
    """What the journal holds of the invoice, to hold the file against; None where that was forgotten meanwhile."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file in the vault. Never changed once it is there."""

    key: int
    number: str
    type: str
    url: str
    """Where it was fetched from; that address may have expired long since."""
    vault_key: str
    sha256: str
    """In hex, of the file's bytes."""
    size: int
    """Bytes."""
    stored_at: datetime
    differs: bytes
    """JSON list of the members in which the file says another thing than the invoice that was listed."""


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that could not be had."""

    key: int
    number: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Untold:
    """Files that a command brought and has not been told of."""

    command: Command
    kept: Sequence[KeptFile]
    missing: Sequence[MissingFile]

    @property
    def file_keys(self) -> list[int]:
        """The keys of all these files."""
        return [*(file.key for file in self.kept), *(file.key for file in self.missing)]


@dataclass(frozen=True, slots=True)
class VaultYear:
    """How much of one year, type and state there is."""

    year: str
    """The year of the invoice's date, in Beijing."""
    type: str
    state: str
    files: int
    size: int
    """Bytes, all together."""
