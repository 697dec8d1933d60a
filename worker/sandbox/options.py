"""How the stand-in behaves when no fault has a say. The command line has one option for each field."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

_FIRST_DAY: Final = date(2024, 1, 1)
_LAST_DAY: Final = date(2024, 12, 31)


def _words(meaning: str, metavar: str | None = None, least: float | None = None) -> dict[str, Any]:
    words = {"help": meaning, "metavar": metavar, "least": least}
    return {name: word for name, word in words.items() if word is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves; each field says what it means. `None` for a path is memory."""

    host: str = field(default="127.0.0.1", metadata=_words("Where to listen; 0.0.0.0 lets phones reach it."))
    port: int = field(default=0, metadata=_words("0 takes a free one.", least=0))
    public_url: str | None = field(
        default=None, metadata=_words("How phones reach it, for QRs and file addresses.", "URL")
    )
    qr: Literal["auto", "always", "never"] = field(
        default="always", metadata=_words("Ask for a scan always, for the first invoice of each account, or never.")
    )
    auto_scan_seconds: float | None = field(
        default=None, metadata=_words("Scans confirm themselves after so long.", "SECONDS", least=0)
    )
    qr_valid_seconds: float = field(default=300.0, metadata=_words("A QR then expires.", "SECONDS", least=0))
    login_delay_seconds: float = field(default=0.0, metadata=_words("How slow logins are.", "SECONDS", least=0))
    issue_delay_seconds: float = field(default=0.0, metadata=_words("How slow issuing is.", "SECONDS", least=0))
    query_delay_seconds: float = field(
        default=0.0, metadata=_words("How slow pages of a query are.", "SECONDS", least=0)
    )
    download_delay_seconds: float = field(
        default=0.0, metadata=_words("How slow the notices behind them are.", "SECONDS", least=0)
    )
    ledger_path: Path | None = field(default=None, metadata=_words("Keep the books in this file.", "PATH"))
    clock_path: Path | None = field(default=None, metadata=_words("Keep the clock's offset in this file.", "PATH"))
    archive_count: int = field(default=0, metadata=_words("Invoices of the past, of every company.", "N", least=0))
    archive_seed: int = field(default=1, metadata=_words("Another seed is another past.", "N"))
    archive_from: date = field(default=_FIRST_DAY, metadata=_words("The archive's first day.", "DAY"))
    archive_to: date = field(default=_LAST_DAY, metadata=_words("The archive's last day.", "DAY"))
    archive_company: str | None = field(default=None, metadata=_words("The only company that has an archive.", "CODE"))
    files_not_ready: int = field(
        default=0, metadata=_words("So many first look-ups of an invoice's files find none.", "N", least=0)
    )
    notice_per_page: bool = field(
        default=True, metadata=_words("A download notice behind every page, or the last alone.")
    )
    keep_alive_seconds: float = field(
        default=60.0,
        metadata=_words("An idle HTTP connection is closed after so long; 0: after each answer.", "SECONDS", least=0),
    )
    naive_unregister: bool = field(
        default=True,
        metadata=_words("A late close of an old socket removes the new one's route, as usual servers do, or not."),
    )
    max_message_bytes: int = field(
        default=1024 * 1024, metadata=_words("A longer frame closes the socket.", "BYTES", least=1)
    )
