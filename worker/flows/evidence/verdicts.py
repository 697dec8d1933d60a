"""What became of submissions, judged from the invoices that the gateway lists: a verdict over evidence. Pure.

Guarantees that a verdict never rests on likelihood: an invoice is a command's only where nothing identifying
contradicts it and nobody else could claim it, and there is none only where nothing could be it. Where that cannot be
told, the verdict is `Several`, and a person decides.

**Two rivals and three invoices.** A and B were submitted one after the other, both for 个人 over 100.00, A with the
remark `SO-1`, B with `SO-2`. Listed are X (100.00, `SO-1`), Y (100.00, `SO-2 收款人:李四`) and Z (100.00, no remark).
X is the same as A in all that is told: `EXACT`. So is Z, and Z is as exactly B's. Y is B's but for what is printed
beside the remark, which weighs less: `CLOSE`. A could claim X and Z, B could claim Z: none of them is given, both are
`Several`. Were Z not listed, A would get X, and B would get Y with `differs` naming the remark.

**A name that was corrected.** The order names 示例有限公司; the bureau prints 示例有限责任公司, the name that the
register has for the tax id. Tax id and total are the same, so the name only describes: `CLOSE`, found, with `differs`
naming it. Where the list has no tax id, the name is all there is to identify the buyer. It is different, and the total
alone does not say whose the invoice is: `Nothing`, unless the remark says so too. Then it is `AGAINST`: for a person.

**A stray.** The gateway answered the submission with a result that named another quantity. It was laid aside. If the
list then holds nothing that could be the order's, that is no proof of absence: `endings` shows the person that result.

Who competes: the submissions that are sought, and their rivals: submissions of the same seller whose invoice may be
listed too, although nobody asks here what became of them. A rival can keep an invoice from a submission that is sought;
it gets none itself.

The one inference beyond comparing: commands of a lane run one after the other, so invoices that differ in nothing were
issued in the order in which they were submitted, and are listed in that order too.
"""

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.flows.evidence.claims import BREATH, Claims, claims_of
from worker.flows.evidence.members import MemberDifference, Weight, twin_of
from worker.flows.evidence.subjects import Listed, Subject
from worker.records import ListedInvoice

MOST_CANDIDATES: Final = 20
"""Shown to the person who decides; whoever has more looks at the portal anyway."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An invoice that could be a submission's, and what differs."""

    invoice: ListedInvoice
    differs: tuple[MemberDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """This invoice, and no other."""

    invoice: ListedInvoice
    differs: tuple[MemberDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing:
    """No invoice of the list could be this one's."""


@dataclass(frozen=True, slots=True)
class Several:
    """Some could be, and it cannot be told which, or whether it is any."""

    candidates: tuple[Candidate, ...]
    """The first few."""
    count: int = 1
    """How many there are in all."""
    is_contested: bool = False
    """Another command could claim one of them too. Once that command's invoice is known, a later look may decide."""
    may_clear: bool = False
    """They are weak evidence: the right one may be listed later."""


Verdict = Found | Nothing | Several
Verdicts = dict[int, Verdict]
"""By the command's key."""


def judge(  # noqa: PLR0913  the evidence, and how far it goes
    subjects: Sequence[Subject],
    invoices: Iterable[Listed],
    bound: Collection[str],
    skew: timedelta,
    *,
    rivals: Sequence[Subject] = (),
    are_all_rivals: bool = True,
) -> Generator[None, None, Verdicts]:
    """The verdict of each subject. `bound` are numbers that belong to a command already. Where there may be more rivals
    than were given, nothing is found: an invoice that one subject alone fits could be another's. Yields after every few
    milliseconds of work, so that the event loop can go on: leases and heartbeats hang on it."""
    free = {each.identity: each for each in invoices if each.invoice.number not in bound}
    yield
    everybody = {each.key: each for each in (*rivals, *subjects)}
    claims = yield from claims_of(everybody, free, skew, frozenset(rival.key for rival in rivals))
    told: Verdicts = {}
    for keys, names in (yield from claims.groups()):
        yield
        group = [everybody[key] for key in keys]
        given = _given(group, names, claims) if are_all_rivals else None
        if given is not None:
            told |= given
            continue
        for work, key in enumerate(keys, start=1):
            told[key] = _several(key, claims, is_contested=len(keys) > 1 or not are_all_rivals)
            if work % MOST_CANDIDATES == 0:
                yield
    yield
    yield from _withdraw(told, claims)
    return {subject.key: told.get(subject.key, Nothing()) for subject in subjects}


def _given(group: Sequence[Subject], names: Sequence[str], claims: Claims) -> Verdicts | None:
    """Each submission of the group with its invoice; None where that cannot be told for all of them. One submission
    with one invoice is clear; several are told apart by their order alone."""
    if any(claims.weight_of(each.key) < Weight.CLOSE for each in group):
        return None
    if len(group) == len(names) == 1:
        return {group[0].key: _found(group[0].key, names[0], claims)}
    return _in_turn(group, names, claims)


def _found(key: int, name: str, claims: Claims) -> Found:
    return Found(claims.free[name].invoice, claims.differs(key, name))


def _several(key: int, claims: Claims, *, is_contested: bool) -> Verdict:
    shown, count = claims.shown(key, MOST_CANDIDATES)
    if not count:
        return Nothing()
    return Several(
        tuple(Candidate(claims.free[name].invoice, claims.differs(key, name)) for name in shown),
        count=count,
        is_contested=is_contested,
        may_clear=claims.may_clear(key),
    )


def _withdraw(told: Verdicts, claims: Claims) -> Generator[None, None, None]:
    """Withhold an invoice that fits its submission only closely while another submission could claim it too. Any claim
    that nothing contradicts counts, unless that other one has its own invoice; so does one that something contradicts,
    where the invoice is believed for its remark against what else is told."""
    close = {
        verdict.invoice.identity: key
        for key, verdict in told.items()
        if isinstance(verdict, Found) and claims.weight_of(key) is Weight.CLOSE
    }
    if not close:
        return
    yield from _withdraw_rings(told, close, claims)
    for work, (other, verdict) in enumerate(list(told.items()), start=1):
        if work % BREATH == 0:
            yield
        if isinstance(verdict, Found):
            continue
        for name in claims.open_names(other):
            if (key := close.pop(name, other)) != other:
                told[key] = _several(key, claims, is_contested=True)
        for name in claims.contradicted_names(other):
            if (key := close.get(name, other)) != other and claims.is_by_remark(key, name):
                del close[name]
                told[key] = _several(key, claims, is_contested=True)


def _withdraw_rings(told: Verdicts, close: dict[str, int], claims: Claims) -> Generator[None, None, None]:
    """Withhold what could as well be given the other way round: each of some submissions has an invoice that fits it
    closely, and could claim the next one's. Whoever could claim none of the others' has its own, whatever they have."""
    rivals = {key: {close[name] for name in claims.open_names(key) if name in close} - {key} for key in close.values()}
    while settled := {key for key, others in rivals.items() if rivals.keys().isdisjoint(others)}:
        yield
        for key in settled:
            del rivals[key]
    for name, key in list(close.items()):
        if key in rivals:
            del close[name]
            told[key] = _several(key, claims, is_contested=True)


def _beside(key: int, names: Sequence[str], claims: Claims) -> Verdict:
    """The verdict of a submission that gets none of the invoices that fit it best. Another invoice may fit it less well
    and be its own. Only where there is none, nothing is found."""
    others = claims.loose_names(key) if key in claims.exact else claims.rest[key]
    has_more = not set(others) <= set(names)
    return _several(key, claims, is_contested=True) if has_more else Nothing()


def _in_turn(group: Sequence[Subject], names: Sequence[str], claims: Claims) -> Verdicts | None:
    """Submissions of one lane that differ in nothing, each with its invoice by their order: the lane issues one after
    the other. Either as many invoices are listed as were submitted; or as many as were surely issued, where these came
    before all others. Anything else cannot be told apart."""
    if len({each.command.lane for each in group}) > 1:
        return None
    dated = [(listed.invoice.dated, name) for name, listed in ((name, claims.free[name]) for name in names)]
    in_order = sorted((when.shown, name) for when, name in dated if when is not None)
    if len(in_order) < len(dated):
        return None  # an invoice without a date has no place in the order
    takers = sorted(group, key=lambda each: (each.since, each.key))
    issued = [each for each in takers if each.is_issued]
    first = takers if len(in_order) == len(takers) else issued
    if len(first) != len(in_order) or first != takers[: len(first)]:
        return None
    if len({twin_of(each.order) for each in group}) > 1:
        return None
    told: Verdicts = {each.key: _beside(each.key, names, claims) for each in takers}
    for each, (_, name) in zip(first, in_order, strict=True):
        if not claims.has(each.key, name) or claims.is_early(each.key, name):
            return None
        told[each.key] = _found(each.key, name, claims)
    return told
