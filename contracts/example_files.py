"""One good message of every kind, for people to copy and for tests to hold the schemas against.

Deterministic: the same ids and times at every call. The firms and tax ids are invented, but for those of the
manual's own example; every password is a stand-in.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any, Final

from contracts import example_audits, example_checks, example_issues, example_queries
from contracts.commands import COMMANDS, CommandType
from contracts.envelope import SPEC_VERSION, build_event
from contracts.events import EVENTS, Outcome
from contracts.example_frames import frames
from contracts.example_issues import AT, Sample
from contracts.failures import RejectionCode

__all__ = ["UNKNOWN_TYPE_REJECTED", "commands", "events", "frames"]

UNKNOWN_TYPE_REJECTED: Final = f"command.{Outcome.REJECTED}"
_SOURCE: Final = "/shop"
_SAMPLES: Final[Mapping[CommandType, Sample]] = {
    CommandType.ISSUE: example_issues.SAMPLE,
    **example_queries.SAMPLES,
    CommandType.CHECK: example_checks.SAMPLE,
    CommandType.AUDIT: example_audits.SAMPLE,
}


def commands() -> dict[str, dict[str, Any]]:
    """File name without ending to message: both forms of each command, and the manual's own examples."""
    found: dict[str, dict[str, Any]] = {}
    for command, sample in _SAMPLES.items():
        found[str(command)] = _command(command, sample.id, sample.data)
        found[f"{command}.plain"] = deepcopy({**sample.data, **sample.plain})
    return found | {
        f"{CommandType.ISSUE}.manual": _command(CommandType.ISSUE, "manual-example-1", example_issues.MANUAL_ORDER),
        f"{CommandType.QUERY}.manual": _command(CommandType.QUERY, "manual-example-2", example_queries.MANUAL_QUERY),
    }


def events() -> dict[str, dict[str, Any]]:
    """Event type to message, command by command."""
    found = {
        f"{command}.{outcome}": _event(_SAMPLES[command], f"{command}.{outcome}", *_SAMPLES[command].outcomes[outcome])
        for command, outcomes in EVENTS.items()
        for outcome in outcomes
    }
    known = ", ".join(COMMANDS)
    unknown = {"path": "/type", "message": f"is no command that this worker runs; it runs {known}"}
    nobody = Sample(example_issues.ORDER_NO, {}, {})
    return found | {
        UNKNOWN_TYPE_REJECTED: _event(
            nobody, UNKNOWN_TYPE_REJECTED, 1, {"code": RejectionCode.UNKNOWN_TYPE, "errors": [unknown]}
        )
    }


def _command(command_type: CommandType, identifier: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": SPEC_VERSION,
        "id": identifier,
        "source": _SOURCE,
        "type": str(command_type),
        "data": deepcopy(dict(data)),
    }


def _event(sample: Sample, event_type: str, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    _, body = build_event(
        worker="/fapiao-worker",
        command_source=_SOURCE,
        command_id=sample.id,
        event_type=event_type,
        sequence=sequence,
        time=AT + timedelta(seconds=sequence),
        data={"commandId": sample.id, "commandSource": _SOURCE, **sample.named, **data},
    )
    event: dict[str, Any] = json.loads(body)
    return event
