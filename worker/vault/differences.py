"""Holds what a file says against the invoice that was listed. Pure.

A difference is told and counted, and the file is kept all the same: it is the record, whatever the list says.
"""

from decimal import Decimal
from typing import Any

from contracts.gateway import plain_number
from worker.records import DueFile
from worker.texts import folded
from worker.vault.contents import Told


def differences(file: DueFile, told: Told) -> list[dict[str, Any]]:
    """The members in which the file says another thing: `member`, what was `listed`, what the `file` says."""
    invoice = file.invoice
    pairs: list[tuple[str, str | None, str | None]] = [("invoiceNumber", file.number, told.number)]
    if invoice is not None:
        total = None if told.total is None else plain_number(told.total)
        listed = None if invoice.total is None else plain_number(Decimal(invoice.total))
        pairs += [
            ("totalPriceAndTax", listed, total),
            ("sellerIdentificationNumber", invoice.seller_id, told.seller_id),
            ("buyerIdentificationNumber", invoice.buyer_id, told.buyer_id),
            ("buyerName", invoice.buyer_name, told.buyer_name),
        ]
    return [
        {"member": member, "listed": listed, "file": said}
        for member, listed, said in pairs
        if listed and said and folded(listed) != folded(said)
    ]
