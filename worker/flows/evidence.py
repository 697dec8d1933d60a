"""What became of submissions, judged from the invoices that the gateway lists: a verdict over evidence. Pure.

Guarantees that a verdict never rests on likelihood: an invoice is a command's only where nothing contradicts it and
nothing else could be meant. Where that cannot be told, the verdict is `Several`, and a person decides.

The one inference beyond equality: commands of a lane run one after the other, so invoices that differ in nothing were
issued in the order in which they were submitted, and are listed in that order too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from contracts.envelope import loads
from worker.flows.conditions import BEIJING, is_positive
from worker.flows.found import identity_of
from worker.flows.matching import holds_words, plain, plain_code, prints_bank
from worker.records import Command, CommandState

Invoice = Mapping[str, Any]
"""As `contracts.found.FoundInvoice` has it."""
_CENT: Final = Decimal("0.01")


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


Verdict = Found | Nothing | Several


def buyer_of(invoice: Invoice) -> str:
    """The buyer's name as it compares, of a submission or of a listed invoice."""
    return plain(invoice.get("buyerName") or "")


def could_be(subject: Subject, invoice: Invoice, skew: timedelta) -> bool:
    """Whether nothing but the total speaks against it: seller, buyer, sign, date, remark; and it has a number."""
    sent = subject.submitted
    return (
        bool(invoice.get("countETicketNumbers"))
        and is_positive(invoice) is not False
        and _same_code(sent.get("sellerIndentification"), invoice.get("sellerIdentificationNumber"))
        and buyer_of(sent) == buyer_of(invoice)
        and _same_code(sent.get("buyerIndentification"), invoice.get("buyerIdentificationNumber"))
        and _not_before(invoice.get("invoiceDate"), subject.since - skew)
        and _remark_fits(sent, invoice.get("note"))
    )


def verdicts(
    subjects: Sequence[Subject], invoices: Sequence[Invoice], bound: Collection[str], skew: timedelta
) -> dict[int, Verdict]:
    """By the command's key. `bound` are numbers that belong to a command already."""
    free = {identity_of(each): each for each in invoices if each.get("countETicketNumbers") not in bound}
    by_buyer: dict[str, dict[str, Invoice]] = {}
    for name, each in free.items():
        by_buyer.setdefault(buyer_of(each), {})[name] = each
    candidates = {
        each.command.key: _candidates(each, by_buyer.get(buyer_of(each.submitted), {}), skew) for each in subjects
    }
    told: dict[int, Verdict] = {}
    for group in _groups(subjects, candidates):
        told |= _judge(group, candidates, free)
    return told


def total_matches(subject: Subject, invoice: Invoice) -> bool | None:
    """Whether the invoice's total is the expected one; None where none was named or told."""
    total = invoice.get("totalPriceAndTax")
    return None if subject.expected_total is None or total is None else bool(total == subject.expected_total)


def _candidates(subject: Subject, free: Mapping[str, Invoice], skew: timedelta) -> frozenset[str]:
    fitting = {name: each for name, each in free.items() if could_be(subject, each, skew)}
    by_total = frozenset(name for name, each in fitting.items() if _total_fits(subject, each))
    if by_total or not subject.is_issued:
        return by_total
    # It was issued, so a wrong total is worth an alarm rather than no answer: where the remark says whose it is.
    return frozenset(name for name, each in fitting.items() if _is_marked(subject, each))


def _groups(subjects: Sequence[Subject], candidates: Mapping[int, frozenset[str]]) -> list[list[Subject]]:
    """Subjects that compete for an invoice, directly or through others, together."""
    groups: list[tuple[set[str], list[Subject]]] = []
    for subject in subjects:
        names, members = set(candidates[subject.command.key]), [subject]
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
    group: Sequence[Subject], candidates: Mapping[int, frozenset[str]], free: Mapping[str, Invoice]
) -> dict[int, Verdict]:
    names = frozenset[str]().union(*(candidates[each.command.key] for each in group))
    if not names:
        return {each.command.key: Nothing() for each in group}
    if len(group) == len(names) == 1:
        return {group[0].command.key: Found(free[next(iter(names))])}
    return _in_turn(group, names, candidates, free) or {
        each.command.key: Several(tuple(free[name] for name in sorted(candidates[each.command.key]))) for each in group
    }


def _in_turn(
    group: Sequence[Subject],
    names: frozenset[str],
    candidates: Mapping[int, frozenset[str]],
    free: Mapping[str, Invoice],
) -> dict[int, Verdict] | None:
    """Submissions that differ in nothing, told apart by their order. Where just as many invoices are listed as were
    surely issued, they are these: what came later is not listed before them."""
    alike = len({each.command.fingerprint for each in group}) == 1 and group[0].command.fingerprint is not None
    if not alike or any(candidates[each.command.key] != names for each in group):
        return None
    dated = [free[name] for name in names]
    if any(each.get("invoiceDate") is None for each in dated):
        return None
    in_order = sorted(dated, key=lambda each: (each["invoiceDate"], str(each.get("countETicketNumbers"))))
    takers = sorted(group, key=lambda each: (each.since, each.command.key))
    issued = [each for each in takers if each.is_issued]
    if len(in_order) not in {len(takers), len(issued)}:
        return None
    told: dict[int, Verdict] = {each.command.key: Nothing() for each in takers}
    chosen = takers if len(in_order) == len(takers) else issued
    told |= {each.command.key: Found(invoice) for each, invoice in zip(chosen, in_order, strict=True)}
    return told


def _total_fits(subject: Subject, invoice: Invoice) -> bool:
    """The expected total, or the sum of the lines taken with tax or without; lines may each be rounded by a cent."""
    with_tax, without = invoice.get("totalPriceAndTax"), invoice.get("totalAmount")
    if subject.expected_total is not None and with_tax == subject.expected_total:
        return True
    tolerance = _CENT * len(subject.submitted["invoiceItems"])
    return any(told is not None and abs(told - subject.total) <= tolerance for told in (with_tax, without))


def _is_marked(subject: Subject, invoice: Invoice) -> bool:
    ours, theirs = plain(subject.submitted.get("remark") or ""), plain(invoice.get("note") or "")
    return bool(ours) and ours == theirs


def _same_code(ours: Any, theirs: Any) -> bool:
    return not theirs or plain_code(ours or "") == plain_code(theirs)


def _remark_fits(sent: Mapping[str, Any], note: Any) -> bool:
    """The note says what was sent; bank data may be printed beside it. A list without notes says nothing."""
    theirs, ours = plain(note or ""), plain(sent.get("remark") or "")
    if not theirs or ours == theirs:
        return True
    return prints_bank(sent) and holds_words(theirs, ours)


def _not_before(dated: datetime | None, earliest: datetime) -> bool:
    """A date without a time of day counts as its whole day."""
    if dated is None:
        return True
    local = dated.astimezone(BEIJING)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return local.date() >= earliest.astimezone(BEIJING).date()
    return dated >= earliest
