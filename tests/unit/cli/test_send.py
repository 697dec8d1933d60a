"""`send`: what it publishes, what it shows, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.unit.ops.fakes import event
from worker.cli.terminal import USAGE, Stop
from worker.errors import BrokerLost

from .conftest import Run
from .fakes import FakeBroker

QR = event(1, "qr_required", {"content": "http://scan/1", "image": None, "attempt": 1,
                              "expiresAt": "2026-01-01T12:05:00.000Z"}).body  # fmt: skip
COMPLETED = event(2, "completed", {"invoice": {"buyerName": "Buyer"}, "invoiceUrl": "http://f/1.pdf",
                                   "reconciled": False}).body  # fmt: skip
FAILED = event(2, "failed", {"code": "login_refused", "stage": "login", "message": "No.", "retryable": False,
                             "attempts": 1}).body  # fmt: skip
REJECTED = event(1, "rejected", {"code": "invalid", "errors": [{"path": "/invoice", "message": "is required"}]}).body
CONFIRMED = event(3, "confirmed", {"invoiceNumber": "1", "totalPriceAndTax": "5.00"}).body
UNCONFIRMED = event(3, "unconfirmed", {"message": "No.", "lookUps": 6}).body
FOUND = event(3, "completed", {"invoice": {"invoiceNumber": "1"}, "reconciled": True}).body
LOOKING = event(4, "in_doubt", {"reason": "lost", "needsPerson": False, "nextLookAt": "2026-01-01T12:01:00Z"}).body
LOST = event(3, "in_doubt", {"reason": "lost", "needsPerson": True, "nextLookAt": None}).body


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "order.json"
    path.write_text('{"userId": "u"}')
    return str(path)


@pytest.mark.parametrize(
    ("bodies", "code"),
    [([QR, COMPLETED], 0), ([FAILED], 1), ([REJECTED], 2), ([QR, LOST], 3), ([QR, None], 4), ([None], 4)],
)
def test_the_exit_code_says_what_became_of_it(
    run: Run, broker: FakeBroker, file: str, bodies: list[bytes | None], code: int
) -> None:
    broker.bodies = bodies

    assert run("send", file, "--type", "invoice.issue").exit_code == code


@pytest.mark.parametrize(
    ("bodies", "code"),
    [
        ([QR, COMPLETED, CONFIRMED], 0),
        ([COMPLETED, UNCONFIRMED], 3),
        ([FOUND], 0),
        ([FAILED], 1),
        ([COMPLETED, None], 4),
    ],
)
def test_whoever_waits_for_the_number_stays_after_the_final_event(
    run: Run, broker: FakeBroker, file: str, bodies: list[bytes | None], code: int
) -> None:
    broker.bodies = bodies

    assert run("send", file, "--type", "invoice.issue", "--wait-confirmed").exit_code == code


def test_whoever_does_not_leaves_with_the_final_event(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [COMPLETED, CONFIRMED]

    assert "confirmed" not in run("send", file, "--type", "invoice.issue").stdout


@pytest.mark.parametrize(("command", "outlives"), [("invoice.issue", True), ("invoice.query", False)])
def test_the_number_that_comes_later_finds_the_queue_still_there(
    run: Run, broker: FakeBroker, file: str, command: str, *, outlives: bool
) -> None:
    """Or every order would leave a reply that cannot be delivered."""
    broker.bodies = [COMPLETED]

    run("send", file, "--type", command)

    assert broker.leaves_queues == [outlives]


def test_events_are_shown_as_they_come_with_link_and_file(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [QR, COMPLETED]

    result = run("send", file, "--type", "invoice.issue", "--id", "cmd-1")

    assert "http://scan/1" in result.stdout
    assert "issued to Buyer" in result.stdout
    assert "http://f/1.pdf" in result.stdout
    assert "█" not in result.stdout, "a QR is drawn on a terminal only"
    assert "published invoice.issue  id cmd-1" in result.stderr


def test_a_doubt_that_the_worker_looks_into_is_waited_for(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [QR, LOOKING, COMPLETED]

    assert run("send", file, "--type", "invoice.issue").exit_code == 0


def test_a_doubt_that_needs_a_person_says_how_to_decide_it(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [LOST]

    result = run("send", file, "--type", "invoice.issue")

    assert "fapiao-worker resolve cmd-1 --not-issued" in result.stdout
    assert "do not send this order again" in result.stdout


def test_an_event_that_comes_twice_is_shown_once(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [QR, QR, QR, COMPLETED]

    result = run("send", file, "--type", "invoice.issue", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["invoice.issue.qr_required", "invoice.issue.completed"]


def test_json_has_stdout_for_itself(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [COMPLETED]

    result = run("send", file, "--type", "invoice.issue", "--json")

    assert result.stdout.splitlines() == [json.dumps(json.loads(COMPLETED), separators=(",", ":"))]


def test_without_waiting_it_publishes_and_leaves(run: Run, broker: FakeBroker, file: str) -> None:
    result = run("send", file, "--type", "invoice.issue", "--no-wait")

    assert result.exit_code == 0
    ((order, reply_to),) = broker.published
    assert reply_to is None
    assert order.id in result.stderr


def test_a_body_from_stdin_is_published_byte_for_byte(run: Run, broker: FakeBroker) -> None:
    broker.bodies = [COMPLETED]
    body = b'{"userId":  "u", "price": 9.90}'

    assert run("send", "-", "--type", "invoice.issue", stdin=body).exit_code == 0
    assert broker.published[0][0].body == body
    assert broker.published[0][1] == "send-reply"


def test_silence_ends_with_the_way_to_look(run: Run, broker: FakeBroker, file: str) -> None:
    broker.bodies = [QR]

    result = run("send", file, "--type", "invoice.issue", "--id", "cmd-1", "--timeout", "0.1")

    assert result.exit_code == 4
    assert "last event was qr_required" in result.stderr
    assert "fapiao-worker status cmd-1" in result.stderr


def test_a_broker_lost_before_the_confirm_says_that_the_same_id_is_safe(
    run: Run, broker: FakeBroker, file: str
) -> None:
    broker.refusal = BrokerLost("gone")

    result = run("send", file, "--type", "invoice.issue", "--id", "cmd-1")

    assert result.exit_code == 4
    assert "--id cmd-1 never issues twice" in result.stderr


def test_it_says_in_chinese_what_it_published(
    run: Run, broker: FakeBroker, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    told = run("send", file, "--type", "invoice.issue", "--no-wait").stderr
    assert "已发布 invoice.issue  id " in told
    assert "（新）  来源 cli" in told


def test_that_no_worker_takes_it_is_said_at_once(run: Run, broker: FakeBroker, file: str) -> None:
    """It was waited for a quarter of an hour, and `status` did not know it."""
    broker.unattended["invoice.issue"] = "fapiao.issue"
    told = run("send", file, "--type", "invoice.issue", "--no-wait")
    assert told.exit_code == 0
    assert "No worker takes from queue fapiao.issue at the moment" in told.stderr
    assert "No worker" not in run("send", file, "--type", "invoice.query", "--no-wait").stderr


def test_nobody_to_take_it_is_one_clear_sentence(run: Run, broker: FakeBroker, file: str) -> None:
    broker.refusal = Stop("Nothing takes it.", USAGE)
    result = run("send", file, "--type", "invoice.issue")
    assert (result.exit_code, result.stderr) == (2, "error: Nothing takes it.\n")

    broker.unreachable = Stop("Cannot reach RabbitMQ.", USAGE)
    result = run("send", file, "--type", "invoice.issue")
    assert (result.exit_code, result.stderr) == (2, "error: Cannot reach RabbitMQ.\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.json", "--type", "invoice.issue"], "Cannot read missing.json"),
        (["order.json"], "--type invoice.issue"),
        (["order.json", "--type", "x", "--id", "a", "--new-id"], "--id or --new-id"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anything_is(
    run: Run, broker: FakeBroker, file: str, words: list[str], says: str
) -> None:
    result = run("send", *words)

    assert result.exit_code == 2
    assert says in result.stderr
    assert broker.published == []


def test_a_pattern_that_forbids_the_reply_queue_is_said_beforehand(
    run: Run, broker: FakeBroker, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAPIAO_REPLY_TO_PATTERN", "erp\\..*")

    result = run("send", file, "--type", "invoice.issue")

    assert result.exit_code == 2
    assert "FAPIAO_REPLY_TO_PATTERN" in result.stderr
    assert broker.published == []
