"""What must be true after the random run, judged from outside: the messages, and the gateway's own books.

Knows nothing of the journal. A consumer without one is judged by the same rules.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from tests.scenarios.chaos_load import Planned
from tests.scenarios.stack import FINAL
from worker.sandbox.books.ledger import BookedInvoice, Ledger

Event = Mapping[str, Any]


@dataclass
class Counts:
    """The line that is printed. `accepted` counts messages that the broker confirmed, the others commands."""

    attempted: int = 0
    accepted: int = 0
    commands: int = 0
    completed: int = 0
    failed: int = 0
    rejected: int = 0
    doubted: int = 0
    by_person: int = 0
    confirmed: int = 0
    unconfirmed: int = 0
    lost: int = 0
    duplicated: int = 0
    misreported: int = 0
    kills: int = 0
    freezes: int = 0
    stops: int = 0
    cuts: int = 0

    @override
    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in vars(self).items())


@dataclass
class Verdict:
    """The counts, and a sentence for each broken promise with the command it is about."""

    counts: Counts = field(default_factory=Counts)
    violations: list[tuple[str, str]] = field(default_factory=list)

    def violated(self, command_id: str, sentence: str) -> None:
        """Note a broken promise."""
        self.violations.append((command_id, sentence))


def judge(verdict: Verdict, planned: Sequence[Planned], events: Mapping[str, Sequence[Event]], ledger: Ledger) -> None:
    """Count, and compare what was told with the books."""
    by_id = {one.command_id: one for one in planned}
    verdict.counts.commands = len(by_id)
    for command_id in by_id:
        _judge_messages(verdict, command_id, events.get(command_id, ()))
    for bucket in buckets(by_id.values(), events, ledger):
        bucket.judge(verdict)


def outcomes(events: Iterable[Event]) -> list[str]:
    """The last part of each event's type, repeats left out."""
    return list({event["id"]: event["type"].rpartition(".")[2] for event in events}.values())


def _judge_messages(verdict: Verdict, command_id: str, events: Sequence[Event]) -> None:
    told = outcomes(events)
    finals = [one for one in told if one in FINAL]
    counts = verdict.counts
    for name in set(told) & {"completed", "failed", "rejected", "confirmed", "unconfirmed"}:
        setattr(counts, name, getattr(counts, name) + 1)
    counts.doubted += "in_doubt" in told
    if not finals:
        counts.lost += 1
        verdict.violated(command_id, f"accepted, and never came to an end: {told}")
    if len(finals) > 1:
        verdict.violated(command_id, f"several final events: {told}")
    contents: dict[str, Event] = {}
    for event in events:
        if contents.setdefault(event["id"], event)["data"] != event["data"]:
            verdict.violated(command_id, "two events of one id differ")
    sequences = {event["sequence"] for event in events if "sequence" in event}
    if sequences and sequences != set(range(1, max(sequences) + 1)):
        verdict.violated(command_id, f"an event was never published: {sorted(sequences)}")


@dataclass
class Bucket:
    """The orders of one user that nothing but their ids tells apart, and what the books hold of them."""

    groups: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Commands that are to bring one invoice together, by group."""
    events: dict[str, Sequence[Event]] = field(default_factory=dict)
    submissions: int = 0
    invoices: list[BookedInvoice] = field(default_factory=list)

    def judge(self, verdict: Verdict) -> None:
        """At most one submission and one invoice per group, and what was told is what the books say."""
        first = next(iter(next(iter(self.groups.values()))))
        attempts = sum(self._attempts(group) for group in self.groups.values())
        surplus = max(self.submissions - attempts, len(self.invoices) - len(self.groups))
        if surplus > 0:
            verdict.counts.duplicated += surplus
            verdict.violated(first, f"{len(self.groups)} ordered, {self.submissions} times submitted")
        told = Counter(self._outcome(group) for group in self.groups.values())
        least, most = told["completed"], told["completed"] + told["open"]
        issued = min(len(self.invoices), len(self.groups))
        if not least <= issued <= most:
            verdict.counts.misreported += abs(issued - (least if issued < least else most))
            verdict.violated(first, f"the books hold {len(self.invoices)} invoices, told was {dict(told)}")
        self._judge_numbers(verdict, first)
        for commands in self.groups.values():
            if not is_numbered(self.events[command] for command in commands):
                verdict.violated(commands[0], "completed, and nothing was said of its number")

    def _attempts(self, commands: Sequence[str]) -> int:
        """How often a group may have been submitted: a number of which no invoice came may be tried again, and who
        tried nothing says whom it repeats. One invoice is the most all the same."""
        ends = {command: [event["data"] for event in self.events[command]] for command in commands}
        return max(1, sum(not any("repeats" in data for data in told) for told in ends.values()))

    def _outcome(self, commands: Sequence[str]) -> str:
        told = {one for command in commands for one in outcomes(self.events[command])}
        return "completed" if "completed" in told else "failed" if told & {"failed", "rejected"} else "open"

    def _judge_numbers(self, verdict: Verdict, first: str) -> None:
        known = {invoice.number for invoice in self.invoices}
        seen: set[str] = set()
        for commands in self.groups.values():
            told = {number for command in commands for number in numbers_told(self.events[command])}
            if told - known:
                verdict.violated(commands[0], f"told {told}, the books hold {known}")
            if len(told) > 1:
                verdict.violated(commands[0], f"told several numbers: {told}")
            if told & seen:
                verdict.violated(first, f"{told & seen} was told for two orders")
            seen |= told


def is_numbered(group: Iterable[Iterable[Event]]) -> bool:
    """Whether the number of a completed order was told, or said to be unknown."""
    told = {one for events in group for one in outcomes(events)}
    return "completed" not in told or bool(told & {"confirmed", "unconfirmed"})


def numbers_told(events: Iterable[Event]) -> set[str]:
    """Every invoice number that the events name, also by the address of the PDF, which the sandbox makes of it."""
    found = set()
    for event in events:
        data = event["data"]
        invoice = data.get("invoice")
        named = [data.get("invoiceNumber"), invoice.get("invoiceNumber") if isinstance(invoice, dict) else None]
        if event["type"] == "invoice.issue.completed" and isinstance(data.get("invoiceUrl"), str):
            named.append(data["invoiceUrl"].rpartition("/")[2].removesuffix(".pdf"))
        found |= {str(number) for number in named if number}
    return found


def buckets(planned: Iterable[Planned], events: Mapping[str, Sequence[Event]], ledger: Ledger) -> list[Bucket]:
    """The orders with what the books hold of each."""
    found: dict[tuple[str, str], Bucket] = defaultdict(Bucket)
    for one in planned:
        if one.type == "invoice.issue":
            bucket = found[one.user, one.remark]
            bucket.groups[one.group].append(one.command_id)
            bucket.events[one.command_id] = events.get(one.command_id, ())
    for submission in ledger.submissions:
        if (submission.user_id, submission.remark) in found:
            found[submission.user_id, submission.remark].submissions += 1
    for invoice in ledger.invoices.values():
        key = invoice.user_id, str(invoice.order.get("remark"))
        if key in found and not invoice.is_draft:
            found[key].invoices.append(invoice)
    return list(found.values())
