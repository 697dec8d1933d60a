"""How the stand-in behaves when no fault has a say."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves. Port 0 takes a free one.

    ``qr``: a scan for every invoice (``always``), for the first of each login account (``auto``), or none.
    ``auto_scan_seconds``: scans confirm themselves after so long; ``None`` waits for a person.
    ``ledger_path``: where the books are kept; ``None`` is memory. ``public_url``: what phones can reach.
    ``archive_count``: how many invoices of the past every company has issued, and received, from ``archive_from`` to
    ``archive_to``; ``archive_company``: the only company that has any.
    ``files_not_ready``: so many first look-ups of an invoice's files find none.
    ``keep_alive_seconds``: an HTTP connection that is idle for so long is closed; 0 closes it after each answer.
    ``notice_per_page``: a download notice behind every page, not behind the last alone.
    """

    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    qr: Literal["auto", "always", "never"] = "always"
    auto_scan_seconds: float | None = None
    qr_valid_seconds: float = 300.0
    login_delay_seconds: float = 0.0
    issue_delay_seconds: float = 0.0
    query_delay_seconds: float = 0.0
    download_delay_seconds: float = 0.0
    ledger_path: Path | None = None
    archive_count: int = 0
    archive_seed: int = 1
    archive_from: date = date(2024, 1, 1)
    archive_to: date = date(2024, 12, 31)
    archive_company: str | None = None
    files_not_ready: int = 0
    notice_per_page: bool = True
    keep_alive_seconds: float = 60.0
    naive_unregister: bool = True
    max_message_bytes: int = 1024 * 1024
