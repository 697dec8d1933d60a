"""The way of `invoice.query`: page by page, with the download notice, the items and the files of each
(manual: 查询发票接口).

Guarantees: a page is told, stored and remembered as done in one step; what is not ready is asked for again and, at
the end, named. Nothing here is irreversible, so whatever breaks is begun again where it stands. Knows no clock, no
socket and no database. A pair that is not in `TRANSITIONS` changes nothing.
"""

from dataclasses import replace
from typing import Any

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import QueryCompletedData
from worker.flows.announce import Announcement, announced
from worker.flows.asking import answer_overdue, connection_lost, give_way_unanswered, login_answered, query_refused
from worker.flows.invoices import (
    dated_by,
    file_row,
    findings_of,
    fits_condition,
    invoices_of,
    lacking_ids,
    parts_of,
    trusted,
    with_details,
)
from worker.flows.query_state import (
    AfterPage,
    Next,
    Phase,
    QueryProgress,
    QueryStage,
    QueryState,
    Situation,
    after_page,
    ends_unsurely,
    longest_page,
    spans_at,
)
from worker.flows.table import (
    Decision,
    Table,
    again,
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
    AskDownload,
    AskPage,
    Begin,
    Connect,
    Connected,
    ConnectionLost,
    CountLogin,
    DetailsFailed,
    DetailsFetched,
    Draining,
    FetchDetails,
    FetchLate,
    Input,
    ListMissing,
    MayGoOn,
    MissingListed,
    Overtaken,
    PageRead,
    Record,
    SeeWhoIsNext,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, QueryRefused
from worker.records import CommandState, Findings, ListedInvoice


def decide(situation: Situation, given: Input) -> Next:
    """The next step."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


# ---- before the page -----------------------------------------------------------------------------------


def _begin(at: Situation, given: Begin) -> Next:
    if at.state.progress.stage is QueryStage.LATE:
        # No session is needed any more, so no login that could be missing or suspended.
        return fail(at, *deadline_exceeded()) if is_overdue(at) else _fetch_late(at, at.state.progress)
    if (decision := obstacle(at, given)) is not None:
        return decision
    if given.session_is_open:
        return _ask(at, at.state.progress)
    return Decision(replace(at.state, phase=Phase.CONNECTING), (Connect(),))


def _connected(at: Situation, _: Connected) -> Next:
    return _ask(at, at.state.progress)


def _ask(at: Situation, progress: QueryProgress) -> Next:
    start, last = spans_at(at)[progress.span]
    return Decision(QueryState(progress, Phase.ASKED), (AskPage(start, last, progress.page),), at.rules.page)


# ---- the page and its download notice ------------------------------------------------------------------


def _page_read(at: Situation, given: PageRead) -> Next:
    rows: dict[str, ListedInvoice] = {}
    for invoice in invoices_of(dated_by(given.page.invoices, at.now)):
        if invoice.identity in given.fresh and fits_condition(at.wish.condition, invoice):
            rows.setdefault(invoice.identity, invoice)
    state = replace(at.state, page=given.page, rows=tuple(rows.values()), came=len(given.fresh))
    accepted = CountLogin(accepted=True)
    if not at.wish.types or not given.page.invoices:
        # No notice will follow; what failed before is asked for again all the same.
        following = (_retry_or_fetch if at.wish.types else _fetch)(replace(at, state=state))
        return replace(following, effects=(accepted, *following.effects))
    patience = at.rules.grace if state.progress.is_silent else at.rules.notice
    return Decision(replace(state, phase=Phase.NOTICE), (accepted,), patience)


def _early_notice(at: Situation, given: DownloadTold) -> Next:
    """A notice that comes while a page is awaited is of an earlier page: a failure is kept for the next turn."""
    return Decision(_with_failure(at.state, given))


def _notice(at: Situation, given: DownloadTold) -> Next:
    state = _with_failure(at.state, given)
    state = replace(state, progress=replace(state.progress, is_silent=False))
    if given.ok and state.retrying is not None:
        state = replace(state, retrying=None)
    elif not given.ok and given.date is not None and given.date == state.retrying:
        state = replace(state, retrying=None, progress=state.progress.failed_again(given.date))
    elif state.retrying is not None:
        return Decision(state)
    return _retry_or_fetch(replace(at, state=state))


def _with_failure(state: QueryState, given: DownloadTold) -> QueryState:
    if given.ok:
        return state
    if given.date is None:
        return replace(state, progress=replace(state.progress, download_ok=False))
    if given.date == state.retrying:
        return state
    return replace(state, progress=state.progress.failed_again(given.date))


def _notice_overdue(at: Situation, _: TimedOut) -> Next:
    """No notice: the files may be there all the same, so the look-up over HTTP decides."""
    progress, state = at.state.progress, at.state
    if state.retrying is not None:
        progress = replace(progress, download_ok=False, download_date=state.retrying)
    else:
        progress = replace(progress, download_ok=False, is_silent=True)
    return _retry_or_fetch(replace(at, state=replace(state, retrying=None, progress=progress)))


def _retry_or_fetch(at: Situation) -> Next:
    state, dates = at.state, at.state.progress.dates
    if not dates:
        return _fetch(at)
    if state.retries >= at.rules.download_attempts:
        return _fetch(replace(at, state=replace(state, progress=state.progress.without_dates())))
    progress = replace(state.progress, dates=dates[1:])
    state = replace(state, phase=Phase.NOTICE, progress=progress, retrying=dates[0], retries=state.retries + 1)
    return Decision(state, (AskDownload(dates[0]),), at.rules.notice)


def _fetch(at: Situation) -> Next:
    ids = tuple(row.gateway_id for row in at.state.rows)
    wanted = FetchDetails(
        items_of=ids if at.wish.items else (),
        files_of=ids if at.wish.types else (),
        types=at.wish.types,
        may_lack_items=True,
    )
    return Decision(replace(at.state, phase=Phase.DETAILS), (wanted,))


# ---- the page is whole ---------------------------------------------------------------------------------


def _details_fetched(at: Situation, given: DetailsFetched) -> Next:
    """Tell the page, store it and remember that it is done: one step."""
    state, wish = at.state, at.wish
    details = trusted(given.details, {row.gateway_id: row.number for row in state.rows})
    told = [with_details(row.told, details, items=wish.items, files=bool(wish.types)) for row in state.rows]
    progress = _advanced(at, sum(map(len, details.items.values())))
    if wish.items:
        progress = progress.miss_items([row.gateway_id for row in state.rows if not details.items.get(row.gateway_id)])
    record = Record(
        CommandState.RUNNING,
        tuple(_page_events(at, told, state.progress.page)),
        progress=progress.journaled(),
        deadline_at=at.now + at.rules.deadline,
        findings=findings_of(
            state.rows,
            details,
            user_id=at.command.user_id,
            query_type=int(wish.condition["queryType"]),
            types=wish.types,
        ),
    )
    if progress.stage is QueryStage.LATE:
        following = _fetch_late(at, progress)
        return replace(following, effects=(record, *following.effects))
    return Decision(QueryState(progress, Phase.LOOKING), (record, SeeWhoIsNext()))


def _advanced(at: Situation, items: int) -> QueryProgress:
    """The progress once this page is told."""
    state, wish, page = at.state, at.wish, at.state.page
    assert page is not None  # noqa: S101  there is a page in this phase
    was = state.progress
    total = was.total if page.total is None else was.total_before + page.total
    done = replace(
        was,
        span_days=was.span_days or at.rules.span_days,
        pages=was.pages + 1,
        page=was.page + 1,
        total=total,
        rows=was.rows + state.came,
        told=was.told + len(state.rows),
        items=was.items + items,
        unread=was.unread + (0 if page.digest == was.last_page != "" else page.unreadable),
        is_cut=was.is_cut or page.is_doubtful or (page.total is None and ends_unsurely(page, was.last_page)),
        last_page=page.digest,
        longest_page=longest_page(page, was.longest_page, wish.page_size),
    )
    following = AfterPage.END
    if wish.all_pages:
        spans, most = len(spans_at(at)), at.rules.max_pages
        following = after_page(page, was, page_size=wish.page_size, spans=spans, max_pages=most)
    match following:
        case AfterPage.NEXT_PAGE:
            return done
        case AfterPage.NEXT_SPAN:
            return replace(done, span=was.span + 1, page=1, total_before=total or 0, last_page="", longest_page=0)
        case AfterPage.END | AfterPage.CUT:
            done = replace(done, is_cut=done.is_cut or following is AfterPage.CUT)
            return replace(done.without_dates(), stage=QueryStage.LATE)


def _page_events(at: Situation, told: list[dict[str, Any]], number: int, *, late: bool = False) -> list[Announcement]:
    page = at.state.page
    parts = parts_of(told, at.rules.event_bytes)
    return [
        announced(
            Outcome.PAGE,
            {
                "pageNumber": number,
                "totalPage": None if page is None else page.total_page,
                "total": None if page is None else page.total,
                "invoices": part,
                "part": place,
                "parts": len(parts),
                "late": late,
            },
        )
        for place, part in enumerate(parts, start=1)
    ]


def _go_on(at: Situation, _: MayGoOn) -> Next:
    return _ask(at, at.state.progress)


def _give_way(at: Situation, _: Overtaken) -> Next:
    """Give way between two pages: the page is stored, and a command that goes first on this lane must not wait for five
    hundred of them."""
    return end(at, Record(CommandState.WAITING, due_at=at.now))


def _details_failed(at: Situation, given: DetailsFailed) -> Next:
    if given.code is not None:
        return fail(at, given.code, Stage.DETAILS, given.message)
    return again(at, FailureCode.HTTP_ERROR, Stage.DETAILS, given.message, given.retry_after)


# ---- files that were not ready, and the end ------------------------------------------------------------


def _fetch_late(at: Situation, progress: QueryProgress) -> Next:
    """The pages' own look-ups were the first round: what they lack gets some time before it is asked for again."""
    if progress.round == 0:
        return Decision(QueryState(progress, Phase.CLOSING), (ListMissing(),))
    return Decision(QueryState(progress, Phase.LATE), (FetchLate(progress.after),))


def _late_fetched(at: Situation, given: DetailsFetched) -> Next:
    """Tell what came late; invoices that still lack a file are asked for again in the next round."""
    if not given.lacking:
        return Decision(replace(at.state, phase=Phase.CLOSING), (ListMissing(),))
    details = trusted(given.details, {row.invoice_id: row.number for row in given.lacking})
    lacking = lacking_ids([row.invoice_id for row in given.lacking], details, at.wish.types)
    ready = [loads(row.data) for row in given.lacking if row.invoice_id not in lacking]
    whole = [with_details(each, details, items=False, files=True) for each in ready]
    progress = replace(at.state.progress, after=given.lacking[-1].identity)
    findings = Findings(
        user_id=at.command.user_id,
        invoices=tuple(replace(row, lacks_files=row.invoice_id in lacking) for row in given.lacking),
        files=tuple(map(file_row, details.files)),
    )
    record = Record(
        CommandState.RUNNING,
        tuple(_page_events(at, whole, 0, late=True)) if whole else (),
        progress=progress.journaled(),
        deadline_at=at.now + at.rules.deadline,
        findings=findings,
    )
    return Decision(QueryState(progress, Phase.LATE), (record, FetchLate(progress.after)))


def _missing_listed(at: Situation, given: MissingListed) -> Next:
    progress, schedule = at.state.progress, at.rules.files_schedule
    if given.invoice_ids and progress.round < len(schedule):
        due_at = at.now + schedule[progress.round]
        later = replace(progress, round=progress.round + 1, after="")
        record = Record(
            CommandState.WAITING,
            due_at=due_at,
            progress=later.journaled(),
            deadline_at=due_at + at.rules.deadline,
            goes_apart=True,
        )
        return end(at, record)
    lacking = (progress.total or 0) - progress.rows
    data: QueryCompletedData = {
        "total": progress.total,
        "pages": progress.pages,
        "invoiceCount": progress.told,
        "missingInvoices": max(progress.unread, lacking if at.wish.whole else 0),
        "isCut": progress.is_cut,
        "itemCount": progress.items,
        "fileCount": given.files,
        "missingItems": list(progress.missing_items),
        "missingFiles": list(given.invoice_ids),
        "download": {"ok": progress.download_ok, "date": progress.download_date},
    }
    return end(at, Record(CommandState.COMPLETED, (announced(Outcome.COMPLETED, data),)))


_lost = connection_lost(Stage.QUERY, "during the query")

TRANSITIONS: Table[QueryState] = {
    **opening(Phase, _begin, _connected),
    (Phase.ASKED, LoginAnswered): login_answered,
    (Phase.ASKED, PageRead): _page_read,
    (Phase.ASKED, DownloadTold): _early_notice,
    (Phase.ASKED, QueryRefused): query_refused("a wrong password or condition"),
    (Phase.ASKED, ConnectionLost): _lost,
    (Phase.ASKED, TimedOut): answer_overdue(Stage.QUERY, "The gateway did not answer the query in time."),
    (Phase.ASKED, Overtaken): give_way_unanswered,
    (Phase.ASKED, Draining): put_back,
    (Phase.NOTICE, DownloadTold): _notice,
    (Phase.NOTICE, ConnectionLost): _lost,
    (Phase.NOTICE, TimedOut): _notice_overdue,
    (Phase.NOTICE, Overtaken): give_way_unanswered,
    (Phase.NOTICE, Draining): put_back,
    (Phase.DETAILS, DetailsFetched): _details_fetched,
    (Phase.DETAILS, DetailsFailed): _details_failed,
    (Phase.DETAILS, Draining): put_back,
    (Phase.LOOKING, MayGoOn): _go_on,
    (Phase.LOOKING, Overtaken): _give_way,
    (Phase.LOOKING, Draining): put_back,
    (Phase.LATE, DetailsFetched): _late_fetched,
    (Phase.LATE, DetailsFailed): _details_failed,
    (Phase.LATE, Draining): put_back,
    (Phase.CLOSING, MissingListed): _missing_listed,
    (Phase.CLOSING, Draining): put_back,
}
"""Phase and kind of input to what follows."""
