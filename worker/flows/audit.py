"""The way of `invoice.audit`: the period's list is read page by page and kept, what has no number is sought in it, and
list and journal are held against each other (design 9.8).

Guarantees: nothing is called missing unless the list was whole, nothing unknown that a command could own; what is
settled is settled by the evidence that look-ups go by, and nothing else is changed; each batch of findings is told and
remembered as told in one step. Nothing here is irreversible, so whatever breaks is begun again where it stands.
Knows no clock, no socket and no database. A pair that is not in `TRANSITIONS` changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from contracts.audits import MOST_FINDINGS, FindingKind
from contracts.events import Outcome
from contracts.failures import Stage
from contracts.told import AuditCompletedData
from worker.flows.announce import Announcement, announced
from worker.flows.asking import answer_overdue, connection_lost, give_way_unanswered, login_answered, query_refused
from worker.flows.audit_findings import Standing, hold, missing, missing_without_number
from worker.flows.audit_progress import (
    MOST_READS,
    AuditProgress,
    AuditStage,
    AuditState,
    Next,
    Phase,
    Situation,
    days_at,
    spans_at,
)
from worker.flows.audit_rows import before_of, row_of
from worker.flows.audit_vocabulary import (
    AuditedCounted,
    AuditedRead,
    ClaimAudited,
    CountAudited,
    ForgetAudited,
    KeepAudited,
    NumberedRead,
    Prove,
    Proved,
    ReadAudited,
    ReadNumbered,
)
from worker.flows.evidence.endings import Case, endings
from worker.flows.evidence.status import counts
from worker.flows.evidence.subjects import Subject
from worker.flows.evidence.verdicts import Found, Nothing, Verdict
from worker.flows.invoices import dated_by, invoices_of, parts_of, trusted, up_to_a_cut
from worker.flows.query_state import AfterPage, after_page, ends_unsurely, longest_page
from worker.flows.table import (
    Decision,
    Table,
    deadline_exceeded,
    end,
    fail,
    follow,
    is_overdue,
    obstacle,
    opening,
    put_back,
)
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    Connect,
    Connected,
    ConnectionLost,
    CountLogin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    Effect,
    FetchDetails,
    Input,
    MayGoOn,
    Overtaken,
    PageRead,
    Record,
    SeeWhoIsNext,
    TimedOut,
)
from worker.ports import LoginAnswered, QueryRefused
from worker.records import BEIJING, UNDECIDED, CommandState

PAGE_SIZE: Final = 100
BATCH: Final = 200
"""Invoices, or commands, that are held against each other at once."""
FILE_TYPES: Final = ("pdf", "ofd", "xml")
_AROUND: Final = timedelta(days=2)
"""How far from its invoice's date a command's submission is looked for."""
_EARLIEST: Final = date(1971, 1, 1)
_LATEST: Final = date(9998, 12, 31)


def decide(situation: Situation, given: Input) -> Next:
    """The next step."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


# ---- the list ------------------------------------------------------------------------------------------


def _begin(at: Situation, given: Begin) -> Next:
    if at.state.progress.stage is not AuditStage.PAGES:
        # No session is needed any more, so no login that could be missing or suspended.
        return fail(at, *deadline_exceeded()) if is_overdue(at) else _go_on(at, MayGoOn())
    if (decision := obstacle(at, given)) is not None:
        return decision
    if given.session_is_open:
        return _connected(at, Connected())
    return Decision(replace(at.state, phase=Phase.CONNECTING), (Connect(),))


def _connected(at: Situation, _: Connected) -> Next:
    return _ask(replace(at, state=replace(at.state, has_session=True)))


def _ask(at: Situation) -> Next:
    progress = at.state.progress
    start, last = spans_at(at)[progress.span]
    asked = AskPage(start, last, progress.page)
    return Decision(replace(at.state, phase=Phase.ASKED), (asked,), at.rules.page)


def _page_read(at: Situation, given: PageRead) -> Next:
    """Keep the page, then remember that it is done: a page that is read twice is kept once."""
    company = at.state.progress.company or at.state.company
    before = before_of(at.state.progress.last_row)
    invoices = invoices_of(dated_by(given.page.invoices, at.now), before)
    following = _following(at, given)
    progress = replace(_advanced(at, given, following), company=company).with_rows(invoices)
    if following is AfterPage.CUT:
        invoices = up_to_a_cut(invoices)
    rows = tuple(row_of(each, company, at.wish.first, at.wish.last) for each in invoices)
    return _stepped(at, progress, CountLogin(accepted=True), KeepAudited(rows))


def _following(at: Situation, given: PageRead) -> AfterPage:
    spans, most = len(spans_at(at)), at.rules.max_pages
    return after_page(given.page, at.state.progress, page_size=PAGE_SIZE, spans=spans, max_pages=most)


def _advanced(at: Situation, given: PageRead, following: AfterPage) -> AuditProgress:
    """The progress once this page is kept."""
    was, page = at.state.progress, given.page
    total = was.span_total if page.total is None else page.total
    is_unsure = total is None and ends_unsurely(page, was.last_page)
    done = replace(
        was,
        began_at=was.began_at or at.now.isoformat(),
        last_day=was.last_day or days_at(at)[1].isoformat(),
        span_days=was.span_days or at.rules.span_days,
        page=was.page + 1,
        pages=was.pages + 1,
        span_total=total,
        is_cut=was.is_cut or page.proves_no_absence or is_unsure or following is AfterPage.CUT,
        last_page=page.digest,
        longest_page=longest_page(page, was.longest_page, PAGE_SIZE),
    )
    if following is AfterPage.NEXT_PAGE:
        return done
    over = replace(done, page=1, total=done.total + (total or 0), span_total=None, last_page="", longest_page=0)
    if following is AfterPage.NEXT_SPAN:
        return replace(over, span=was.span + 1)
    return replace(over, stage=AuditStage.COUNT)


# ---- from one stage to the next ------------------------------------------------------------------------


def _stepped(at: Situation, progress: AuditProgress, *effects: Effect, findings: Iterable[Any] = ()) -> Next:
    """Tell what there is to tell, remember how far it has come, and see who is next."""
    record = Record(
        CommandState.RUNNING,
        tuple(_announced(at, findings)),
        progress=progress.journaled(),
        deadline_at=at.now + at.rules.deadline,
    )
    state = replace(at.state, progress=progress, phase=Phase.LOOKING, proof=None)
    return Decision(state, (*effects, record, SeeWhoIsNext()))


def _announced(at: Situation, findings: Iterable[Any]) -> Iterator[Announcement]:
    told = list(findings)
    for part in parts_of(told, at.rules.event_bytes) if told else ():
        for start in range(0, len(part), MOST_FINDINGS):
            yield announced(Outcome.FINDING, {"findings": part[start : start + MOST_FINDINGS]})


def _go_on(at: Situation, _: MayGoOn) -> Next:
    state, progress = at.state, at.state.progress
    if progress.stage is AuditStage.PAGES:
        # The list is to be read once more, and this run began behind it, so it has no session: it begins anew.
        return _ask(at) if state.has_session else end(at, Record(CommandState.WAITING, due_at=at.now))
    if progress.stage is AuditStage.CLOSING:
        return _closed(at)
    asked: Effect
    match progress.stage:
        case AuditStage.COUNT:
            asked = CountAudited()
        case AuditStage.PROOF:
            asked = Prove()
        case AuditStage.LISTED:
            asked = ReadAudited(progress.after)
        case _:
            asked = _next_numbered(at)
    return Decision(replace(state, phase=Phase.READING), (asked,))


def _give_way(at: Situation, _: Overtaken) -> Next:
    """Give way between two pages: what was read is kept in the journal, and a command that goes first on this lane must
    not wait for two hundred pages."""
    return end(at, Record(CommandState.WAITING, due_at=at.now))


def _counted(at: Situation, given: AuditedCounted) -> Next:
    """Rows that moved while they were read come with another reading: all that is kept counts together."""
    was = at.state.progress
    lacks = given.number < was.total
    if lacks and not was.is_cut and was.reads < MOST_READS:
        return _stepped(at, was.read_again(at.now))
    return _stepped(at, replace(was, stage=AuditStage.PROOF, is_whole=not was.is_cut and not lacks))


# ---- what has no number --------------------------------------------------------------------------------


def _proved(at: Situation, given: Proved) -> Next:
    """Remember to which command each found invoice belongs, look for its files, then settle it."""
    found = surely_found(given.subjects, given.verdicts)
    claims = dict.fromkeys(given.undecided, UNDECIDED)
    claims |= {each.invoice.identity: key for key, each in found.items()}
    state = replace(at.state, proof=given)
    if not found:
        settled = _settled(replace(at, state=state), Details())
        return replace(settled, effects=(ClaimAudited(claims), *settled.effects))
    wanted = FetchDetails(files_of=tuple(each.invoice.gateway_id for each in found.values()), types=FILE_TYPES)
    return Decision(replace(state, phase=Phase.DETAILS), (ClaimAudited(claims), wanted))


def surely_found(subjects: Iterable[Subject], verdicts: Mapping[int, Verdict]) -> Mapping[int, Found]:
    """The invoices that are surely a command's, by its key. An invoice of a command in doubt that may count no more is
    left to a person, as after any look: the command stays as it is, and the invoice is undecided."""
    return {
        each.key: verdict
        for each in subjects
        if isinstance(verdict := verdicts[each.key], Found) and (each.is_issued or counts(verdict.invoice.status))
    }


def _details_fetched(at: Situation, given: DetailsFetched) -> Next:
    proof = at.state.proof
    assert proof is not None  # noqa: S101  there is one in this phase
    found = surely_found(proof.subjects, proof.verdicts)
    numbers = {each.invoice.gateway_id: each.invoice.number for each in found.values()}
    return _settled(at, trusted(given.details, numbers))


def _details_failed(at: Situation, _: DetailsFailed) -> Next:
    """The number is evidence without its files; they can be asked for at any time."""
    return _settled(at, Details())


def _settled(at: Situation, details: Details) -> Next:
    proof = at.state.proof
    assert proof is not None  # noqa: S101  there is one in these phases
    found = surely_found(proof.subjects, proof.verdicts)
    moves: list[Effect] = [
        move
        for each in proof.subjects
        if each.key in found
        for move in endings(Case(each, found[each.key], details), at.looks, at.now)
    ]
    absent = [each for each in proof.subjects if _is_absent(at, each, proof)]
    undecided = proof.others + len(proof.subjects) - len(found) - len(absent)
    progress = at.state.progress.counted([FindingKind.MISSING] * len(absent))
    progress = replace(progress, stage=AuditStage.LISTED, undecided_commands=undecided)
    findings = [missing_without_number(each.command) for each in absent]
    return _stepped(at, progress, *moves, findings=findings)


def _is_absent(at: Situation, subject: Subject, proof: Proved) -> bool:
    """Issued, sought to the end of its schedule, and nothing in a whole list could be it."""
    return (
        subject.is_issued
        and subject.command.sought_at is None
        and at.state.progress.is_whole
        and proof.are_all_rivals
        and isinstance(proof.verdicts[subject.key], Nothing)
    )


# ---- list and journal ----------------------------------------------------------------------------------


def _audited_read(at: Situation, given: AuditedRead) -> Next:
    was = at.state.progress
    if not given.rows:
        stage = AuditStage.NUMBERED if was.is_whole else AuditStage.CLOSING
        return _stepped(at, replace(was, stage=stage))
    held = [hold(each, was.taken_back) for each in given.rows if each.row.is_in_period]
    progress = replace(was.with_invoices(held), after=given.rows[-1].row.identity)
    return _stepped(at, progress, findings=[each.finding for each in held if each.finding is not None])


def _next_numbered(at: Situation) -> ReadNumbered:
    progress = at.state.progress
    since = datetime.fromisoformat(progress.since) if progress.since else _midnight(at.wish.first) - _AROUND
    return ReadNumbered(since, progress.after_key, _midnight(at.wish.last) + _AROUND)


def _midnight(day: date) -> datetime:
    """Beijing's. Bounded, for callers do ask from the calendar's first day to its last one."""
    return datetime.combine(min(max(day, _EARLIEST), _LATEST), time(), BEIJING)


def _numbered_read(at: Situation, given: NumberedRead) -> Next:
    was, wish = at.state.progress, at.wish
    before = datetime.fromisoformat(was.began_at)
    told = [missing(each, wish.first, wish.last, before) for each in given.rows]
    findings = [each for each in told if isinstance(each, dict)]
    progress = was.counted([FindingKind.MISSING] * len(findings))
    progress = replace(progress, undecided_commands=was.undecided_commands + sum(each is True for each in told))
    if given.rows:
        last = given.rows[-1]
        progress = replace(progress, since=last.submitted_at.isoformat(), after_key=last.key)
    if len(given.rows) < BATCH:
        progress = replace(progress, stage=AuditStage.CLOSING)
    return _stepped(at, progress, findings=findings)


def _closed(at: Situation) -> Next:
    """What was kept goes first: the end is remembered without it."""
    progress = at.state.progress
    tally = progress.tally
    counts: dict[str, int | None] = {kind: tally.get(kind, 0) for kind in FindingKind}
    if not progress.is_whole:
        counts[FindingKind.MISSING] = None
    data: AuditCompletedData = {
        "total": progress.listed,
        "matched": tally.get(Standing.MATCHED, 0),
        "counts": counts,
        "undecidedInvoices": tally.get(Standing.UNDECIDED, 0),
        "undecidedCommands": progress.undecided_commands,
        "sums": [
            {"month": month, "status": status, "count": count, "totalPriceAndTax": total}
            for month, status, count, total in sorted(progress.sums, key=lambda each: (each[0] or "", each[1] or ""))
        ],
        "isWhole": progress.is_whole,
    }
    return end(at, ForgetAudited(), Record(CommandState.COMPLETED, (announced(Outcome.COMPLETED, data),)))


TRANSITIONS: Table[AuditState] = {
    **opening(Phase, _begin, _connected),
    (Phase.ASKED, LoginAnswered): login_answered,
    (Phase.ASKED, PageRead): _page_read,
    (Phase.ASKED, QueryRefused): query_refused("a wrong password"),
    (Phase.ASKED, ConnectionLost): connection_lost(Stage.QUERY, "while the list was read"),
    (Phase.ASKED, TimedOut): answer_overdue(Stage.QUERY, "The gateway did not answer the query in time."),
    (Phase.ASKED, Overtaken): give_way_unanswered,
    (Phase.ASKED, Draining): put_back,
    (Phase.LOOKING, MayGoOn): _go_on,
    (Phase.LOOKING, Overtaken): _give_way,
    (Phase.LOOKING, Draining): put_back,
    (Phase.READING, AuditedCounted): _counted,
    (Phase.READING, Proved): _proved,
    (Phase.READING, AuditedRead): _audited_read,
    (Phase.READING, NumberedRead): _numbered_read,
    (Phase.READING, Draining): put_back,
    (Phase.DETAILS, DetailsFetched): _details_fetched,
    (Phase.DETAILS, DetailsFailed): _details_failed,
    (Phase.DETAILS, Draining): put_back,
}
"""Phase and kind of input to what follows."""
