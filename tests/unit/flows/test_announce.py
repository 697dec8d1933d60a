"""Events of a command: numbered, named, and the same after any crash."""

import ast
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import RETRYABLE, FailureCode, Stage
from tests.builders import MOMENT, make_command
from worker.flows.announce import Announcement, events_of, failure, what_every_event_says

SOURCE = "/fapiao-worker"
TWO = (Announcement(Outcome.QR_REQUIRED, {"attempt": 1}), Announcement(Outcome.COMPLETED, {"total": Decimal("1.10")}))


def test_events_go_on_where_the_command_stopped_counting() -> None:
    events = events_of(make_command(last_sequence=4), TWO, worker=SOURCE, at=MOMENT)

    assert [event.sequence for event in events] == [5, 6]
    assert [event.type for event in events] == ["invoice.issue.qr_required", "invoice.issue.completed"]


def test_ids_depend_on_command_and_sequence_alone() -> None:
    """A step that is repeated after a crash, later and by another holder, makes the same ids."""
    once = events_of(make_command(), TWO, worker=SOURCE, at=MOMENT)
    again = events_of(make_command(epoch=7, attempts=3), TWO, worker="/other", at=MOMENT + timedelta(hours=1))

    assert [event.id for event in once] == [event.id for event in again]


def test_ids_of_different_commands_differ() -> None:
    commands = [make_command(), make_command(id="other"), make_command(source="other")]

    ids = {event.id for command in commands for event in events_of(command, TWO, worker=SOURCE, at=MOMENT)}

    assert len(ids) == 6


def test_body_is_a_cloud_event() -> None:
    event = events_of(make_command(), TWO, worker=SOURCE, at=MOMENT)[1]

    assert loads(event.body) == {
        "specversion": "1.0",
        "id": event.id,
        "source": SOURCE,
        "type": "invoice.issue.completed",
        "subject": "order-1",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "sequence": 2,
        "sequencetext": "0000000002",
        "data": {"commandId": "order-1", "commandSource": "erp", "userId": "1111", "total": "1.10"},
    }


def test_members_that_a_command_does_not_have_are_left_out() -> None:
    assert what_every_event_says(make_command(lane=None)) == {"commandId": "order-1", "commandSource": "erp"}
    command = make_command(order_no="A-1", warnings=b'[{"code":"check_digit","message":"odd"}]')
    assert what_every_event_says(command) == {
        "commandId": "order-1",
        "commandSource": "erp",
        "userId": "1111",
        "orderNo": "A-1",
        "warnings": [{"code": "check_digit", "message": "odd"}],
    }


def test_failure_says_whether_the_order_may_be_sent_again() -> None:
    for code in FailureCode:
        said = failure(code, Stage.RESULT, "why", 2)

        assert said.outcome is Outcome.FAILED
        assert said.data == {
            "code": code,
            "stage": Stage.RESULT,
            "message": "why",
            "retryable": code in RETRYABLE,
            "attempts": 2,
        }


def test_every_event_tells_what_became_of_the_discounts() -> None:
    """From the command's data; a remark that looks like it is no member."""
    folded = b'"discountsFolded":[{"line":1,"amount":"10.00"}]'
    remark = b'{"invoice":{"remark":"\\"discountsFolded\\":[]"}}'

    assert what_every_event_says(make_command(data=b"{%b}" % folded))["discountsFolded"] == [
        {"line": 1, "amount": "10.00"}
    ]
    assert "discountsFolded" not in what_every_event_says(make_command(data=remark))


def test_whoever_makes_an_event_is_held_to_the_contract() -> None:
    """By mypy, through `announced`: the constructor takes anything, so it is called where an event is passed on, and
    nowhere else."""
    worker = Path(__file__).resolve().parents[3] / "worker"
    calls = {
        path.relative_to(worker).as_posix()
        for path in worker.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Announcement"
    }
    assert calls == {"flows/announce.py", "flows/orders.py"}
