"""Looking for what was submitted: one query for all that is sought on a lane with one account, then a verdict for each
(design: reconciliation, `confirmed`).

Guarantees: nothing is ever submitted here; an end is reported only by evidence from a list that was read to its end;
a look that could not be made counts for nothing and is made again. Rivals are read after the list, so that a submission
whose invoice was issued meanwhile, and is listed, is among them. Pure. A pair not in `TRANSITIONS` changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final

from worker.flows import table
from worker.flows.asking import give_way_unanswered
from worker.flows.evidence.endings import Case, endings, login_refused, without_login
from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.invoices import (
    ListedRows,
    dated_by,
    invoices_of,
    is_new_without_number,
    lacking_ids,
    seen_of,
    taken_back,
    trusted,
    up_to_a_cut,
    with_files,
)
from worker.flows.look_up_state import LookUpState, Phase, Sought
from worker.flows.looks import ListReading, LookUpRules, delay_after_nothing_seen, rest_after_refusals
from worker.flows.query_state import ends_unsurely, is_last_page, longest_page
from worker.flows.table import Decision, Table, end, follow, opening
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    CloseSession,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    DetailsFailed,
    DetailsFetched,
    Draining,
    Effect,
    EndLookUp,
    EvidenceRead,
    FetchDetails,
    Input,
    MayGoOn,
    Overtaken,
    PageRead,
    ReadEvidence,
    Record,
    SeeWhoIsNext,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, QueryRefused
from worker.records import BEIJING, CommandState, ListedInvoice, Stray
from worker.texts import folded_code

PAGE_SIZE: Final = 100
FILE_TYPES: Final = ("pdf", "ofd", "xml")


Situation = table.Situation[LookUpState, Sought, LookUpRules]
Next = Decision[LookUpState]


def decide(situation: Situation, given: Input) -> Next:
    """The next step."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


# ---- reading the list ----------------------------------------------------------------------------------


def _begin(at: Situation, given: Begin) -> Next:
    if not at.wish.subjects:
        return end(at, EndLookUp())
    if given.credential_fault is not None:
        ends = [end for subject in at.wish.subjects for end in without_login(subject, at.looks, at.now)]
        return _put_off(at, ends=ends)
    if given.suspended_until is not None and at.now < given.suspended_until:
        # The account rests until a known time, so the usual delay, which grows with the age of the doubt, does not
        # count.
        until = max(given.suspended_until, at.now + at.timing.retry_max)
        return end(at, EndLookUp(until, is_refused=True), CloseSession())
    if given.session_is_open:
        return _ask(at, at.state)
    state = replace(at.state, phase=Phase.CONNECTING, refused_logins=given.refused_logins)
    return Decision(state, (Connect(),))


def _connected(at: Situation, _: Connected) -> Next:
    return _ask(at, at.state)


def _ask(at: Situation, state: LookUpState) -> Next:
    """The days that are asked for: from the day before the first submission to today, by whichever of the two clocks is
    ahead. The manual does not say whose midnight counts (trap 60)."""
    last = (at.now + at.rules.skew).astimezone(BEIJING).date()
    asked = AskPage(_first_day(at), last, state.page)
    return Decision(replace(state, phase=Phase.ASKED), (asked,), at.rules.page)


def _first_day(at: Situation) -> date:
    return min(subject.since for subject in at.wish.subjects).astimezone(BEIJING).date() - timedelta(days=1)


def _login_answered(at: Situation, given: LoginAnswered) -> Next:
    if given.accepted:
        return Decision(at.state, (CountLogin(accepted=True),))
    until = at.now + rest_after_refusals(at.state.refused_logins, at.rules.rest)
    told = [
        settle
        for subject in at.wish.subjects
        for settle in login_refused(subject, at.looks, at.now, until, given.reason)
    ]
    return end(at, CountLogin(accepted=False), *told, EndLookUp(until, is_refused=True), CloseSession())


def _page_read(at: Situation, given: PageRead) -> Next:
    page, was = given.page, at.state
    before = was.listed.as_mapping()
    rows = dated_by(page.invoices, at.now)
    invoices = [_with_seller(each, at.wish.company) for each in invoices_of(rows, before)]
    total = was.total if page.total is None else page.total
    is_unsure = ends_unsurely(page, was.last_page)
    longest = longest_page(page, was.longest_page, PAGE_SIZE)
    is_last = is_last_page(page, asked=was.page, page_size=PAGE_SIZE, last_page=was.last_page, longest=longest)
    seen = seen_of(invoices)
    comes_again = not before.keys().isdisjoint(seen)
    is_over = is_last or was.page >= at.rules.max_pages or was.packed.is_full or (was.rereads > 0 and comes_again)
    if was.page >= at.rules.max_pages and not is_last and not comes_again:
        invoices = up_to_a_cut(invoices)
    fitting = (each for each in invoices if at.wish.wanted.may_be(Listed.of(each)))
    state = replace(
        was,
        page=was.page + 1,
        listed=ListedRows.of(before | seen),
        total=total,
        first_total=was.first_total if was.first_total is not None else total,
        is_cut=was.is_cut
        or page.proves_no_absence
        or (total is None and is_over and (is_unsure or not is_last))
        or (was.reads_again and is_new_without_number(page.invoices, before)),
        more_is_promised=page.has_next is True or was.page < max(page.total_page or 0, (total or 0) / PAGE_SIZE),
        last_page=page.digest,
        longest_page=longest,
        packed=was.packed.with_page(fitting, is_last=is_over),
        taken_back=was.taken_back | taken_back(page.invoices),
        is_announced=was.is_announced and not page.invoices,
    )
    if not is_over:
        if was.goes_on_at is not None and comes_again:
            state = replace(state, page=max(state.page, was.goes_on_at), goes_on_at=None)
        return Decision(replace(state, phase=Phase.LOOKING), (SeeWhoIsNext(),))
    if state.has_grown and not state.packed.is_full:
        again = replace(state, page=1, last_page="", first_total=total, rereads=was.rereads + 1)
        return Decision(replace(again, phase=Phase.LOOKING), (SeeWhoIsNext(),))
    return _list_over(at, state)


def _with_seller(invoice: ListedInvoice, company: str) -> ListedInvoice:
    """A row that names no seller is of the company that lists what it issued, whoever's order is sought in its list."""
    is_told = invoice.seller_id is not None or invoice.seller_name is not None
    return invoice if is_told or not company else replace(invoice, seller_id=company)


def _list_over(at: Situation, state: LookUpState) -> Next:
    since = datetime.combine(_first_day(at), time(), BEIJING)
    return Decision(replace(state, phase=Phase.BOUND), (CountLogin(accepted=True), ReadEvidence(since)))


def _page_refused(at: Situation, given: QueryRefused) -> Next:
    """A page was refused that the gateway had not promised: there would be one only if it listed fewer rows at once
    than it was asked for. So the list has ended before it. It counts as cut, and proves no absence."""
    if at.state.page > 1 and not at.state.more_is_promised:
        return _list_over(at, replace(at.state, is_cut=True))
    return _unseen(at, given)


def _go_on(at: Situation, _: MayGoOn) -> Next:
    return _ask(at, at.state)


def _give_way(at: Situation, _: Overtaken) -> Next:
    """An order does not wait for a thousand rows to be read. What was read so far is kept in memory."""
    return end(at, Record(CommandState.WAITING, due_at=at.now))


# ---- the verdicts --------------------------------------------------------------------------------------


def _evidence_read(at: Situation, given: EvidenceRead) -> Next:
    state = replace(at.state, told=tuple(given.verdicts.items()), strays=given.strays)
    if not state.found:
        return _settle(replace(at, state=state))
    if state.is_announced:
        return _fetch(replace(at, state=state))
    return Decision(replace(state, phase=Phase.NOTICE), timer=at.rules.notice)


def _settle(at: Situation) -> Next:
    told = dict(at.state.told)
    strays: dict[int, list[Stray]] = {}
    for stray in at.state.strays:
        strays.setdefault(stray.command_key, []).append(stray)
    settlements: list[Effect] = [
        effect
        for subject in at.wish.subjects
        for effect in endings(
            Case(
                subject, told[subject.key], at.state.details, tuple(strays.get(subject.key, ())), _reading(at, subject)
            ),
            at.looks,
            at.now,
        )
    ]
    return end(at, *settlements, EndLookUp())


def _reading(at: Situation, subject: Subject) -> ListReading:
    """Absence proves something where the list was read to its end, and is the seller's company's."""
    if folded_code(at.wish.company) != folded_code(subject.command.seller or ""):
        return ListReading.ANOTHERS
    return ListReading.WHOLE if at.state.is_whole else ListReading.CUT


# ---- the files of what was found ---------------------------------------------------------------------------


def _early_notice(at: Situation, _: DownloadTold) -> Next:
    return Decision(replace(at.state, is_announced=True))


def _notice(at: Situation, _: DownloadTold | TimedOut) -> Next:
    """Done, failed, or not told in time: what files there are, the look-up over HTTP says."""
    return _fetch(at)


def _fetch(at: Situation) -> Next:
    state = replace(at.state, phase=Phase.DETAILS, rounds=at.state.rounds + 1)
    return Decision(state, (FetchDetails(files_of=_lacking(at.state), types=FILE_TYPES),))


def _lacking(state: LookUpState) -> tuple[str, ...]:
    return lacking_ids((invoice.gateway_id for invoice in state.found), state.details, FILE_TYPES)


def _details_fetched(at: Situation, given: DetailsFetched) -> Next:
    was = at.state
    numbers = {invoice.gateway_id: invoice.number for invoice in was.found}
    state = replace(was, details=with_files(was.details, trusted(given.details, numbers).files))
    if _lacking(state) and state.rounds <= len(at.rules.late_files):
        return Decision(replace(state, phase=Phase.LATE), timer=at.rules.late_files[state.rounds - 1])
    return _settle(replace(at, state=state))


def _look_again(at: Situation, _: TimedOut) -> Next:
    return _fetch(at)


def _files_without_session(at: Situation, _: ConnectionLost) -> Next:
    """Files come over HTTP. Without a session there is nothing to listen to while the lane waits, so they are asked for
    once more, at once."""
    return _fetch(replace(at, state=replace(at.state, rounds=len(at.rules.late_files))))


def _details_failed(at: Situation, _: DetailsFailed) -> Next:
    """The number is evidence without its files; they can be asked for at any time."""
    return _settle(at)


# ---- what could not be seen ----------------------------------------------------------------------------


def _connect_failed(at: Situation, given: ConnectFailed) -> Next:
    return _put_off(at, given.retry_after)


def _unseen(at: Situation, _: QueryRefused | ConnectionLost | TimedOut) -> Next:
    return _put_off(at)


def _put_off(at: Situation, not_before: timedelta | None = None, ends: Sequence[Effect] = ()) -> Next:
    """No look was made: what is sought waits, and its schedule with it; the longer it has been sought, the longer until
    the next try."""
    oldest = min(subject.since for subject in at.wish.subjects)
    delay = delay_after_nothing_seen(at.now - oldest, at.timing.retry_max)
    return end(at, *ends, EndLookUp(at.now + max(delay, not_before or delay)), CloseSession())


def _left(at: Situation, _: Draining) -> Next:
    """The look-up stays as it stands: whoever takes the lane next makes it."""
    return end(at, CloseSession())


TRANSITIONS: Table[LookUpState] = {
    **opening(Phase, _begin, _connected, failed=_connect_failed, left=_left),
    (Phase.ASKED, LoginAnswered): _login_answered,
    (Phase.ASKED, PageRead): _page_read,
    (Phase.ASKED, DownloadTold): _early_notice,
    (Phase.ASKED, QueryRefused): _page_refused,
    (Phase.ASKED, ConnectionLost): _unseen,
    (Phase.ASKED, TimedOut): _unseen,
    (Phase.ASKED, Overtaken): give_way_unanswered,
    (Phase.ASKED, Draining): _left,
    (Phase.LOOKING, MayGoOn): _go_on,
    (Phase.LOOKING, Overtaken): _give_way,
    (Phase.LOOKING, Draining): _left,
    (Phase.BOUND, EvidenceRead): _evidence_read,
    (Phase.BOUND, Draining): _left,
    (Phase.NOTICE, DownloadTold): _notice,
    (Phase.NOTICE, TimedOut): _notice,
    (Phase.NOTICE, ConnectionLost): _files_without_session,
    (Phase.NOTICE, Draining): _left,
    (Phase.DETAILS, DetailsFetched): _details_fetched,
    (Phase.DETAILS, DetailsFailed): _details_failed,
    (Phase.DETAILS, Draining): _left,
    (Phase.LATE, TimedOut): _look_again,
    (Phase.LATE, ConnectionLost): _files_without_session,
    (Phase.LATE, Draining): _left,
}
"""Phase and kind of input to what follows."""
