"""Files for tests of the vault: due ones, and what the sandbox makes of an invoice."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.scenarios.messages import make_order
from worker.records import DueFile, FoundRow
from worker.sandbox.books.ledger import BookedInvoice, Ledger
from worker.sandbox.papers.ofd import ofd
from worker.sandbox.papers.pdf import pdf
from worker.sandbox.papers.xml import xml

NOW = datetime(2026, 11, 30, 17, 30, tzinfo=UTC)
"""In Beijing it is December already."""
NUMBER = "26332000000000000042"
SELLER = "91330701MA2M37T86L"


def listed(**changes: Any) -> FoundRow:
    """The invoice as a look-up brought it."""
    row = FoundRow(
        identity=NUMBER,
        invoice_id="7",
        number=NUMBER,
        query_type=0,
        invoice_date=NOW,
        seller_id=SELLER,
        seller_name="XYZ科技有限公司",
        buyer_id="91330701MA2DFB848M",
        buyer_name="ABC公司",
        total="200",
        data=b"{}",
    )
    return replace(row, **changes)


def due(kind: str = "xml", url: str = "http://127.0.0.1:9/f", **changes: Any) -> DueFile:
    """A file to fetch."""
    file = DueFile(1, NUMBER, kind, url, "7", SELLER, NOW, 1, listed())
    return replace(file, **changes)


def issued(**invoice: Any) -> BookedInvoice:
    """An invoice of the sandbox."""
    order = make_order("order", invoice=invoice)["invoice"] | {"buyerBankShow": 0, "sellerBankShow": 0}
    defaults = {f"{side}{name}": "" for side in ("buyer", "seller") for name in ("Bank", "BankAccount", "Address")}
    return Ledger().issue("1", defaults | order)


def papers(invoice: BookedInvoice) -> dict[str, bytes]:
    """Its three files."""
    return {"pdf": pdf(invoice), "ofd": ofd(invoice), "xml": xml(invoice)}
