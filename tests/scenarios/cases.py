"""Runs the inputs of `tests/cases` on a stack: messages in, events out, and what an accountant would call right.

Every case has a `userId` and a seller of its own, so that all of them can run in one worker at the same time.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contracts.taxpayer import check_digit_fits
from tests.scenarios.messages import make_order
from tests.scenarios.stack import FINAL, Stack
from worker.sandbox.alterations import Behaviour

FOLDER: Final = Path(__file__).resolve().parents[1] / "cases"
QUICK_SCHEDULES: Final = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "1",
    "FAPIAO_CONFIRM_SCHEDULE": "1s,1s",
    "FAPIAO_RECONCILE_SCHEDULE": "1s,1s",
    "FAPIAO_REFUSAL_SCHEDULE": "1s,1s",
    "FAPIAO_REFUSALS_IN_ROW": "3",
    "FAPIAO_FILES_SCHEDULE": "0.2s",
    "FAPIAO_ANSWER_TIMEOUT_SECONDS": "4",
    "FAPIAO_RESULT_TIMEOUT_SECONDS": "2",
    "FAPIAO_SCAN_TIMEOUT_SECONDS": "4",
    "FAPIAO_LOGIN_TIMEOUT_SECONDS": "4",
    "FAPIAO_QUERY_TIMEOUT_SECONDS": "4",
}
_SCRIPTS: Final = {("drop", "issued"): "dropped_after_issuing", ("res", "0"): "refused"}
_AFTERWARDS: Final = ("confirmed", "unconfirmed")


@dataclass(frozen=True)
class Case:
    """One input and what is right about its end."""

    id: str
    name: str
    right: str
    commands: tuple[dict[str, Any], ...]
    check: dict[str, Any]
    gateway: dict[str, Any]
    settings: tuple[tuple[str, str], ...]

    @property
    def user_id(self) -> str:
        return f"case-{self.id}"

    @property
    def seller(self) -> str:
        """A tax id of the case's own, with the right check character."""
        stem = f"91330701MA2CAC{int(self.id):03d}"
        return next(stem + each for each in "0123456789ABCDEFGHJKLMNPQRTUWXY" if check_digit_fits(stem + each))


def load(name: str) -> list[Case]:
    """The cases of a file of the folder."""
    return [
        Case(
            each["id"],
            each["name"],
            each["right"],
            tuple(each["commands"]),
            each["check"],
            each["gateway"],
            tuple(sorted(each.get("settings", {}).items())),
        )
        for each in json.loads((FOLDER / name).read_text(encoding="utf-8"))
    ]


@dataclass
class Told:
    """What came of a case."""

    command_ids: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


async def run(stack: Stack, case: Case) -> list[str]:
    """Run a case to its end; returns what is wrong, in sentences."""
    behaviour = {name: given for name, given in case.gateway.items() if name != "script"}
    stack.sandbox.behaviours.set(case.user_id, Behaviour.read(behaviour))
    told = Told()
    for place, command in enumerate(case.commands):
        times = command.get("times", 1)
        if place == 0 and (script := case.gateway.get("script")):
            (ending,) = script.items()
            stack.sandbox.faults.arm(_SCRIPTS[ending], case.user_id, times)
        sent = [await _send(stack, case, command) for _ in range(times)]
        told.command_ids += sent
        if "logins_at_most" in case.check:
            await stack.pause(min(12.0, command.get("seconds", 0)))
        else:
            told.ends += await asyncio.gather(*(_end(stack, each) for each in sent))
    return _faults(stack, case, told)


async def _send(stack: Stack, case: Case, command: dict[str, Any]) -> str:
    command_id = stack.new_id()
    invoice = {"sellerIndentification": case.seller, **command["invoice"]}
    order = make_order(f"{case.user_id} 备注", case.user_id, invoice=invoice, **command.get("data", {}))
    order["login"] |= {"companyCode": case.seller}
    body = json.dumps(order, ensure_ascii=False)
    if (raw := command.get("raw")) is not None:
        body = body.replace(*raw)
    await stack.publish(command_id, body.encode())
    return command_id


async def _end(stack: Stack, command_id: str) -> str:
    """The outcome, the code, or `needs_person`; after `completed` what follows it is waited for as well."""
    try:
        await stack.wait_for(lambda: _is_over(stack, command_id))
    except TimeoutError:
        return f"no end, but {stack.said(command_id)}"
    events = stack.events[command_id]
    final = next((each for each in events if each["type"].rpartition(".")[2] in FINAL), None)
    if final is None:
        return "needs_person"
    return str(final["data"].get("code") or final["type"].rpartition(".")[2])


def _is_over(stack: Stack, command_id: str) -> bool:
    said = stack.said(command_id)
    if "completed" in said:
        return bool(set(said) & set(_AFTERWARDS))
    if set(said) & set(FINAL):
        return True
    return "in_doubt" in said and stack.last(command_id, "in_doubt")["needsPerson"] is True


def _faults(stack: Stack, case: Case, told: Told) -> list[str]:
    check = case.check
    events = [event for each in told.command_ids for event in stack.events[each]]
    texts = [json.dumps(event, ensure_ascii=False) for event in events]
    outcomes = {outcome for each in told.command_ids for outcome in stack.said(each)}
    allowed = [check["final"]] if isinstance(check.get("final"), str) else check.get("final", [])
    faults = [f"ended in {told.ends}" for _ in range(1) if allowed and told.ends[-1] not in allowed]
    if check.get("confirmed") and "confirmed" not in outcomes:
        faults.append(f"was not confirmed: {sorted(outcomes)}")
    faults += [f"{each} was told" for each in check.get("outcomes_never", ()) if each in outcomes]
    faults += [f"{each} stands nowhere" for each in check.get("mention", ()) if not any(each in one for one in texts)]
    faults += [f"{each} was told" for each in check.get("hide", ()) if any(each in one for one in texts)]
    return faults + _seen_by_the_gateway(stack, case)


def _seen_by_the_gateway(stack: Stack, case: Case) -> list[str]:
    seen, check = stack.sandbox.vendor.of(case.user_id), case.check
    limits = {"submissions": check.get("submitted"), "logins": check.get("logins_at_most")}
    counts: Sequence[tuple[str, int | None]] = list(limits.items())
    return [f"{getattr(seen, name)} {name}" for name, most in counts if most is not None and getattr(seen, name) > most]
