"""The event that tells of files in the vault. Pure."""

from typing import Any

from contracts.envelope import loads, timestamp
from contracts.events import Outcome
from contracts.told import ArchivedData
from worker.flows.announce import Announcement, announced
from worker.records import KeptFile, Untold


def archived(untold: Untold) -> Announcement:
    """What became of these files, as `contracts.events.Archived` has it."""
    data: ArchivedData = {
        "files": [_told(file) for file in untold.kept],
        "missing": [
            {"invoiceNumber": file.number, "type": file.type, "reason": file.reason} for file in untold.missing
        ],
    }
    return announced(Outcome.ARCHIVED, data)


def _told(file: KeptFile) -> dict[str, Any]:
    return {
        "invoiceNumber": file.number,
        "type": file.type,
        "url": file.url,
        "sha256": file.sha256,
        "size": file.size,
        "vaultKey": file.vault_key,
        "storedAt": timestamp(file.stored_at),
        "differs": loads(file.differs),
    }
