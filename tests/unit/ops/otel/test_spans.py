"""Messages in and events out, as spans; and the header that binds them."""

from collections.abc import Mapping, Sequence

import pytest

from tests.conformance.journal_builders import NOW, new
from tests.unit.ops.otel.kept import CALLER, TRACE, Kept, id_of, parent_of, said, trace_of
from tests.unit.outbox.rows import reply, topic
from worker.amqp.confirms import Verdict
from worker.errors import JournalUnavailable
from worker.records import Admission, NewCommand, OutboxRow, Route


class FakeIntake:
    """Takes every command, or is away."""

    def __init__(self) -> None:
        self.taken: list[NewCommand] = []
        self.is_down = False

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        if self.is_down:
            raise JournalUnavailable("no password for 13800000000")
        self.taken += commands
        return [Admission.ACCEPTED] * len(commands)


class FakePublisher:
    """Keeps what it was given."""

    def __init__(self, verdict: Verdict = Verdict.CONFIRMED) -> None:
        self.rows: list[OutboxRow] = []
        self.is_connected = self.can_publish = True
        self._verdict = verdict

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> Mapping[int, Verdict]:
        self.rows += rows
        return {row.seq: self._verdict for row in rows}


def from_caller(**changes: object) -> Route:
    return Route("replies", "corr", traceparent=CALLER, tracestate="shop=1")


async def test_a_message_taken_in_is_a_span_below_the_callers() -> None:
    kept, journal = Kept(), FakeIntake()

    await kept.spans.intake(journal).admit([new("a", route=from_caller())], worker="w", waiting_max=None)

    span = kept.one("process fapiao.commands:invoice.issue:fapiao.issue")
    assert (trace_of(span), parent_of(span)) == (TRACE, CALLER.split("-")[2])
    assert span.start_time == int(NOW.timestamp() * 1_000_000) * 1000
    for attribute, value in {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "fapiao.commands:invoice.issue:fapiao.issue",
        "messaging.rabbitmq.destination.routing_key": "invoice.issue",
        "messaging.message.id": "a",
        "messaging.message.conversation_id": "corr",
        "fapiao.command.source": "erp",
        "fapiao.admission": "accepted",
    }.items():
        assert said(span, attribute) == value


async def test_what_is_journaled_continues_that_span() -> None:
    kept, journal = Kept(), FakeIntake()

    await kept.spans.intake(journal).admit([new("a", route=from_caller())], worker="w", waiting_max=None)

    (command,) = journal.taken
    (span,) = kept.all
    assert command.route.traceparent == f"00-{TRACE}-{id_of(span)}-01"
    assert (command.route.tracestate, command.route.reply_to) == ("shop=1", "replies")


@pytest.mark.parametrize("header", [None, "", "00-0-0-00", "garbage"])
async def test_without_a_readable_header_a_trace_begins_here(header: str | None) -> None:
    kept, journal = Kept(), FakeIntake()
    commands = [new(name, route=Route(None, "c", traceparent=header)) for name in "ab"]

    await kept.spans.intake(journal).admit(commands, worker="w", waiting_max=None)

    first, second = kept.all
    assert parent_of(first) is None
    assert trace_of(first) != trace_of(second)
    assert [trace_of(span) in str(c.route.traceparent) for span, c in zip(kept.all, journal.taken, strict=True)] == [
        True, True,
    ]  # fmt: skip


async def test_a_type_of_a_callers_own_names_no_span() -> None:
    kept = Kept()

    await kept.spans.intake(FakeIntake()).admit([new("a", type="shop.secret")], worker="w", waiting_max=None)

    assert kept.names == ["process fapiao.commands"]
    assert "shop.secret" not in kept.all[0].to_json()


async def test_a_journal_that_is_away_is_told_by_the_kind_of_fault_alone() -> None:
    kept, journal = Kept(), FakeIntake()
    journal.is_down = True

    with pytest.raises(JournalUnavailable):
        await kept.spans.intake(journal).admit([new("a")], worker="w", waiting_max=None)

    (span,) = kept.all
    assert said(span, "error.type") == "JournalUnavailable"
    assert "13800000000" not in span.to_json()


async def test_each_copy_published_is_a_span_of_the_commands_trace_and_carries_it_on() -> None:
    kept, publisher = Kept(), FakePublisher()
    rows = [reply(1, "caller-17", traceparent=CALLER), topic(2, traceparent=CALLER)]

    assert set(await kept.spans.publisher(publisher).publish(rows, 2.0)) == {1, 2}

    to_reply, to_topic = kept.all
    assert to_topic.name == "publish fapiao.events:invoice.issue.completed"
    assert to_reply.name == "publish (reply_to)"
    assert said(to_reply, "messaging.destination.name") == "caller-17"
    assert said(to_reply, "messaging.operation.type") == "send"
    assert said(to_reply, "fapiao.verdict") == "confirmed"
    assert {trace_of(span) for span in kept.all} == {TRACE}
    assert [row.traceparent for row in publisher.rows] == [f"00-{TRACE}-{id_of(span)}-01" for span in kept.all]
    assert [row.body for row in publisher.rows] == [row.body for row in rows]


@pytest.mark.parametrize(
    ("verdict", "error"),
    [(Verdict.RETURNED, "returned"), (Verdict.LOST, "lost"), (Verdict.PENDING, None)],
)
async def test_a_copy_that_did_not_arrive_says_so(verdict: Verdict, error: str | None) -> None:
    kept = Kept()

    await kept.spans.publisher(FakePublisher(verdict)).publish([topic(1)], 2.0)

    assert said(kept.all[0], "error.type") == error


def test_the_relay_sees_what_the_publisher_shows() -> None:
    publisher = FakePublisher()
    traced = Kept().spans.publisher(publisher)
    publisher.is_connected = False
    assert traced.is_connected is False
