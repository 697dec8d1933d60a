"""What became of submissions, judged from the invoices that the gateway lists: a verdict over evidence. Pure.

Guarantees that a verdict never rests on likelihood: an invoice is a command's only where nothing contradicts it and
nothing else could be meant. Where that cannot be told, the verdict is `Several`, and a person decides.

Who competes: the submissions that are sought, and their rivals, whose invoice may be listed too although nobody asks
here what became of them. A rival takes away and gets nothing.

The one inference beyond equality: commands of a lane run one after the other, so invoices that differ in nothing were
issued in the order in which they were submitted, and are listed in that order too.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from contracts.envelope import loads
from worker.flows.conditions import BEIJING, is_positive
from worker.flows.evidence.replies import holds_words, plain, plain_code, prints_bank
from worker.flows.invoices import identity_of, number_of
from worker.records import Command, CommandState

Invoice = Mapping[str, Any]
"""As `contracts.invoices.FoundInvoice` has it."""
_CENT: Final = Decimal("0.01")
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Subject:
    """A submission whose invoice is sought."""

    command: Command
    submitted: Mapping[str, Any]
    """The invoice as it was sent, in the vendor's words."""
    total: Decimal
    """Sum of quantity times price; whether tax is in it, nobody says (trap 28)."""
    expected_total: Decimal | None

    @classmethod
    def read(cls, command: Command) -> "Subject":
        """From the journaled data."""
        data = loads(command.data)
        lines = data["invoice"]["invoiceItems"]
        total = sum((Decimal(str(line["quantity"])) * Decimal(str(line["unitPrice"])) for line in lines), Decimal(0))
        expected = data.get("expectedTotal")
        return cls(command, data["invoice"], total, None if expected is None else Decimal(str(expected)))

    @property
    def is_issued(self) -> bool:
        """Whether the gateway said that there is an invoice: only its number is sought."""
        return self.command.state is CommandState.COMPLETED

    @property
    def since(self) -> datetime:
        """When it was submitted, or came in at the latest."""
        return self.command.submitted_at or self.command.received_at


@dataclass(frozen=True, slots=True)
class Found:
    """This invoice, and no other."""

    invoice: Invoice


@dataclass(frozen=True, slots=True)
class Nothing:
    """No invoice of the list is this one's."""


@dataclass(frozen=True, slots=True)
class Several:
    """Some could be, and it cannot be told which."""

    invoices: tuple[Invoice, ...]
    is_contested: bool = False
    """Another command could claim them too: once its own is known, more may be told."""
    is_but_for_total: bool = False
    """Their totals are others, or are not told: all the rest says that they are this one's."""


Verdict = Found | Nothing | Several


def buyer_of(invoice: Invoice) -> str:
    """The buyer's name as it compares, of a submission or of a listed invoice."""
    return plain(invoice.get("buyerName") or "")


def could_be(subject: Subject, invoice: Invoice, skew: timedelta) -> bool:
    """Whether nothing but the total speaks against it: seller, buyer, sign, date, remark; and it has a number."""
    return _is_alike(subject, invoice) and _latest(invoice) >= subject.since - skew


def verdicts(  # noqa: PLR0913  the evidence, and how far it goes
    subjects: Sequence[Subject],
    invoices: Sequence[Invoice],
    bound: Collection[str],
    skew: timedelta,
    *,
    rivals: Sequence[Subject] = (),
    are_all_rivals: bool = True,
) -> dict[int, Verdict]:
    """Of each subject, by its command's key. `bound` are numbers that belong to a command already. Where there may be
    more rivals than were given, nothing is found: an invoice that one subject alone fits could be another's."""
    free = {identity_of(each): each for each in invoices if each.get("countETicketNumbers") not in bound}
    everybody = [*subjects, *rivals]
    claims = _claims(everybody, free, skew, frozenset(rival.command.key for rival in rivals))
    told: dict[int, Verdict] = {}
    for group in _groups(everybody, claims.names):
        told |= _judge(group, claims, free, is_sure=are_all_rivals)
    return {subject.command.key: told[subject.command.key] for subject in subjects}


def total_matches(subject: Subject, invoice: Invoice) -> bool | None:
    """Whether the invoice's total is the expected one; None where none was named or told."""
    total = invoice.get("totalPriceAndTax")
    return None if subject.expected_total is None or total is None else bool(total == subject.expected_total)


# ---- who could be whose --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Invoices by how late they may have been issued, so that those after some moment are its end."""

    moments: Sequence[datetime]
    names: Sequence[str]

    @classmethod
    def of(cls, invoices: Iterable[tuple[str, Invoice]]) -> "_Shelf":
        in_order = sorted((_latest(each), name) for name, each in invoices)
        return cls([moment for moment, _ in in_order], [name for _, name in in_order])

    def since(self, earliest: datetime) -> frozenset[str]:
        return frozenset(self.names[bisect_left(self.moments, earliest) :])


@dataclass(frozen=True, slots=True)
class Texts:
    """What listed invoices say of their buyers and in their notes: tells quickly who cannot have issued any."""

    pairs: frozenset[tuple[str, str]]
    buyers: frozenset[str]

    @classmethod
    def of(cls, invoices: Iterable[Invoice]) -> "Texts":
        """Of these invoices."""
        pairs = frozenset((buyer_of(each), _note_of(each)) for each in invoices)
        return cls(pairs, frozenset(buyer for buyer, _ in pairs))

    def may_be_of(self, subject: Subject) -> bool:
        """Whether one of the invoices may be this submission's."""
        buyer = buyer_of(subject.submitted)
        if prints_bank(subject.submitted):
            return buyer in self.buyers
        return not self.pairs.isdisjoint({(buyer, ""), (buyer, _remark_of(subject.submitted))})


@dataclass(frozen=True, slots=True)
class _Claims:
    """Who could claim what."""

    names: Mapping[int, frozenset[str]]
    """By the command's key, the invoices' identities."""
    but_for_total: frozenset[int]
    """The keys of those who are not surely issued and whose claims have another total, or none."""

    def of(self, group: Iterable[Subject]) -> frozenset[str]:
        return frozenset[str]().union(*(self.names[each.command.key] for each in group))


def _claims(
    subjects: Sequence[Subject], free: Mapping[str, Invoice], skew: timedelta, rivals: Collection[int]
) -> _Claims:
    """Compared once for all submissions that compare alike: a seller may have thousands of invoices for a buyer called
    个人, and the worker's other lanes wait meanwhile."""
    by_text: dict[tuple[str, str], dict[str, Invoice]] = {}
    for name, each in free.items():
        by_text.setdefault((buyer_of(each), _note_of(each)), {})[name] = each
    shelves: dict[Any, tuple[_Shelf, _Shelf]] = {}
    names, others = dict[int, frozenset[str]](), dict[int, frozenset[str]]()
    for subject in subjects:
        alike = _comparable(subject)
        if alike not in shelves:
            shelves[alike] = _shelved(subject, by_text)
        by_total, rest = (shelf.since(subject.since - skew) for shelf in shelves[alike])
        key = subject.command.key
        if key in rivals:
            by_total, rest = (_before_its_end(subject, some, free, skew) for some in (by_total, rest))
        names[key], others[key] = by_total, rest
    fully = frozenset[str]().union(*names.values())
    doubtful = set()
    for subject in subjects:
        key = subject.command.key
        if subject.is_issued:
            names[key] = names[key] or others[key]
        elif not names[key] and (claimed := others[key] - fully):
            # Not what fits another one in full: that one's it is.
            names[key] = claimed
            doubtful.add(key)
    return _Claims(names, frozenset(doubtful))


def _before_its_end(
    rival: Subject, names: frozenset[str], free: Mapping[str, Invoice], skew: timedelta
) -> frozenset[str]:
    """The gateway tells of an invoice that there is: one that was issued later is not this rival's. So an order of
    yesterday, whose number nobody looks for, is in no later order's way."""
    ended_at = rival.command.settled_at
    if not rival.is_issued or ended_at is None:
        return names
    return frozenset(name for name in names if _earliest(free[name]) <= ended_at + skew)


def _comparable(subject: Subject) -> Any:
    """All by which a submission is compared, but its time."""
    sent = subject.submitted
    names = ("sellerIndentification", "buyerIndentification", "buyerBankShow", "sellerBankShow")
    texts = (buyer_of(sent), _remark_of(sent), *(sent.get(name) for name in names))
    return texts, len(sent["invoiceItems"]), subject.total, subject.expected_total, subject.is_issued


def _shelved(subject: Subject, by_text: Mapping[tuple[str, str], Mapping[str, Invoice]]) -> tuple[_Shelf, _Shelf]:
    """What has the right total; and what says whose it is in spite of its total. Of what was surely issued a wrong
    total is worth an alarm rather than no answer; otherwise a person is shown it, and also what tells no total at all.
    """
    buyer, remark = buyer_of(subject.submitted), _remark_of(subject.submitted)
    notes = {note for theirs, note in by_text if theirs == buyer} if prints_bank(subject.submitted) else {"", remark}
    alike = [
        (name, each)
        for note in notes
        for name, each in by_text.get((buyer, note), {}).items()
        if _is_alike(subject, each)
    ]
    rest = [
        (name, each)
        for name, each in alike
        if _is_marked(subject, each) or (not subject.is_issued and not _tells_total(each))
    ]
    return _Shelf.of((name, each) for name, each in alike if _total_fits(subject, each)), _Shelf.of(rest)


def _is_alike(subject: Subject, invoice: Invoice) -> bool:
    sent = subject.submitted
    return (
        number_of(invoice) is not None
        and is_positive(invoice) is not False
        and _same_code(sent.get("sellerIndentification"), invoice.get("sellerIdentificationNumber"))
        and buyer_of(sent) == buyer_of(invoice)
        and _same_code(sent.get("buyerIndentification"), invoice.get("buyerIdentificationNumber"))
        and _remark_fits(sent, invoice)
    )


# ---- whose it is ---------------------------------------------------------------------------------------


def _groups(subjects: Sequence[Subject], claims: Mapping[int, frozenset[str]]) -> list[list[Subject]]:
    """Subjects that compete for an invoice, directly or through others, together."""
    groups: list[tuple[set[str], list[Subject]]] = []
    for subject in subjects:
        names, members = set(claims[subject.command.key]), [subject]
        apart = []
        for group_names, group in groups:
            if group_names.isdisjoint(names):
                apart.append((group_names, group))
            else:
                names |= group_names
                members = group + members
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _judge(
    group: Sequence[Subject], claims: _Claims, free: Mapping[str, Invoice], *, is_sure: bool
) -> dict[int, Verdict]:
    names = claims.of(group)
    if not names:
        return {each.command.key: Nothing() for each in group}
    if is_sure and claims.but_for_total.isdisjoint(each.command.key for each in group):
        if len(group) == len(names) == 1:
            return {group[0].command.key: Found(free[next(iter(names))])}
        if (in_turn := _in_turn(group, names, claims, free)) is not None:
            return in_turn
    in_order = sorted(names)
    return {
        key: Several(
            tuple(free[name] for name in in_order if name in claims.names[key]),
            is_contested=len(group) > 1 or not is_sure,
            is_but_for_total=key in claims.but_for_total,
        )
        for key in (each.command.key for each in group)
    }


def _in_turn(
    group: Sequence[Subject],
    names: frozenset[str],
    claims: _Claims,
    free: Mapping[str, Invoice],
) -> dict[int, Verdict] | None:
    """Submissions of one lane that differ in nothing, told apart by their order. Where just as many invoices are listed
    as the first of them were surely issued, they are these: what came later is not listed before them."""
    if len({each.command.lane for each in group}) > 1:
        return None
    if len({each.command.fingerprint for each in group}) > 1 or group[0].command.fingerprint is None:
        return None
    dated = [(name, free[name]) for name in names]
    if any(each.get("invoiceDate") is None for _, each in dated):
        return None
    in_order = sorted(dated, key=lambda one: (one[1]["invoiceDate"], one[0]))
    takers = sorted(group, key=lambda each: (each.since, each.command.key))
    issued = [each for each in takers if each.is_issued]
    first = takers if len(in_order) == len(takers) else issued
    if len(first) != len(in_order) or first != takers[: len(first)]:
        return None
    told: dict[int, Verdict] = {each.command.key: Nothing() for each in takers}
    for each, (name, invoice) in zip(first, in_order, strict=True):
        if name not in claims.names[each.command.key]:
            return None
        told[each.command.key] = Found(invoice)
    return told


def _total_fits(subject: Subject, invoice: Invoice) -> bool:
    """The expected total, or the sum of the lines taken with tax or without; lines may each be rounded by a cent."""
    with_tax, without = invoice.get("totalPriceAndTax"), invoice.get("totalAmount")
    if subject.expected_total is not None and with_tax == subject.expected_total:
        return True
    tolerance = _CENT * len(subject.submitted["invoiceItems"])
    return any(told is not None and abs(told - subject.total) <= tolerance for told in (with_tax, without))


def _tells_total(invoice: Invoice) -> bool:
    return invoice.get("totalPriceAndTax") is not None or invoice.get("totalAmount") is not None


def _is_marked(subject: Subject, invoice: Invoice) -> bool:
    ours = _remark_of(subject.submitted)
    return bool(ours) and ours == _note_of(invoice)


def _remark_of(sent: Mapping[str, Any]) -> str:
    return plain(sent.get("remark") or "")


def _note_of(invoice: Invoice) -> str:
    return plain(invoice.get("note") or "")


def _same_code(ours: Any, theirs: Any) -> bool:
    return not theirs or plain_code(ours or "") == plain_code(theirs)


def _remark_fits(sent: Mapping[str, Any], invoice: Invoice) -> bool:
    """The note says what was sent; bank data may be printed beside it. A list without notes says nothing."""
    theirs, ours = _note_of(invoice), _remark_of(sent)
    if not theirs or ours == theirs:
        return True
    return prints_bank(sent) and holds_words(theirs, ours)


def _earliest(invoice: Invoice) -> datetime:
    """When it was issued at the earliest: a date without a time of day is its day's first moment."""
    dated: datetime | None = invoice.get("invoiceDate")
    return _EVER if dated is None else dated


def _latest(invoice: Invoice) -> datetime:
    """When it was issued at the latest. A date without a time of day counts as its whole day; one that is not told
    contradicts nothing."""
    dated: datetime | None = invoice.get("invoiceDate")
    if dated is None:
        return _NEVER
    local = dated.astimezone(BEIJING)
    is_day = (local.hour, local.minute, local.second) == (0, 0, 0)
    return dated + _DAY - timedelta(microseconds=1) if is_day else dated
