"""How the stand-in behaves when no fault has a say. The command line has one option for each field."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

_FIRST_DAY: Final = date(2024, 1, 1)
_LAST_DAY: Final = date(2024, 12, 31)


def _option(default: Any, meaning: str, metavar: str | None = None, least: float | None = None) -> Any:
    words = {"help": meaning, "metavar": metavar, "least": least}
    return field(default=default, metadata={name: word for name, word in words.items() if word is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves; each field says what it means. `None` for a path is memory."""

    host: str = _option("127.0.0.1", "Where to listen; 0.0.0.0 lets phones reach it.")
    port: int = _option(0, "0 takes a free one.", least=0)
    public_url: str | None = _option(None, "How phones reach it, for QRs and file addresses.", "URL")
    qr: Literal["auto", "always", "never"] = _option(
        "always", "Ask for a scan always, for the first invoice of each account, or never."
    )
    auto_scan_seconds: float | None = _option(None, "Scans confirm themselves after so long.", "SECONDS", least=0)
    qr_valid_seconds: float = _option(300.0, "A QR then expires.", "SECONDS", least=0)
    login_delay_seconds: float = _option(0.0, "How slow logins are.", "SECONDS", least=0)
    issue_delay_seconds: float = _option(0.0, "How slow issuing is.", "SECONDS", least=0)
    query_delay_seconds: float = _option(0.0, "How slow pages of a query are.", "SECONDS", least=0)
    download_delay_seconds: float = _option(0.0, "How slow the notices behind them are.", "SECONDS", least=0)
    ledger_path: Path | None = _option(None, "Keep the books in this file.", "PATH")
    clock_path: Path | None = _option(None, "Keep the clock's offset in this file.", "PATH")
    archive_count: int = _option(0, "Invoices of the past, of every company.", "N", least=0)
    archive_seed: int = _option(1, "Another seed is another past.", "N")
    archive_from: date = _option(_FIRST_DAY, "The archive's first day.", "DAY")
    archive_to: date = _option(_LAST_DAY, "The archive's last day.", "DAY")
    archive_company: str | None = _option(None, "The only company that has an archive.", "CODE")
    files_not_ready: int = _option(0, "So many first look-ups of an invoice's files find none.", "N", least=0)
    notice_per_page: bool = _option(default=True, meaning="A download notice behind every page, or the last alone.")
    keep_alive_seconds: float = _option(
        60.0, "An idle HTTP connection is closed after so long; 0: after each answer.", "SECONDS", least=0
    )
    naive_unregister: bool = _option(
        default=True, meaning="A late close of an old socket removes the new one's route, as usual servers do, or not."
    )
    max_message_bytes: int = _option(1024 * 1024, "A longer frame closes the socket.", "BYTES", least=1)
