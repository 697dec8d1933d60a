"""What an audit tells: parts of the events of `invoice.audit`.

A finding is about one invoice, or about one command whose invoice is not listed. What cannot be told is counted apart
and called undecided: an audit never guesses.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from contracts.invoices import FoundInvoice, Open

MOST_FINDINGS: Final = 100
"""Of one event."""


class FindingKind(StrEnum):
    """Where list and journal do not agree. An invoice has one kind at most: of several that fit, the first of
    `unnumbered`, `changed`, `differs`, `double`, `unknown`."""

    MISSING = "missing"
    """The journal says issued, the list does not have it. Told only where the list was whole."""
    UNKNOWN = "unknown"
    """Listed, and no command of any source issued it: by hand, by another program, or a red letter."""
    CHANGED = "changed"
    """Red-lettered or voided since it was confirmed."""
    DIFFERS = "differs"
    """Total, buyer or date is another than was confirmed."""
    DOUBLE = "double"
    """It could be the same order as another listed invoice."""
    UNNUMBERED = "unnumbered"
    """Its command had no number, or was in doubt: this audit found it, and `confirmed` was told."""


class AuditDifference(Open):
    """A member in which the list says another thing than was confirmed."""

    member: str = Field(description="buyerName, buyerIndentification, invoiceDate or totalPriceAndTax")
    confirmed: Any = Field(description="as it was confirmed, or sent where nothing else was confirmed")
    listed: Any = Field(description="as the list has it now")


class DoubleOf(Open):
    """The other invoice of a `double`."""

    invoiceNumber: str | None = None  # noqa: N815
    commandId: str | None = Field(  # noqa: N815
        default=None, description="the command that issued it, where it is of the same source"
    )


class Finding(Open):
    """One thing that does not add up, or that was put right."""

    kind: FindingKind
    commandId: str | None = Field(  # noqa: N815
        default=None, description="the command of the same source, where there is one"
    )
    orderNo: str | None = None  # noqa: N815
    invoiceNumber: str | None = None  # noqa: N815
    invoice: FoundInvoice | None = Field(default=None, description="as it is listed; absent where it is missing")
    differs: list[AuditDifference] | None = Field(default=None, description="what is another than was confirmed")
    double: DoubleOf | None = Field(default=None, description="for kind double: which other invoice")


class FindingCounts(Open):
    """How many findings of each kind were told."""

    missing: int | None = Field(description="null where the list was not whole: then nothing is called missing")
    unknown: int
    changed: int
    differs: int
    double: int
    unnumbered: int


class MonthlySum(Open):
    """What is listed of one month in one status, red letters with their sign."""

    month: str | None = Field(description="of Beijing, such as 2026-03; null for invoices that tell no date")
    status: str | None = Field(description="发票状态 as the list shows it; null where it shows none")
    count: int
    totalPriceAndTax: Decimal = Field(description="exact, as text")  # noqa: N815
