"""Invoices that the journal holds, as the contract tells them. Pure, and without the contract's models: those take
longer to make than an operator's question to answer."""

from typing import Any

from contracts.envelope import loads
from worker.records import FileRow, Stored


def stored_invoice(stored: Stored) -> dict[str, Any]:
    """What the journal holds of an invoice, as `contracts.invoices.StoredInvoice` has it."""
    return {
        "invoice": loads(stored.invoice.data),
        "items": [] if stored.items is None else loads(stored.items),
        "files": [told_file(file) for file in stored.files],
        "commandId": stored.command_id,
        "commandState": stored.command_state,
        "seenAt": stored.seen_at,
    }


def told_file(file: FileRow) -> dict[str, Any]:
    """Where a file is, as `contracts.invoices.InvoiceFile` has it."""
    told: dict[str, Any] = {"invoiceBasicInfoId": file.invoice_id, "type": file.type, "url": file.url}
    told |= {"countETicketNumbers": file.number} if file.number else {}
    if (kept := file.kept) is not None:
        told |= {"sha256": kept.sha256, "size": kept.size, "vaultKey": kept.vault_key, "storedAt": kept.stored_at}
        told |= {"differs": loads(kept.differs)}
    return told
