"""Events are open, and exactly one kind of three ends a command."""

import pytest

from contracts.events import EVENTS, Failed, FieldError, Outcome, Rejected
from contracts.failures import FailureCode, RejectionCode


def test_every_outcome_has_a_model() -> None:
    assert EVENTS.keys() == set(Outcome)


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


def test_absent_members_are_left_out() -> None:
    rejected = Rejected(
        commandId="1", commandSource="s", code=RejectionCode.BUSY, errors=[FieldError(path="", message="m")]
    )
    assert rejected.model_dump(exclude_none=True).keys() == {"commandId", "commandSource", "code", "errors"}
