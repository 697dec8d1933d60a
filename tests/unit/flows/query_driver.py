"""Drives the query flow as its exchange does, over a gateway and a journal that are lists; crashes where it is told to.

What the flow records survives a crash; all else is begun again from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from contracts.events import Outcome
from tests.builders import MOMENT, identity_of, make_found, make_page, make_query, make_question
from tests.lane_fakes import make_file
from tests.unit.flows.tables import RULES, TIMING
from worker.flows.query import decide
from worker.flows.query_state import QueryProgress, QueryRules, QueryState, QueryWish, Situation
from worker.flows.vocabulary import (
    AskDownload,
    AskPage,
    Begin,
    Connect,
    Connected,
    Details,
    DetailsFetched,
    Effect,
    FetchDetails,
    FetchLate,
    Input,
    ListMissing,
    MayGoOn,
    MissingListed,
    PageRead,
    Record,
    SeeWhoIsNext,
)
from worker.ports import DownloadTold, PageShown
from worker.records import FINAL, Command, CommandState, FoundRow

MOST_STEPS = 2000


class Crash(Exception):
    """The worker dies here."""


@dataclass
class Driven:
    """One query from its first claim to its end, over as many claims as that takes."""

    answer: Callable[[AskPage], PageShown]
    """The gateway's page."""
    question: dict[str, Any] = field(default_factory=make_question)
    rules: QueryRules = RULES
    ready: Callable[[str, int], Sequence[str]] = lambda _, __: ("pdf", "ofd", "xml")
    """The types of files that are there for an invoice's id, in which round."""
    disturb: Callable[[Input], Input | None] = lambda given: given
    """Sees each input before the flow does: hands on another one, or None for a crash."""

    def __post_init__(self) -> None:
        self.now: datetime = MOMENT
        self.command: Command = make_query(self.question, deadline_at=MOMENT + timedelta(minutes=30))
        self.asked: list[AskPage] = []
        self.retried: list[str] = []
        self.notices: list[DownloadTold] = []
        """Said after each page, one for each; then that all is well."""
        self.records: list[Record] = []
        self.rows: dict[str, FoundRow] = {}
        self.files: set[tuple[str, str]] = set()
        self.rounds = 0
        self.steps = 0

    def run(self) -> Mapping[str, Any]:
        """What the final event says."""
        while self.command.state not in FINAL:
            self.rounds += self.command.state is CommandState.WAITING
            self.command = replace(self.command, state=CommandState.RUNNING)
            try:
                self._claim()
            except Crash:
                continue
        return self.records[-1].announcements[-1].data

    @property
    def pages(self) -> list[Mapping[str, Any]]:
        """The page events' data."""
        told = [told for record in self.records for told in record.announcements]
        return [each.data for each in told if each.outcome is Outcome.PAGE]

    @property
    def told(self) -> list[str]:
        """The invoices of the pages, in the order in which they were told."""
        return [identity_of(each) for page in self.pages if not page["late"] for each in page["invoices"]]

    def _claim(self) -> None:
        wish = QueryWish.read(self.question)
        state = QueryState(QueryProgress.read(self.command.progress, wish.first_page))
        given: Input = Begin(session_is_open=False)
        while not state.has_ended:
            self.steps += 1
            assert self.steps < MOST_STEPS, "it never ends"
            disturbed = self.disturb(given)
            if disturbed is None:
                raise Crash
            at = Situation(state, self.command, wish, self.rules, TIMING, self.now, 1.0)
            decision = decide(at, disturbed)
            state = decision.state
            given = self._perform_all(decision.effects) or given
            if not decision.effects or not state.has_ended:
                given = self._heard(given, decision.effects)

    def _perform_all(self, effects: Sequence[Effect]) -> Input | None:
        for effect in effects:
            answer = self._perform(effect)
            if answer is not None:
                return answer
        return None

    def _heard(self, given: Input, effects: Sequence[Effect]) -> Input:
        """After a page, and whatever else brings no answer by itself, the gateway tells of the download."""
        answers = (Connect, AskPage, FetchDetails, FetchLate, ListMissing, SeeWhoIsNext, AskDownload)
        if any(isinstance(effect, answers) for effect in effects):
            return given
        return self.notices.pop(0) if self.notices else DownloadTold(ok=True)

    def _perform(self, effect: Effect) -> Input | None:  # noqa: PLR0911
        match effect:
            case Record():
                self._record(effect)
            case Connect():
                return Connected()
            case AskPage():
                self.asked.append(effect)
                page = self.answer(effect)
                names = {invoice.identity for invoice in page.invoices}
                return PageRead(page, frozenset(names - set(self.rows)))
            case AskDownload(date):
                self.retried.append(date)
                return self.notices.pop(0) if self.notices else DownloadTold(ok=True)
            case FetchDetails(items_of, files_of, types):
                return DetailsFetched(self._details(items_of, files_of, types))
            case FetchLate(after):
                lacking = [row for name, row in sorted(self.rows.items()) if row.lacks_files and name > after][:2]
                ids = tuple(row.invoice_id for row in lacking)
                types = tuple(self.question["files"])
                return DetailsFetched(self._details((), ids, types) if ids else Details(), tuple(lacking))
            case ListMissing():
                missing = tuple(row.invoice_id for row in self.rows.values() if row.lacks_files)
                return MissingListed(missing, len(self.files))
            case SeeWhoIsNext():
                return MayGoOn()
        return None

    def _details(self, items_of: Sequence[str], files_of: Sequence[str], types: Sequence[str]) -> Details:
        items = {each: ({"itemName": "商品A"},) for each in items_of}
        files = [make_file(each, name) for each in files_of for name in types if name in self.ready(each, self.rounds)]
        return Details(items, tuple(files))

    def _record(self, record: Record) -> None:
        self.records.append(record)
        self.now = max(self.now, record.due_at or self.now)
        self.command = replace(
            self.command,
            state=record.to,
            progress=record.progress or self.command.progress,
            deadline_at=record.deadline_at or self.command.deadline_at,
        )
        if record.findings is not None:
            self.rows.update({row.identity: row for row in record.findings.invoices})
            self.files.update((row.invoice_id, row.type) for row in record.findings.files)


def one_page(*rows: dict[str, Any], **fields: Any) -> Driven:
    """A query that is answered by these invoices, or by a single one."""
    return Driven(lambda _: make_page(*(rows or (make_found(),))), **fields)


def numbers_of(driven: Driven) -> list[int]:
    """The told invoices, as `make_found` numbers them."""
    return [int(identity) - 24332000000000000000 for identity in driven.told]
