"""What an invoice comes to, held against what an order does. Pure.

A list is a program's work, and programs tell amounts in many ways: in fen or 万元, without cents, without tax, with the
other sign, under each other's names, or so that amount and tax are not the total. Guarantees that amounts which could
be the order's in any of these ways are told from those that could not: the former never prove absence
(`is_told_otherwise`), and never say by themselves whose an invoice is (`total_likeness`).
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, combinations, product
from typing import Final

from contracts.limits import HIGHEST_WITH_TAX
from worker.flows.evidence.subjects import CENT, Listed, Order
from worker.texts import Likeness

SAME, AKIN, UNCLEAR, DIFFERENT, UNTOLD = Likeness
UNITS: Final = tuple(Decimal(1).scaleb(power) for power in (0, 2, 3, 4, -2, -3, -4))
"""What a yuan is in the units that programs count in: fen and smaller, 千元 and 万元, or divided by a hundred twice."""
RATES: Final = tuple(Decimal(rate) / 1000 for rate in (10, 15, 30, 50, 60, 90, 100, 110, 130, 160, 170))
"""Rates of value added tax, of today and of the years before."""
WHOLE: Final = Decimal(1)
_MOST_TAX: Final = HIGHEST_WITH_TAX - 1
_MOST_TAX_WITHIN: Final = _MOST_TAX / HIGHEST_WITH_TAX
"""Of an amount without it, and of a total with it."""
_NO_AMOUNT: Final = Decimal(10) ** 12
"""No invoice comes to as much."""


def total_likeness(order: Order, listed: Listed) -> Likeness:
    """By any reading: with tax, without, or the expected one. Where only one of the two totals is told, the other may
    be the one that fits."""
    with_tax, without = listed.with_tax, listed.without_tax
    expected = order.expected
    told = listed.amounts
    if not told or tell_nothing(listed):
        return UNTOLD
    is_expected = expected is not None and with_tax == expected
    if (is_expected and not order.is_expected_high) or any(abs(each - order.total) <= order.tolerance for each in told):
        return SAME
    if is_expected:
        return UNCLEAR
    likely = order.total if expected is None or order.is_expected_high else expected
    if any(abs(each - total) <= order.nearness for each in told for total in (order.total, likely)):
        return AKIN
    if len(told) > 1:
        return DIFFERENT
    net, gross = (order.total, with_tax) if with_tax is not None else (without, order.total)
    return _by_rate(net, gross, order.tolerance)


def _by_rate(net: Decimal | None, gross: Decimal | None, tolerance: Decimal) -> Likeness:
    """Whether one could be the other with tax."""
    if net is None or gross is None:
        return UNTOLD
    if any(abs(net + net * rate - gross) <= tolerance for rate in RATES):
        return AKIN
    return UNCLEAR if net - tolerance <= gross <= net * HIGHEST_WITH_TAX + tolerance else DIFFERENT


def is_told_otherwise(order: Order, listed: Listed) -> bool:
    """Whether its amounts could be the order's, told in another unit, rounded, or under another's name. If so, it may
    be the order's invoice, or one of another amount."""
    totals = (order.total,) if order.is_expected_high else order.totals
    ranges = spans(listed) if order.is_anybodys else chain(spans(listed), tax_spans(listed))
    return tell_nothing(listed) or any(
        low - order.tolerance <= total <= high + order.tolerance for low, high in ranges for total in totals
    )


def readings(listed: Listed) -> frozenset[Decimal]:
    """The totals that its amounts may stand for, whatever their sign: those that are told, and amount plus tax. Where
    they do not go together, one may stand under another's name, or each may be off by as much as they are apart."""
    tax = listed.invoice.total_tax
    told = set(listed.amounts)
    if tax is not None and listed.without_tax is not None:
        told.add(listed.without_tax + tax)
        if listed.invoice.total is None:
            told.add(listed.without_tax - tax)  # what is called the amount may be the total
    values = set(map(abs, told))
    if not _go_together(listed):
        parts = [abs(each) for each in _as_told(listed)]
        values.update(parts, *((one + other, abs(one - other)) for one, other in combinations(parts, 2)))
        if len(parts) > 2:
            apart = abs(sum(parts) - 2 * max(parts))
            values.update(*((each + apart, abs(each - apart)) for each in parts))
    return frozenset(values - {0})


def are_mixed_up(listed: Listed) -> bool:
    """Whether its amounts cannot all be what they are called: the order's total may stand under any name, and what
    stands under its name may be another order's total. A tax of zero is told by default as well."""
    invoice = listed.invoice
    return not _fit(invoice.total, invoice.total_without_tax, invoice.total_tax or None)


def is_mixed_up(order: Order, listed: Listed) -> bool:
    """Whether the order's total is among such amounts, under whatever name."""
    told = readings(listed) if are_mixed_up(listed) else ()
    return any(abs(each - total) <= order.tolerance for each in told for total in order.totals)


def _go_together(listed: Listed) -> bool:
    invoice = listed.invoice
    return _fit(invoice.total, invoice.total_without_tax, invoice.total_tax)


def _fit(total: Decimal | None, net: Decimal | None, tax: Decimal | None) -> bool:
    """Whether each amount can be what it is called: tax is no more than the highest rate makes, and makes the total."""
    if total and net and tax is not None and tax < net * _MOST_TAX and net + tax == total:
        return True  # nearly all do
    total, net, tax = (None if each is None else abs(each) for each in (total, net, tax))
    if tax and any(tax > each * share + CENT for each, share in ((net, _MOST_TAX), (total, _MOST_TAX_WITHIN)) if each):
        return False
    if not total or not net:
        return True
    return net <= total <= net * HIGHEST_WITH_TAX + CENT if tax is None else abs(net + tax - total) <= CENT


def tell_nothing(listed: Listed) -> bool:
    """Whether its amounts say nothing: a tax is never as much as what it is on, nor as the total."""
    tax, others = listed.invoice.total_tax, (listed.invoice.total, listed.invoice.total_without_tax)
    if not tax or not CENT <= abs(tax) < _NO_AMOUNT:
        return False
    return all(not each or abs(each) == abs(tax) for each in others)


def spans(listed: Listed) -> Iterator[tuple[Decimal, Decimal]]:
    """Ranges in yuan, lowest and highest: the total of an order whose invoice this is lies in one of them."""
    place, is_half_told = _last_place(listed), listed.is_half_told
    told = readings(listed)
    for unit in UNITS:
        if unit > 1 and place < WHOLE:
            continue  # what is counted in small units is counted in whole ones
        # Whoever counts in large units keeps two decimal places at least.
        lost = min(place, CENT) if unit < 1 else place if unit == 1 and place > CENT else 0
        for each in told:
            low, high = (each - lost) / unit, (each + lost) / unit
            yield (low / HIGHEST_WITH_TAX, high * HIGHEST_WITH_TAX) if is_half_told else (low, high)


def tax_spans(listed: Listed) -> Iterator[tuple[Decimal, Decimal]]:
    """The same where the one amount that is told may be the tax: of the order's total, or within it."""
    if listed.is_half_told and listed.invoice.total_tax is None:
        for told, rate in product(readings(listed), RATES):
            low, high = (told - CENT) / rate, (told + CENT) / rate
            yield low, high
            yield low + told, high + told


def taxes_of(total: Decimal) -> Iterator[Decimal]:
    """What the tax of such a total may be: on it, or within it."""
    for rate in RATES:
        yield total * rate
        yield total * rate / (1 + rate)


def is_rounded(listed: Listed) -> bool:
    """Whether none of its amounts has cents."""
    return all(tenths == tenths.to_integral_value() for tenths in (each * 10 for each in _as_told(listed)))


def _last_place(listed: Listed) -> Decimal:
    """The smallest decimal place in which any of its amounts is told; a yuan, where all are whole."""
    exponents = [each.normalize().as_tuple().exponent for each in _as_told(listed)]
    return WHOLE.scaleb(min([0, *(each for each in exponents if isinstance(each, int))]))


def _as_told(listed: Listed) -> Iterator[Decimal]:
    invoice = listed.invoice
    return (each for each in (invoice.total, invoice.total_without_tax, invoice.total_tax) if each)
