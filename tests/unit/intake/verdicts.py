"""What admission should make of a message, asserted once for all tests."""

from typing import Any

from contracts.envelope import loads
from contracts.events import Rejected
from tests.unit.intake.messages import RULES, plain
from worker.intake.admission import AdmissionRules, Admitted, admit
from worker.intake.answers import answer_busy, answer_reused
from worker.intake.reading import Incoming
from worker.records import CommandState, NewCommand


def accepted(incoming: Incoming, rules: AdmissionRules = RULES) -> NewCommand:
    """The command, which must be one to run."""
    verdict = admit(incoming, rules)
    assert verdict.dead_letter is None
    assert verdict.command is not None
    assert verdict.command.state is CommandState.WAITING
    assert verdict.command.events == ()
    return verdict.command


def rejected(incoming: Incoming, code: str, rules: AdmissionRules = RULES) -> tuple[NewCommand, dict[str, Any]]:
    """The rejected command and its event's data; the message is a dead letter as well."""
    verdict = admit(incoming, rules)
    assert verdict.command is not None
    assert verdict.dead_letter is not None
    assert verdict.command.state is CommandState.REJECTED
    [event] = verdict.command.events
    body = loads(event.body)
    assert verdict.dead_letter.code == code == body["data"]["code"]
    assert (event.sequence, event.id, event.type) == (1, body["id"], body["type"])
    Rejected.model_validate(body["data"])
    return verdict.command, body["data"]


def only_dead(incoming: Incoming, code: str) -> str:
    """The reason; nobody is answered."""
    verdict = admit(incoming, RULES)
    assert verdict.command is None
    assert verdict.dead_letter is not None
    assert verdict.dead_letter.code == code
    return verdict.dead_letter.reason


def check(incoming: Incoming) -> Admitted:
    """One of: accepted, rejected and dead, dead; and never by the net under admission's own faults."""
    verdict = admit(incoming, RULES)
    command, dead = verdict.command, verdict.dead_letter
    if command is None:
        assert dead is not None
    elif command.state is CommandState.WAITING:
        assert dead is None
        assert command.events == ()
        assert isinstance(loads(command.data), dict)
        assert isinstance(loads(command.warnings), list)
    else:
        assert command.state is CommandState.REJECTED
        assert dead is not None
        assert len(command.events) == 1
        Rejected.model_validate(loads(command.events[0].body)["data"])
    if dead is not None:
        assert "could not judge" not in dead.reason
        assert len(dead.reason) <= 500
        dead.reason.encode()
    if command is not None:
        assert 0 < len(command.id) <= 200
        assert 0 < len(command.source) <= 200
        assert "\x00" not in command.id + command.source + command.route.correlation_id
        # A store encodes all of it.
        f"{command.id}{command.source}{command.route}{command.lane}{command.order_no}".encode()
        answer_reused(command, RULES)
        answer_busy(command, RULES)
    assert admit(incoming, RULES) == verdict
    return verdict


def sent(data: dict[str, Any]) -> dict[str, Any]:
    """The invoice that would be submitted."""
    invoice: dict[str, Any] = loads(accepted(plain(data)).data)["invoice"]
    return invoice
