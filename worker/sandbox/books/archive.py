"""Invoices of the past, made from a seed when somebody asks for them: until then a hundred thousand cost nothing.

Pure. Every company that asks finds ``count`` invoices that it issued and ``count`` that it received, the same ones for
the same seed, company and question. They have ids, items, totals and files like the ledger's. What an invoice says
follows from the seed, its shelf (a company and a question) and its position (1 is the oldest), never from memory:
only the shelves that were asked for are remembered, because a number cannot hold a company's code.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, overload

from worker.sandbox.books.identities import (
    LARGEST_ARCHIVE,
    SHELVES,
    Place,
    archive_number,
    place_of_id,
    place_of_number,
)
from worker.sandbox.books.ledger import CHINA, BookedInvoice

ISSUED: Final = 0
RECEIVED: Final = 1
STRANGER: Final = "91330000SANDBOX099"
"""A company that never asks: its invoices are what faults mix in."""

_REGIONS: Final = ("杭州", "宁波", "温州", "嘉兴", "湖州", "绍兴", "金华", "衢州", "舟山", "台州", "丽水", "义乌")
_TRADES: Final = ("软件", "机电", "五金", "食品", "纺织", "物流", "建材", "医药", "电器", "包装", "家具", "咨询")
_PERSONS: Final = ("王小明", "李芳", "张伟", "刘洋")
_GOODS: Final = (
    ("*信息技术服务*系统维护", "", "次"),
    ("*现代服务*咨询服务费", "", "项"),
    ("*金属制品*不锈钢螺栓", "M8×30", "盒"),
    ("*纸制品*包装纸箱", "40×30×20", "个"),
    ("*电子元件*连接器", "2.54-8P", "只"),
    ("*家具*办公椅", "Y-12", "把"),
    ("*食品*茶叶", "250g", "罐"),
    ("*运输服务*国内运输费", "", "车"),
)
_PERSON_IN: Final = 20
_NEGATIVE_IN: Final = 33
_SPECIAL_IN: Final = 5
_MOST_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class Shelf:
    """One company's answer to one question: what it issued (0) or received (1)."""

    code: int
    company: str
    query_type: int


class Archive:
    """The past of every company, or of ``company`` alone. Days are Beijing's, both included."""

    def __init__(
        self,
        *,
        count: int = 0,
        seed: int = 1,
        first_day: date = date(2024, 1, 1),
        last_day: date = date(2024, 12, 31),
        company: str | None = None,
    ) -> None:
        """Lay down the plan. Raises ``ValueError`` for a count without ids or days in the wrong order."""
        if not 0 <= count < LARGEST_ARCHIVE:
            raise ValueError(f"an archive has from 0 to {LARGEST_ARCHIVE - 1} invoices")
        if first_day > last_day:
            raise ValueError("the archive's first day is after its last")
        self.total = count
        self.seed = seed
        self.company = company
        self.first_day, self.last_day = first_day, last_day
        self._from = datetime.combine(first_day, time(), CHINA)
        self._seconds = int((datetime.combine(last_day, time(), CHINA) - self._from).total_seconds()) + 86_399
        self._shelves: dict[int, Shelf] = {}
        for question in (ISSUED, RECEIVED) if company else ():
            self.shelf(str(company), question)

    def shelf(self, company: str, query_type: int) -> Shelf | None:
        """The shelf of a company's question; ``None`` if this archive has nothing for it."""
        if not self.total or self.company not in (None, company):
            return None
        code = int.from_bytes(self._draw(f"{company}/{query_type}")[:4]) % SHELVES
        while (found := self._shelves.setdefault(code, Shelf(code, company, query_type))).company != company or (
            found.query_type != query_type
        ):
            code = (code + 1) % SHELVES
        return found

    def invoices(self, company: str, query_type: int) -> "Drawn":
        """All invoices of a company's question, newest first, each drawn when it is looked at."""
        return Drawn(self, self.shelf(company, query_type), self.positions())

    def positions(self, first: date | None = None, last: date | None = None) -> range:
        """The positions of what was issued from ``first`` to ``last``, newest first."""
        every = range(1, self.total + 1)
        low = 0 if first is None else bisect_left(every, first, key=self._day)
        high = self.total if last is None else bisect_right(every, last, key=self._day)
        return every[low:high][::-1]

    def find(self, number: str) -> BookedInvoice | None:
        """The invoice of this number, if somebody has asked for its company before."""
        invoice = self._at(place_of_number(number))
        return invoice if invoice is not None and invoice.number == number else None

    def by_id(self, identity: int) -> BookedInvoice | None:
        """The invoice of this row, if somebody has asked for its company before."""
        return self._at(place_of_id(identity))

    def counterparty(self, shelf: Shelf, position: int) -> tuple[str, str]:
        """Name and tax id of the other side; a natural person has no id, and only buys."""
        drawn = self._draw(f"{shelf.code}/{position}")
        if shelf.query_type == ISSUED and drawn[0] % _PERSON_IN == 0:
            return _PERSONS[drawn[1] % len(_PERSONS)], ""
        region, trade = drawn[2] % len(_REGIONS), drawn[3] % len(_TRADES)
        return f"{_REGIONS[region]}沙盒{_TRADES[trade]}有限公司", f"9133{region:02d}00SANDBOX{trade:03d}"

    def draw(self, shelf: Shelf, position: int) -> BookedInvoice:
        """Draw an invoice. Takes some ten microseconds."""
        at, drawn = self._moment(position), self._draw(f"{shelf.code}/{position}")
        return BookedInvoice(
            number=archive_number(f"{at:%y}", Place(shelf.code, position)),
            issued_at=at.isoformat(),
            user_id="",
            is_draft=False,
            order=self._order(shelf, position, drawn),
        )

    def stranger(self, position: int = 1) -> BookedInvoice:
        """An invoice of a company that never asks."""
        return self.draw(Shelf(SHELVES - 1, STRANGER, ISSUED), position)

    def _at(self, place: Place | None) -> BookedInvoice | None:
        shelf = self._shelves.get(place.shelf) if place else None
        return self.draw(shelf, place.position) if place and shelf and 1 <= place.position <= self.total else None

    def _moment(self, position: int) -> datetime:
        return self._from + timedelta(seconds=self._seconds * position // (self.total + 1))

    def _day(self, position: int) -> date:
        return self._moment(position).date()

    def _draw(self, what: str) -> bytes:
        """Dice that fall the same way each time: 32 of them, from 0 to 255."""
        return blake2b(f"{self.seed}/{what}".encode(), digest_size=32).digest()

    def _order(self, shelf: Shelf, position: int, drawn: bytes) -> Mapping[str, Any]:
        name, tax_id = self.counterparty(shelf, position)
        parties = [(f"沙盒公司{shelf.company[-6:]}", shelf.company), (name, tax_id)]
        (seller, seller_id), (buyer, buyer_id) = parties if shelf.query_type == ISSUED else parties[::-1]
        return {
            "buyerName": buyer,
            "buyerIndentification": buyer_id,
            "buyerBank": "",
            "buyerBankAccount": "",
            "buyerBankShow": 0,
            "buyerInvoiceType": int(bool(buyer_id) and drawn[4] % _SPECIAL_IN == 0),
            "sellerName": seller,
            "sellerIndentification": seller_id,
            "sellerBank": "沙盒银行杭州分行",
            "sellerBankAccount": f"62{shelf.code:06d}",
            "sellerBankShow": 1,
            "remark": f"订单号：SO-{shelf.code:06d}-{position}",
            "invoiceItems": self._items(drawn),
        }

    def _items(self, drawn: bytes) -> list[dict[str, Any]]:
        sign = -1 if int.from_bytes(drawn[5:7]) % _NEGATIVE_IN == 0 else 1
        items = []
        for line in range(1 + drawn[7] % _MOST_LINES):
            dice = drawn[8 + 4 * line : 12 + 4 * line]
            name, spec, unit = _GOODS[dice[0] % len(_GOODS)]
            price = Decimal(100 + int.from_bytes(dice[1:3])) / 100
            items.append(
                {"name": name, "quantity": sign * (1 + dice[3] % 20), "spec": spec, "unit": unit, "unitPrice": price}
            )
        return items


class Drawn:
    """Invoices of one shelf at these positions, each drawn when it is looked at."""

    def __init__(self, archive: Archive, shelf: Shelf | None, positions: Sequence[int] = ()) -> None:
        self._archive, self._shelf, self._positions = archive, shelf, positions if shelf else ()

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[BookedInvoice]:
        return (self._drawn(position) for position in self._positions)

    @overload
    def __getitem__(self, at: int) -> BookedInvoice: ...
    @overload
    def __getitem__(self, at: slice) -> "Drawn": ...
    def __getitem__(self, at: int | slice) -> "BookedInvoice | Drawn":
        if isinstance(at, slice):
            return Drawn(self._archive, self._shelf, self._positions[at])
        return self._drawn(self._positions[at])

    def _drawn(self, position: int) -> BookedInvoice:
        if self._shelf is None:
            raise IndexError("there is nothing on no shelf")
        return self._archive.draw(self._shelf, position)
