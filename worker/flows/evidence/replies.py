"""Whose answer a reply is, held against what was submitted. Pure.

A reply counts for an order where nothing identifying in it differs and enough of it is told. While another order of
the lane is unsettled that is not enough: the reply could be that one's late answer, so that all by which the two are
told apart must be told and be the same, or the reply must contradict the other one.

Beyond what identifies a listed invoice, an echo is identified by its items (name, quantity, specification, unit), by
普票 or 专票, and by company or person. The seller's name describes, as do the buyer's name beside a tax id that is the
same and the reading of a price (with or without tax).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from worker.flows.evidence.amounts import RATES
from worker.flows.evidence.members import MemberDifference, is_companys
from worker.flows.evidence.names import is_whole, name_likeness
from worker.making import made_often
from worker.records import IssuedReply, Line, SubmittedInvoice
from worker.texts import (
    Likeness,
    Text,
    code_likeness,
    folded,
    folded_code,
    folded_remark,
    likeness,
    remark_likeness,
    says_nothing,
)

SAME, AKIN, UNCLEAR, DIFFERENT, UNTOLD = Likeness
SELLER: Final = "sellerIndentification"
BUYER: Final = "buyerIndentification"
BUYER_NAME: Final = "buyerName"
LINES: Final = "invoiceItems"
"""Members of an echo, by the names that the command's data have."""
_CLASSIFICATION: Final = re.compile(r"^\*[^*]+\*")
_MASK: Final = re.compile(r"\.{2,}$")
"""Behind what was cut."""
_DESCRIBING: Final = frozenset({"sellerName"})
_CENT: Final = Decimal("0.01")
FITS_SEVERAL: Final = "fits_several"
DOES_NOT_FIT: Final = "does_not_fit"
UNREADABLE: Final = "unreadable"
"""Why a reply settles nothing, and is evidence all the same."""


@made_often
@dataclass(frozen=True, slots=True)
class Echo:
    """What a reply says of one order, member by member."""

    members: Mapping[str, Likeness]
    """By the names that the command's data have: `remark`, `invoiceItems/0/spec`, …"""
    raw: Mapping[str, Likeness]
    """As `members`, but as they were told: without what is known of a buyer whose tax id identifies it, or has none."""
    differs: tuple[MemberDifference, ...]
    is_whole: bool
    """All that could be echoed is told, and the same."""
    is_enough: bool
    """It tells the buyer, and the items or the seller's tax id: a reply that echoes less could be anybody's."""

    @property
    def contradictions(self) -> frozenset[str]:
        """The identifying members that are another's."""
        return frozenset(
            name for name, each in self.members.items() if each in {DIFFERENT, UNCLEAR} and name not in _DESCRIBING
        )

    @property
    def fits(self) -> bool:
        """Whether nothing identifying differs, and enough is told."""
        return self.is_enough and not self.contradictions


def echo_of(sent: SubmittedInvoice, reply: IssuedReply) -> Echo:
    """Compare them, once for all that may be asked."""
    members: dict[str, Likeness] = {}
    differs: list[MemberDifference] = []
    is_whole = True
    for name, each, ours, theirs in _members(sent, reply):
        members[name] = each
        if each is SAME:
            continue
        if each is not UNTOLD:
            differs.append(MemberDifference(name, ours, theirs))
        is_whole = is_whole and (name in _DESCRIBING or (each is UNTOLD and ours in {"", 0}))
    raw = dict(members)
    if members[BUYER] is SAME and members[BUYER_NAME] in {DIFFERENT, UNCLEAR}:
        members[BUYER_NAME] = AKIN  # the tax id identifies, and the register knows the name better
    if not sent.buyer_id and not (sent.is_person and is_companys(reply.buyer_id or "")):
        members[BUYER] = UNTOLD  # the register may know a number that the order did not have
    known = {members[BUYER], members[BUYER_NAME]}
    seller = {members[LINES], members[SELLER]}
    return Echo(members, raw, tuple(differs), is_whole, not known.isdisjoint({SAME, AKIN, UNCLEAR}) and SAME in seller)


def counts(sent: SubmittedInvoice, reply: IssuedReply, others: Iterable[SubmittedInvoice]) -> bool:
    """Whether the reply is this order's, and cannot be one of the others'."""
    echo = echo_of(sent, reply)
    return echo.fits and all(_is_told_from(sent, echo, other, reply) for other in others)


def owner(reply: IssuedReply, orders: Sequence[SubmittedInvoice]) -> int | None:
    """Which of these orders, by its place, the reply is of; None where it is none's, or it cannot be told."""
    own = [
        place
        for place, each in enumerate(orders)
        if counts(each, reply, (other for rival, other in enumerate(orders) if rival != place))
    ]
    return own[0] if len(own) == 1 else None


# ---- whose it is -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mine:
    """It answers the order in hand, and can be no other's."""


@dataclass(frozen=True, slots=True)
class Late:
    """It answers an order before it that is unsettled, and can be no other's."""

    place: int
    """That order's place among the unsettled ones that were given."""


@dataclass(frozen=True, slots=True)
class StrayReply:
    """It settles nothing."""

    reason: str
    of: tuple[int, ...]
    """Places of the unsettled orders that it may be of: absence of their invoices proves nothing now."""
    may_be_mine: bool = False
    """It may answer the order in hand, or one of the others instead. False: it does not answer the one in hand."""


def judge(
    reply: IssuedReply, hand: SubmittedInvoice | None, others: Sequence[SubmittedInvoice], *, may_be_more: bool = False
) -> Mine | Late | StrayReply:
    """Whose answer it is: of the order in hand, if it was submitted, or of one of the unsettled ones of its lane.
    `may_be_more`: one of these could not be read, so what does not tell all may be its answer."""
    place = owner(reply, [*others, *([] if hand is None else [hand])])
    if hand is not None and place == len(others):
        if not may_be_more or echo_of(hand, reply).is_whole:
            return Mine()
        place = None
    if place is not None:
        return Late(place)
    if hand is None:
        return stray_of(reply, others)
    echoes = [echo_of(other, reply) for other in others]
    fitting = tuple(number for number, echo in enumerate(echoes) if echo.fits)
    if fitting or echo_of(hand, reply).fits:
        return StrayReply(FITS_SEVERAL, fitting, may_be_mine=True)
    return StrayReply(DOES_NOT_FIT, tuple(number for number, echo in enumerate(echoes) if _may_be(echo)))


def stray_of(reply: IssuedReply, orders: Sequence[SubmittedInvoice]) -> StrayReply:
    """Under which unsettled orders a result is kept, and why, where no order is in hand that it could answer."""
    echoes = [echo_of(order, reply) for order in orders]
    reason = FITS_SEVERAL if sum(echo.fits for echo in echoes) > 1 else DOES_NOT_FIT
    return StrayReply(reason, tuple(number for number, echo in enumerate(echoes) if echo.fits or _may_be(echo)))


def _may_be(echo: Echo) -> bool:
    """Whether the reply may be this order's although it does not fit it: enough is told, and only one member differs,
    which is no tax id. Its text may only be written in another way."""
    return echo.is_enough and len(echo.contradictions) <= 1 and echo.contradictions.isdisjoint({SELLER, BUYER})


def _is_told_from(sent: SubmittedInvoice, echo: Echo, other: SubmittedInvoice, reply: IssuedReply) -> bool:
    """Whether the reply cannot be the other order's. A member that is the same as this order's must differ from the
    other's: a text that is only similar may be the other's, cut short."""
    apart = apart_by(sent, other)
    theirs = echo_of(other, reply)
    telling = {
        name for name in apart if echo.members.get(name) is SAME and theirs.raw.get(name) in {DIFFERENT, UNCLEAR}
    }
    is_all_told = all(echo.members.get(name) is SAME for name in apart)
    # Either all that tells the two apart is as this order has it, or what differs identifies and so contradicts the
    # other.
    return bool(telling) and (is_all_told or not telling.isdisjoint(theirs.contradictions))


def apart_by(one: SubmittedInvoice, other: SubmittedInvoice) -> frozenset[str]:
    """The members by which an echo could tell two orders apart."""
    ours, theirs = _said(one), _said(other)
    return frozenset(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _said(sent: SubmittedInvoice) -> dict[str, Any]:
    said: dict[str, Any] = {
        SELLER: folded_code(sent.seller_id),
        BUYER: folded_code(sent.buyer_id),
        BUYER_NAME: Text.of_name(sent.buyer_name, is_person=sent.is_person).plain,
        "buyerType": sent.buyer_type,
        "buyerInvoiceType": sent.buyer_invoice_type,
        "remark": folded_remark(sent.remark),
        LINES: len(sent.lines),
    }
    for place, line in enumerate(sent.lines):
        at = f"invoiceItems/{place}"
        said[f"{at}/name"], said[f"{at}/spec"] = folded(line.name or ""), folded(line.spec or "")
        said[f"{at}/unit"] = folded(line.unit or "")
        said[f"{at}/quantity"], said[f"{at}/unitPrice"] = line.quantity, line.price
    return said


# ---- member by member ----------------------------------------------------------------------------------

_Told = tuple[str, Likeness, Any, Any]
"""Its name, how the two are related, what was sent, what came."""


def _members(sent: SubmittedInvoice, reply: IssuedReply) -> Iterator[_Told]:
    seller = code_likeness(sent.seller_id, reply.seller_id or "")
    yield SELLER, seller, sent.seller_id, reply.seller_id
    yield "sellerName", _text(sent.seller_name, reply.seller_name), sent.seller_name, reply.seller_name
    buyer = code_likeness(sent.buyer_id, reply.buyer_id) if reply.buyer_id else UNTOLD
    yield BUYER, buyer, sent.buyer_id, reply.buyer_id
    yield BUYER_NAME, _buyer_name(sent, reply.buyer_name or ""), sent.buyer_name, reply.buyer_name
    yield "buyerType", _flag(sent.buyer_type, reply.buyer_type), sent.buyer_type, reply.buyer_type
    kinds = sent.buyer_invoice_type, reply.buyer_invoice_type
    yield "buyerInvoiceType", _flag(*kinds), *kinds
    yield "remark", _remark(sent, reply), sent.remark, reply.remark
    yield from _lines(sent.lines, reply.lines)


def _text(ours: str | None, theirs: str | None) -> Likeness:
    """A text that was left out was sent as "", and one that came as "" says nothing."""
    if theirs and ours == theirs:
        return SAME
    return likeness(Text(ours or ""), Text(theirs)) if theirs else UNTOLD


def _buyer_name(sent: SubmittedInvoice, came: str) -> Likeness:
    if sent.buyer_name == came:
        return SAME
    told = "" if says_nothing(came) else came
    ours, theirs = (Text.of_name(each, is_person=sent.is_person) for each in (sent.buyer_name, told))
    if likeness(ours, theirs) is AKIN and not is_whole(ours, theirs):
        return UNCLEAR  # 张三 in 张三丰 may be another party
    return name_likeness(ours, theirs)


def _flag(ours: int, theirs: int | None) -> Likeness:
    return UNTOLD if theirs is None else SAME if ours == theirs else DIFFERENT


def _remark(sent: SubmittedInvoice, reply: IssuedReply) -> Likeness:
    """An empty remark says that there is none; one that began with what no register takes may be cut to nothing."""
    if reply.remark is None:
        return UNTOLD
    if sent.remark == reply.remark:
        return SAME
    ours, theirs = Text.of_remark(sent.remark), Text.of_remark(reply.remark)
    if theirs.plain == "" and ours.plain and ours.plain[0] <= "\uffff":
        return DIFFERENT
    return remark_likeness(ours, theirs, prints_bank=sent.prints_bank)


def _lines(ours: Sequence[Line], theirs: Sequence[Line] | None) -> Iterator[_Told]:
    if not theirs:
        yield LINES, UNTOLD, len(ours), None
        return
    yield LINES, SAME if len(ours) == len(theirs) else DIFFERENT, len(ours), len(theirs)
    for place, (sent, came) in enumerate(zip(ours, theirs, strict=False)):
        at = f"invoiceItems/{place}"
        yield f"{at}/name", _goods(sent.name or "", came.name), sent.name, came.name
        yield f"{at}/quantity", _number(sent.quantity, came.quantity), sent.quantity, came.quantity
        yield f"{at}/spec", _part(sent.spec, came.spec), sent.spec, came.spec
        yield f"{at}/unit", _part(sent.unit, came.unit), sent.unit, came.unit
        yield f"{at}/unitPrice", _price(sent.price, came.price), sent.price, came.price


def _goods(ours: str, theirs: str | None) -> Likeness:
    """A name may come back with the tax classification before it, `*信息技术服务*软件`, or without the one it had."""
    if not theirs:
        return UNTOLD
    if ours == theirs:
        return SAME
    sent, came = folded(ours), folded(theirs)
    bare, bare_came = _CLASSIFICATION.sub("", sent), _CLASSIFICATION.sub("", came)
    if came in {sent, bare} or bare_came == sent:
        return SAME
    if bare != sent and bare_came != came:
        return DIFFERENT if sent[: -len(bare) or None] != came[: -len(bare_came) or None] else _part(bare, bare_came)
    return _part(bare, bare_came)


def _part(ours: str | None, theirs: str | None) -> Likeness:
    """Of a line: what holds more than was sent is another one, `新商品A` is not `商品A`."""
    close = _text(ours, "" if theirs and theirs != ours and says_nothing(theirs) else theirs)
    if close is SAME or close is UNTOLD:
        return close
    shown = _MASK.sub("", folded(theirs or ""))
    is_longer = "*" not in (theirs or "") and len(shown) > len(folded(ours or ""))
    return DIFFERENT if close is UNCLEAR or (close is AKIN and is_longer) else close


def _number(ours: Decimal | None, theirs: Decimal | None) -> Likeness:
    return UNTOLD if theirs is None else SAME if ours == theirs else DIFFERENT


def _price(ours: Decimal | None, theirs: Decimal | None) -> Likeness:
    """With tax or without: nobody says which, and either may come back."""
    close = _number(ours, theirs)
    if close is not DIFFERENT or ours is None or theirs is None:
        return close
    is_reading = any(
        abs(net * (1 + rate) - gross) <= _CENT for rate in RATES for net, gross in ((ours, theirs), (theirs, ours))
    )
    return AKIN if is_reading else DIFFERENT
