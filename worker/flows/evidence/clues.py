"""Clues and probes: buyer, total and remark in a form that an index can compare. By them the journal finds the
submissions that could claim a listed invoice without reading all of the seller's. PURE.

Guarantees that the probes of a listed invoice find every submission that could claim it in any degree that competes.
What an index cannot compare (a tax id that is no company's of today, more lines than a total may be rounded by, bank
data printed around a remark) is an open clue, which every probe finds.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Final

from contracts.limits import HIGHEST_WITH_TAX
from contracts.taxpayer import check_digit_fits
from worker.flows.evidence.amounts import are_mixed_up, readings, tell_nothing
from worker.flows.evidence.subjects import Listed
from worker.records import Clues, Probes, TotalProbe
from worker.texts import folded_code, folded_remark

_MOST_LINES: Final = 50
_SLACK: Final = 51
"""Cents by which a total may differ: each line, or each unit price, may be rounded by one, up to half a yuan, and what
is kept is cut to whole ones."""
_LARGEST: Final = 10**15
_STANDARD: Final = re.compile(r"9[123][0-9A-Z]{16}")
"""A company's tax id of today. Two different ones are never the same id that was cut or masked. One whose check digit
does not fit has a typo, which the register corrects."""
_BREATH: Final = 1000
_COMMON: Final = 20
"""A remark that more listed invoices have (count) says of none of them whose it is: no probe is made of it."""


def clues_of(
    buyer_id: str,
    remark: str,
    lines: Iterable[tuple[Decimal | None, Decimal | None]],
    expected: Decimal | None,
    *,
    prints_bank: bool,
) -> Clues:
    """Of an order; lines are quantity and price."""
    amounts = [quantity * price if quantity and price else Decimal(0) for quantity, price in lines]
    plain = folded_remark(remark)
    total = None if len(amounts) > _MOST_LINES or (prints_bank and plain) else _cents(sum(amounts, Decimal(0)))
    return Clues(
        buyer=_standard(folded_code(buyer_id)),
        total=total,
        expected=None if expected is None or total is None else _cents(expected),
        mark=_mark(plain) if plain else None,
    )


def probing(candidates: Sequence[Listed]) -> Generator[None, None, Probes | None]:
    """The probes that find every order which could claim one of these. None where no probe would do, so that all of the
    seller's orders must be read. Yields after a few milliseconds of work."""
    ranges: dict[str | None, list[tuple[int, int]]] = {}
    notes: dict[str, int] = {}
    for work, listed in enumerate(candidates, start=1):
        if work % _BREATH == 0:
            yield
        told = tuple(readings(listed)) if are_mixed_up(listed) else listed.amounts
        if not told or tell_nothing(listed):
            return None
        ranges.setdefault(_standard(listed.buyer) or None, []).extend(_around(told))
        if listed.note.plain:
            notes[listed.note.plain] = notes.get(listed.note.plain, 0) + 1
    totals = tuple(
        TotalProbe(low, high, buyer) for buyer, wanted in ranges.items() for low, high in _merged(sorted(wanted))
    )
    return Probes(totals, tuple(_mark(note) for note, count in notes.items() if count <= _COMMON))


def _around(told: Sequence[Decimal]) -> Iterator[tuple[int, int]]:
    """In cents. Where only one total is told, the order's may be the other one."""
    for each in told:
        low, high = (each, each) if len(told) > 1 else (each / HIGHEST_WITH_TAX, each * HIGHEST_WITH_TAX)
        if abs(each) * 100 < _LARGEST:
            yield int(low * 100) - _SLACK, int(high * 100) + _SLACK


def _merged(wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in wanted:
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _standard(code: str) -> str:
    return code if _STANDARD.fullmatch(code) and check_digit_fits(code) else ""


def _cents(amount: Decimal) -> int | None:
    cents = int(amount * 100)
    return cents if abs(cents) < _LARGEST else None


def _mark(plain: str) -> str:
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:16]
