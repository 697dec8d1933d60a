"""Events are open, and exactly one kind of three ends a command."""

import json

import pytest

from contracts.commands import COMMANDS, CommandType
from contracts.envelope import dumps
from contracts.events import EVENTS, Failed, FieldError, Outcome, QueryPage, Rejected
from contracts.failures import FailureCode, RejectionCode


def test_every_command_has_its_outcomes_and_every_outcome_a_command() -> None:
    assert EVENTS.keys() == COMMANDS.keys()
    assert {outcome for outcomes in EVENTS.values() for outcome in outcomes} == set(Outcome)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_end_in_each_of_three_ways(command: CommandType) -> None:
    """A caller need not know which command it was to know that it has ended."""
    assert {outcome for outcome in EVENTS[command] if outcome.is_final} == {"completed", "failed", "rejected"}


@pytest.mark.parametrize("outcome", Outcome)
def test_three_outcomes_are_final(outcome: Outcome) -> None:
    assert outcome.is_final == (outcome in {"completed", "failed", "rejected"})


def test_members_of_a_later_version_are_kept() -> None:
    data = {
        "commandId": "1",
        "commandSource": "s",
        "code": FailureCode.HTTP_ERROR,
        "stage": "connect",
        "message": "m",
        "retryable": False,
        "attempts": 1,
        "later": {"a": 1},
    }
    assert Failed.model_validate(data).model_dump()["later"] == {"a": 1}


def test_a_found_invoice_keeps_its_digits_and_what_the_manual_does_not_know() -> None:
    """Ids and money are text: 19 digits do not survive a reader that computes in binary floats (trap 62)."""
    event = QueryPage.model_validate(
        {
            "commandId": "1", "commandSource": "s", "pageNumber": 1, "totalPage": None, "total": None, "part": 1,
            "parts": 1, "late": False,
            "invoices": [{"id": "1778381047770263553", "totalAmount": "0.10", "extra": {"novel": 1}}],
        }
    )  # fmt: skip
    told = json.loads(dumps(event))

    assert told["invoices"] == [{"id": "1778381047770263553", "totalAmount": "0.10", "extra": {"novel": 1}}]


def test_absent_members_are_left_out() -> None:
    rejected = Rejected(
        commandId="1", commandSource="s", code=RejectionCode.BUSY, errors=[FieldError(path="", message="m")]
    )
    assert rejected.model_dump(exclude_none=True).keys() == {"commandId", "commandSource", "code", "errors"}
