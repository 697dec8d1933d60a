"""One submission held against one listed invoice, member by member (design 9.1). Pure.

Each member does one of three things. It **rules out**: seller's tax id, sign, a date more than a day too early. It
**identifies**: buyer, total, remark, date. It **describes**: the buyer's name beside a tax id that is the same, the
seller's name. What follows from the answers is a `Weight`; what is not simply the same is told as a `MemberDifference`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from contracts.taxpayer import is_mistyped
from worker.flows.evidence.amounts import is_mixed_up, is_told_otherwise, total_likeness
from worker.flows.evidence.names import is_whole, name_likeness, says_who
from worker.flows.evidence.subjects import Listed, Order, Subject, later
from worker.texts import Likeness, Text, code_likeness, folded, folded_code, remark_likeness

SAME, AKIN, UNCLEAR, DIFFERENT, UNTOLD = Likeness
_DAY: Final = timedelta(days=1)
_CLOCKS: Final = 3
"""How many times the allowed skew two clocks may be apart for an invoice to be given to an order without a person."""
_TAX_ID: Final = re.compile(r"[0-9A-Z]{15}(?:[0-9A-Z]{2,3}|[0-9A-Z]{5})?|.*[*?].*")
"""What could be one, of today, of the years before, or masked; a hash or a line's number could not."""
_DIGIT: Final = re.compile(r"\d")
_DIGITS_READ: Final = str.maketrans("OI", "01")
"""Letters that no tax id of today has."""
_COMPANY: Final = re.compile(r"(?![1-8]\d{16}[\dX])[0-9A-Z]{18}|[0-9A-Z]{20}")
"""A company's tax id of today, and not the number of a citizen's card."""


class Weight(IntEnum):
    """What an invoice is worth as evidence for a submission; a pair that is not weighed is ruled out."""

    AGAINST = 1
    """One identifying member differs, and the two others are told and the same, or it could be the order's if it was
    told in another way: an accountant would look at it."""
    WEAK = 2
    """Nothing is different, but too little is told, or it is told in a way that could be another's."""
    CLOSE = 3
    """Only what describes differs, or what identifies is written another way while buyer and total are the same."""
    EXACT = 4
    """The same in all that is told, buyer and total among it."""


@dataclass(frozen=True, slots=True)
class MemberDifference:
    """A member that is not simply the same."""

    member: str
    sent: Any
    listed: Any

    def told(self) -> dict[str, Any]:
        """As events show it."""
        return {"member": self.member, "sent": self.sent, "listed": self.listed}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the members of an invoice relate to those of a kind of submissions: all but the date."""

    buyer: Likeness
    total: Likeness
    remark: Likeness
    is_unmarked: bool
    """A remark was sent, and none is listed."""
    is_numbered: bool
    """The remark that was sent is listed, and has a number in it: such a remark says whose invoice it is. 谢谢惠顾 may
    stand on every invoice."""
    is_other_kind: bool
    """普票 for 专票, or the reverse; a red one by its flag, and a blue one by its amounts; or of a seller of another
    name, whose tax id cannot be read."""
    is_odd: bool
    """It could be the order's if its total, or seller and buyer, were told in another way or place."""
    is_mixed_up: bool
    """Its amounts cannot all be what they are called, and the order's total is among them: another's may be too."""
    differs: tuple[MemberDifference, ...]

    @property
    def contradictions(self) -> int:
        """How many identifying members differ."""
        return (self.buyer, self.total, self.remark).count(DIFFERENT)

    @property
    def is_known(self) -> bool:
        """Whether buyer and total are told and the same."""
        return self.buyer is SAME and self.total is SAME

    @property
    def is_exact(self) -> bool:
        """Whether all that is told is the same, buyer and total among it."""
        return self.is_known and self.remark in {SAME, UNTOLD} and not self.differs and not self.is_mixed_up


@dataclass(frozen=True, slots=True)
class Fit:
    """What an invoice is worth for a submission, and what differs."""

    weight: Weight
    differs: tuple[MemberDifference, ...] = ()
    is_unmarked: bool = False
    """It has no note, and the order had a remark."""
    may_clear: bool = False
    """It is so weak that the right one may be listed later."""
    is_by_rate: bool = False
    """Its total is not the order's, but goes together with it by a rate of tax."""
    is_by_remark: bool = False
    """Something contradicts it, and it was believed because of its remark. Any other order with the same remark has as
    much right to it."""


def is_companys(tax_id: str) -> bool:
    """Whether this is surely no natural person's number."""
    return _COMPANY.fullmatch(folded_code(tax_id)) is not None


# ---- all but the date ----------------------------------------------------------------------------------


def compare(order: Order, listed: Listed) -> Comparison | None:
    """How each member compares; None where the invoice is ruled out, or is plainly another order's. One of total, buyer
    and remark may differ if the two others say that the invoice is this order's, or if that one may only be written in
    another way."""
    invoice = listed.invoice
    is_of_two_signs = invoice.is_positive is False and _is_more_than_zero(listed)
    if invoice.is_positive is False and not is_of_two_signs:
        return None
    is_other_seller = _is_other_seller(order, listed)
    are_misplaced = order.seller != order.buyer and (
        listed.buyer == order.seller or (is_other_seller and listed.seller == order.buyer)
    )
    if is_other_seller and not are_misplaced:
        return None
    total, buyer = total_likeness(order, listed), UNTOLD if are_misplaced else _buyer(order, listed)
    if total is DIFFERENT and buyer is DIFFERENT:
        return None
    remark = remark_likeness(order.remark, listed.note, prints_bank=order.sent.prints_bank)
    has_remark = bool(order.remark.plain) and listed.note.is_told
    # A remark with a number, and a note without one: that note names no order, so it does not say that the invoice is
    # another's.
    names_none = bool(_DIGIT.search(order.remark.plain)) and not _DIGIT.search(listed.note.plain)
    is_odd = (
        buyer is not DIFFERENT
        and (remark is not DIFFERENT or names_none)
        and (are_misplaced if total is not DIFFERENT else is_told_otherwise(order, listed))
    )
    is_silent = names_none and DIFFERENT not in {total, buyer}
    if not is_odd and not is_silent and _is_contradicted(total, buyer, remark, has_remark=has_remark):
        return None
    is_other_kind = (
        is_of_two_signs
        or invoice.may_be_red
        or (invoice.is_special is not None and invoice.is_special is not (order.sent.buyer_invoice_type == 1))
        or (not _is_sellers(order, listed) and _is_other_name(order.sent.seller_name, invoice.seller_name))
    )
    differs = tuple(_differences(order, listed, total, remark))
    is_numbered = has_remark and bool(_DIGIT.search(order.remark.plain))
    is_unmarked = bool(order.remark.plain) and not listed.note.is_told
    return Comparison(
        buyer, total, remark, is_unmarked, is_numbered, is_other_kind, is_odd, is_mixed_up(order, listed), differs
    )


def _is_contradicted(total: Likeness, buyer: Likeness, remark: Likeness, *, has_remark: bool) -> bool:
    """Whether one of the three differs, and the two others do not both say that it is this order's."""
    others = [each for each in (total, buyer, remark) if each is not DIFFERENT]
    is_marked = others == [SAME, SAME] and (remark is DIFFERENT or has_remark)
    return len(others) < 3 and not is_marked


def _is_more_than_zero(listed: Listed) -> bool:
    """A flag alone makes no red invoice: it may stand at its default, and the amounts say another thing."""
    return any(each > 0 for each in listed.amounts)


def _buyer(order: Order, listed: Listed) -> Likeness:
    """By its tax id where both have one; else by its name."""
    name = _name(order, listed)
    code = _code(order.buyer, listed.buyer) if order.buyer and listed.buyer else UNTOLD
    if code is SAME or (code is DIFFERENT and _could_be(order.buyer, listed.buyer)):
        return code
    if order.buyer and order.buyer.casefold() in listed.name.plain:
        return AKIN  # it stands where the name should
    if code is AKIN:
        return DIFFERENT if name is DIFFERENT else AKIN
    if code is UNTOLD and (order.buyer or not listed.buyer.strip("*X")):
        return name
    # The register may know a number that the order did not have: a firm's tax id, a person's card or passport.
    if not order.sent.is_person:
        return AKIN if name is SAME else name
    return DIFFERENT if is_companys(listed.buyer) else name


def _is_other_seller(order: Order, listed: Listed) -> bool:
    return _TAX_ID.fullmatch(listed.seller) is not None and _code(order.seller, listed.seller) is DIFFERENT


def _is_sellers(order: Order, listed: Listed) -> bool:
    return bool(listed.seller) and _code(order.seller, listed.seller) is not DIFFERENT


def _is_other_name(ours: str, theirs: str | None) -> bool:
    return bool(theirs) and name_likeness(Text(ours), Text(theirs or "")) is DIFFERENT


def _could_be(ours: str, theirs: str) -> bool:
    """Whether what stands in the place of a tax id could be one: a passport's number where ours is none either."""
    return _TAX_ID.fullmatch(theirs) is not None or _TAX_ID.fullmatch(ours) is None


def _code(ours: str, theirs: str) -> Likeness:
    """The order's tax id may have a typo that the register has corrected, and a list may show a letter in place of a
    digit (O for 0)."""
    close = code_likeness(ours, theirs)
    is_typo = close is DIFFERENT and (is_mistyped(ours, theirs) or theirs.translate(_DIGITS_READ) == ours)
    return AKIN if is_typo else close


def _name(order: Order, listed: Listed) -> Likeness:
    """A name that only holds the other, 张三 in 张三丰, may be another party's; the seller's own says nothing here, nor
    does the name of whoever issued it."""
    theirs = listed.person if order.sent.is_person else listed.name
    if theirs.plain and theirs.plain != order.name.plain and theirs.plain in {order.seller_name, listed.drawer}:
        return UNTOLD
    close = name_likeness(order.name, theirs)
    if close is DIFFERENT and not says_who(order.name, theirs):
        return UNTOLD
    return UNCLEAR if close is AKIN and not is_whole(order.name, theirs) else close


def _differences(order: Order, listed: Listed, total: Likeness, remark: Likeness) -> Iterator[MemberDifference]:
    sent, invoice = order.sent, listed.invoice
    if listed.buyer and order.buyer != listed.buyer:
        yield MemberDifference("buyerIndentification", sent.buyer_id, invoice.buyer_id)
    if _name(order, listed) is not SAME and listed.name.plain:
        yield MemberDifference("buyerName", sent.buyer_name, invoice.buyer_name)
    if listed.seller_name and order.seller_name != listed.seller_name:
        yield MemberDifference("sellerName", sent.seller_name, invoice.seller_name)
    if total in {AKIN, UNCLEAR, DIFFERENT}:
        shown = listed.with_tax if listed.with_tax is not None else listed.without_tax
        yield MemberDifference("total", sent.expected_total or order.total, shown)
    if remark in {AKIN, UNCLEAR, DIFFERENT}:
        yield MemberDifference("remark", sent.remark, invoice.note)
    is_special = invoice.is_special
    if is_special is not None and is_special is not (sent.buyer_invoice_type == 1):
        yield MemberDifference("buyerInvoiceType", sent.buyer_invoice_type, int(is_special))
    if invoice.is_positive is False or invoice.may_be_red:
        yield MemberDifference("isInvoicePositive", True, False if invoice.is_positive is False else None)


# ---- with the date -------------------------------------------------------------------------------------


def is_too_old(since: datetime, listed: Listed, skew: timedelta) -> bool:
    """Whether its date, under every reading, is more than a day before the submission: it is another one."""
    return listed.latest < oldest(since, skew)


def oldest(since: datetime, skew: timedelta) -> datetime:
    """What is dated before this moment, under every reading, is of no submission since then."""
    return since - max(skew, _DAY)


def is_too_late(until: datetime, listed: Listed, skew: timedelta) -> bool:
    """Whether its date, under every reading, is after the moment at which the gateway said that the submission's own
    invoice was issued: it is another one. Otherwise an order of yesterday whose number nobody looks for could claim
    every later invoice that is like its own."""
    return listed.earliest > later(until, skew)


def weigh(subject: Subject, listed: Listed, compared: Comparison, skew: timedelta) -> Fit | None:
    """What the invoice is worth for this submission; None where its date rules it out."""
    if is_too_old(subject.since, listed, skew):
        return None
    early = subject.since - skew - listed.latest
    late = listed.earliest - subject.until - skew
    apart = max(early, late) if subject.is_issued else early
    is_akin = apart > timedelta(0)
    differs = compared.differs
    if is_akin:
        dated = listed.invoice.dated
        differs = (*differs, MemberDifference("invoiceDate", subject.since, None if dated is None else dated.shown))
    are_clocks = apart <= (_CLOCKS - 1) * skew
    weight = _weight(subject, compared, is_in_time=not is_akin, are_clocks=are_clocks)
    if weight is None:
        return None
    if listed.invoice.number is None:
        weight = min(weight, Weight.WEAK)
    return Fit(
        weight,
        differs,
        compared.is_unmarked,
        may_clear=weight <= Weight.WEAK and not _is_telling(compared, is_in_time=not is_akin),
        is_by_rate=compared.total is AKIN,
        is_by_remark=weight is Weight.CLOSE and bool(compared.contradictions or compared.is_odd),
    )


def _weight(subject: Subject, compared: Comparison, *, is_in_time: bool, are_clocks: bool) -> Weight | None:
    if compared.contradictions or compared.is_odd:
        if not is_in_time and not compared.is_odd:
            return None
        is_marked = (
            subject.is_issued
            and compared.is_numbered
            and compared.buyer is SAME
            and compared.remark is SAME
            and is_in_time
        )
        # Of what was surely issued a wrong total is worth an alarm rather than no answer.
        if is_marked and not compared.is_other_kind:
            return Weight.CLOSE
        return Weight.WEAK if compared.is_odd and compared.is_mixed_up and is_in_time else Weight.AGAINST
    if is_in_time and compared.is_exact:
        return Weight.EXACT
    if UNCLEAR in {compared.remark, compared.total} or compared.is_other_kind:
        return Weight.WEAK
    # Clocks that differ explain a date a little out of time. Further out, only a remark with a number says whose it is.
    is_dated = is_in_time or are_clocks or (compared.is_numbered and compared.remark is SAME)
    is_enough = compared.is_known or (subject.is_issued and _is_sure_enough(compared))
    return Weight.CLOSE if is_dated and is_enough else Weight.WEAK


def _is_telling(compared: Comparison, *, is_in_time: bool) -> bool:
    """Whether a person can decide at once: buyer and remark say that it is this one's, and the total does not."""
    return (
        compared.buyer is SAME
        and (compared.is_numbered or compared.total is UNTOLD)
        and compared.remark in {SAME, UNTOLD}
        and is_in_time
        and not compared.is_other_kind
        and compared.total in {DIFFERENT, UNTOLD}
    )


def _is_sure_enough(compared: Comparison) -> bool:
    """For an order that was surely issued, and an invoice that nothing contradicts: whether enough says that it is the
    order's own, although ids are masked or only a part of the total is told. A member that is the same counts two, one
    that is akin one, and more than two are needed; beside an unclear buyer both others must be the same."""
    marked = compared.remark if compared.is_numbered else UNTOLD
    told = (compared.buyer, compared.total, marked)
    if compared.buyer is UNCLEAR:
        return told.count(SAME) > 1
    return 2 * told.count(SAME) + told.count(AKIN) > 2


# ---- two submissions -----------------------------------------------------------------------------------


def twin_of(order: Order) -> tuple[object, ...]:
    """A value that two orders share where nothing that could be listed or echoed tells them apart. It is not the
    journaled fingerprint, which another version may have folded in another way."""
    return order.kind, order.sent.buyer_type, tuple(_line(each) for each in order.sent.lines)


def _line(line: Any) -> tuple[object, ...]:
    return folded(line.name or ""), line.quantity, folded(line.spec or ""), folded(line.unit or ""), line.price
