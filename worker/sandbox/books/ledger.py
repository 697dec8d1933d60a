"""What the vendor has in its books: every submission it received and every invoice it issued.

Guaranteed with a path: an entry is in the file before the call returns, so it survives a SIGKILL of the sandbox;
a half-written last line is cut off on reopening. Not guaranteed: survival of a power cut (there is no fsync, to
keep benchmarks honest about the worker and not about this file). Without a path everything is in memory.

A password is never written. What a submission was for is read from its ``remark``.
"""

import json
import os
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from contracts.gateway import dumps
from worker.clock import Clock, SystemClock
from worker.sandbox.books.amounts import IssuedLine, priced
from worker.sandbox.books.identities import ledger_number, row_id

CHINA: Final = timezone(timedelta(hours=8))
NEVER: Final = "9999-12-31T00:00:00+08:00"
STANDING: Final = "正常"
RED_LETTERED: Final = "已红冲-全额"
VOIDED: Final = "已作废"
_SECRETS: Final = frozenset({"sellerLoginPassword"})


@dataclass(frozen=True, slots=True)
class ReceivedOrder:
    """An ``invoice_info`` that arrived, whatever became of it."""

    sequence: int
    received_at: str
    user_id: str
    remark: str
    buyer_name: str
    seller_id: str
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BookedInvoice:
    """An issued invoice, or a draft. ``number`` has 20 digits; times are Beijing's, ISO with offset.

    ``listed_at`` is when queries begin to tell of it, where that is later than ``issued_at``: the bureau's lists lag.
    """

    number: str
    issued_at: str
    user_id: str
    is_draft: bool
    order: Mapping[str, Any]
    listed_at: str = ""
    status: str = STANDING

    @property
    def row_id(self) -> int:
        """The id under which queries, items and files know it: 19 digits."""
        return row_id(self.number)

    def is_listed(self, now: datetime) -> bool:
        """Whether queries tell of it by now."""
        return not self.is_draft and (not self.listed_at or datetime.fromisoformat(self.listed_at) <= now)

    @property
    def lines(self) -> tuple[IssuedLine, ...]:
        return priced(self.order["invoiceItems"])

    @property
    def total(self) -> Decimal:
        """Tax-inclusive, in yuan."""
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), Decimal(0))


class Ledger:
    """The books. One process writes a file at a time; calls are synchronous and short."""

    def __init__(self, path: Path | None = None, clock: Clock | None = None) -> None:
        """Open or create the file at ``path``. Raises ``OSError`` if that cannot be done."""
        self._clock = clock or SystemClock()
        self._path = path
        self._file: int | None = None
        self._last = 0
        self._start_empty()
        if path is not None:
            self._reopen(path)

    def submit(self, user_id: str, order: Any, violations: tuple[str, ...] = ()) -> ReceivedOrder:
        """Enter a submission. In the file on return. ``order`` may be anything a client sends."""
        given = order if isinstance(order, dict) else {}
        entry = ReceivedOrder(
            sequence=len(self.submissions) + 1,
            received_at=self.now().isoformat(),
            user_id=user_id,
            remark=str(given.get("remark", "")),
            buyer_name=str(given.get("buyerName", "")),
            seller_id=str(given.get("sellerIndentification", "")),
            violations=violations,
        )
        self._append({"submission": {name: getattr(entry, name) for name in ReceivedOrder.__slots__}})
        self._enter_submission(entry)
        return entry

    def issue(
        self,
        user_id: str,
        order: Mapping[str, Any],
        *,
        as_draft: bool = False,
        listed_after_seconds: float | None = 0.0,
    ) -> BookedInvoice:
        """Issue an invoice (or save a draft) under a new number. In the file on return.

        Queries tell of it after so many seconds, or never (``None``).
        """
        now = self.now()
        self._last = max(self._last + 1, int(now.timestamp() * 1000) * 100 % 10**15)
        entry = BookedInvoice(
            number=ledger_number(f"{now:%y}", self._last),
            issued_at=now.isoformat(),
            user_id=user_id,
            is_draft=as_draft,
            order={name: value for name, value in order.items() if name not in _SECRETS},
            listed_at=_listed_at(now, listed_after_seconds),
        )
        self._append({"invoice": {name: getattr(entry, name) for name in BookedInvoice.__slots__}})
        self._enter_invoice(entry)
        return entry

    def change(self, number: str, **changes: Any) -> BookedInvoice:
        """Another status, another order, another time of listing: what the bureau does to an invoice afterwards. In the
        file on return. Raises `KeyError` for a number that was never given."""
        entry = replace(self.invoices[number], **changes)
        self._append({"invoice": {name: getattr(entry, name) for name in BookedInvoice.__slots__}})
        self._enter_invoice(entry)
        return entry

    def red_letter(self, number: str) -> BookedInvoice:
        """Take an invoice back by a red one, which is returned. Raises as `change`."""
        was = self.change(number, status=RED_LETTERED)
        items = [{**each, "quantity": -Decimal(str(each["quantity"]))} for each in was.order["invoiceItems"]]
        return self.issue(was.user_id, {**was.order, "invoiceItems": items, "remark": f"红冲 {number}"})

    def void(self, number: str) -> BookedInvoice:
        """Void an invoice. Raises as `change`."""
        return self.change(number, status=VOIDED)

    def submissions_of(self, remark: str) -> int:
        """How often an order with this remark was submitted: more than once means twice."""
        return self._by_remark[remark]

    @property
    def submissions_by_remark(self) -> Mapping[str, int]:
        return self._by_remark

    def issued_for(self, remark: str) -> list[BookedInvoice]:
        """The invoices (no drafts) whose order had this remark."""
        return [i for i in self.invoices.values() if i.order.get("remark") == remark and not i.is_draft]

    def by_id(self, identity: int) -> BookedInvoice | None:
        """The invoice (no draft) of this row."""
        return self._by_id.get(identity)

    def listed(self, company: str, query_type: int) -> Sequence[BookedInvoice]:
        """What a company issued (0) or received (1) as queries tell it by now, newest first; from any ``userId``."""
        now = self.now()
        parties = self._by_buyer if query_type else self._by_seller
        return [invoice for invoice in reversed(parties.get(company, ())) if invoice.is_listed(now)]

    def clear(self) -> None:
        """Forget everything, in the file too. Numbers go on: none is given twice."""
        self._start_empty()
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _start_empty(self) -> None:
        self.submissions: list[ReceivedOrder] = []
        self.invoices: dict[str, BookedInvoice] = {}
        self._by_remark: Counter[str] = Counter()
        self._by_id: dict[int, BookedInvoice] = {}
        self._by_seller: defaultdict[str, list[BookedInvoice]] = defaultdict(list)
        self._by_buyer: defaultdict[str, list[BookedInvoice]] = defaultdict(list)

    def now(self) -> datetime:
        """The clock's time, in Beijing's offset."""
        return self._clock.now().astimezone(CHINA)

    def _enter_submission(self, entry: ReceivedOrder) -> None:
        self.submissions.append(entry)
        self._by_remark[entry.remark] += 1

    def _enter_invoice(self, entry: BookedInvoice) -> None:
        known = self.invoices.get(entry.number)
        self.invoices[entry.number] = entry
        if entry.is_draft:
            return
        self._by_id[entry.row_id] = entry
        for shelf, party in ((self._by_seller, "sellerIndentification"), (self._by_buyer, "buyerIndentification")):
            if known is not None:
                shelf[str(known.order.get(party, ""))].remove(known)
            # Numbers rise, so this is the end, but for one that was changed.
            insort(shelf[str(entry.order.get(party, ""))], entry, key=lambda each: each.number)

    def _append(self, entry: Mapping[str, Any]) -> None:
        if self._file is not None:
            os.write(self._file, dumps(entry).encode("utf-8", "replace") + b"\n")

    def _reopen(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        written = path.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole != len(written):
            os.ftruncate(self._file, whole)
        for line in written[:whole].splitlines():
            self._replay(json.loads(line, parse_float=Decimal))

    def _replay(self, entry: dict[str, Any]) -> None:
        if "submission" in entry:
            told = entry["submission"]
            self._enter_submission(ReceivedOrder(**{**told, "violations": tuple(told["violations"])}))
        else:
            invoice = BookedInvoice(**entry["invoice"])
            self._enter_invoice(invoice)
            self._last = max(self._last, int(invoice.number[-15:]))


def _listed_at(now: datetime, after_seconds: float | None) -> str:
    if after_seconds is None:
        return NEVER
    return (now + timedelta(seconds=after_seconds)).isoformat() if after_seconds else ""
