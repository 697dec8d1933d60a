"""`invoice.check` for the examples: the order of the other examples with a discount, and what would become of it.

Knows nothing of envelopes and files.
"""

from typing import Any, Final

from contracts.checking import invoice_to_send, lines_total, totals
from contracts.commands import CheckInvoice
from contracts.discounts import fold
from contracts.events import Outcome
from contracts.example_issues import ORDER, USER_ID, Sample
from contracts.failures import RETRYABLE, FailureCode, RejectionCode, Stage
from contracts.limits import InvoiceLimits

_ORDER: Final[dict[str, Any]] = {**ORDER, "discounts": [{"line": 2, "amount": "8.00"}], "expectedTotal": "390.00"}


def _completed() -> dict[str, Any]:
    command, folded, _ = fold(CheckInvoice.model_validate(_ORDER), InvoiceLimits())
    return {
        "discountsFolded": folded,
        "accepted": True,
        "errors": [],
        "invoice": invoice_to_send(command),
        "linesTotal": lines_total(command),
        "totals": totals(command),
    }


SAMPLE: Final = Sample(
    "CHECK-20260301-0001",
    _ORDER,
    {
        Outcome.REJECTED: (
            1,
            {
                "code": RejectionCode.REPLY_TO_REFUSED,
                "errors": [
                    {"path": "", "message": "the property reply_to must not name a queue of the worker's own"},
                ],
            },
        ),
        Outcome.COMPLETED: (1, _completed()),
        Outcome.FAILED: (
            1,
            {
                "code": FailureCode.DEADLINE_EXCEEDED,
                "stage": Stage.QUEUED,
                "message": "the deadline passed before it was begun",
                "retryable": FailureCode.DEADLINE_EXCEEDED in RETRYABLE,
                "attempts": 1,
            },
        ),
    },
    named={"userId": USER_ID},
)
