"""How long verdicts take, and for how long the loop is held in one piece: `python -m tests.benchmarks.verdicts`.

A retail seller: the buyer is always 个人. The longest piece is what every other lane, lease and heartbeat waits for.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from contracts.envelope import dumps
from tests.builders import MOMENT, exactly, make_command, make_invoice, make_item
from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.evidence.verdicts import Verdicts, judge
from worker.records import CommandState, ListedInvoice

SKEW = timedelta(minutes=5)
SIZES = ((500, 5_000), (2_000, 20_000))
EVERY = timedelta(seconds=20)


def sent(key: int, state: CommandState, price: int, remark: str) -> Subject:
    """One submission."""
    invoice = make_invoice(
        buyerName="个人",
        buyerIndentification="",
        buyerType=1,
        remark=remark,
        invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal(price))],
    )
    at = MOMENT + key * EVERY
    ended = at + timedelta(seconds=10) if state is CommandState.COMPLETED else None
    data = dumps({"userId": "1", "invoice": invoice})
    return Subject.read(make_command(key=key, state=state, data=data, submitted_at=at, settled_at=ended))


def listed(number: int, price: int, note: str | None) -> Listed:
    """One invoice of the list."""
    return Listed.of(
        ListedInvoice(
            gateway_id=f"{number}",
            number=f"2633{number:016d}",
            seller_id="91330701MA2M37T86L",
            seller_name="XYZ科技有限公司",
            buyer_name="个人",
            note=note,
            dated=exactly(MOMENT + number * EVERY + timedelta(seconds=5)),
            total=Decimal(price) * Decimal("1.13"),
            total_without_tax=Decimal(price),
            is_positive=True,
        )
    )


ISSUED, DOUBT = CommandState.COMPLETED, CommandState.IN_DOUBT
CASES: dict[str, tuple[CommandState, Callable[[int], int], Callable[[int], str], Callable[[int], str | None]]] = {
    "totals differ": (ISSUED, lambda n: 100 + n, lambda _: "", lambda _: None),
    "one total, no remark": (ISSUED, lambda _: 100, lambda _: "", lambda _: None),
    "one total, no remark, all in doubt": (DOUBT, lambda _: 100, lambda _: "", lambda _: None),
    "one total, remarks differ": (DOUBT, lambda _: 100, lambda n: f"SO-{n}", lambda n: f"SO-{n}"),
    "one total, strangers' remarks": (DOUBT, lambda _: 100, lambda n: f"SO-{n}", lambda n: f"QQ-{n}"),
}
"""What is sought, the price, the remark that is sent and the note that is listed."""


def measured(subjects: Sequence[Subject], invoices: Sequence[Listed]) -> tuple[float, float, Verdicts]:
    """Seconds in all, the longest piece, and what came of it. In the thread's own time: others share the machine. The
    collector rests, as it does where the look-up's run works them out."""
    gc.disable()
    try:
        return _measured(subjects, invoices)
    finally:
        gc.enable()


def _measured(subjects: Sequence[Subject], invoices: Sequence[Listed]) -> tuple[float, float, Verdicts]:
    longest, began = 0.0, time.thread_time()
    steps = judge(subjects, invoices, (), SKEW)
    while True:
        piece = time.thread_time()
        try:
            next(steps)
        except StopIteration as end:
            longest = max(longest, time.thread_time() - piece)
            told: Verdicts = end.value
            return time.thread_time() - began, longest, told
        longest = max(longest, time.thread_time() - piece)


def main() -> None:
    """Print a line for each case and size."""
    for name, (state, price, remark, note) in CASES.items():
        for count, rows in SIZES:
            subjects = [sent(key, state, price(key), remark(key)) for key in range(1, count + 1)]
            invoices = [listed(number, price(number), note(number)) for number in range(1, rows + 1)]
            gc.collect()
            seconds, longest, told = measured(subjects, invoices)
            kinds: dict[str, Any] = Counter(type(each).__name__ for each in told.values())
            print(f"{name}: {count} x {rows}: {seconds:.2f} s, longest piece {longest * 1000:.0f} ms, {dict(kinds)}")


if __name__ == "__main__":
    main()
