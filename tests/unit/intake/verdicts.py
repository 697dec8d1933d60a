"""What admission should make of a message, asserted once for all tests."""

from typing import Any

from contracts.envelope import loads
from contracts.events import Rejected
from tests.unit.intake.messages import RULES
from worker.intake.admission import AdmissionRules, Incoming, admit
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
