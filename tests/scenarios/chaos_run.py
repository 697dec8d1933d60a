"""One run: load and strokes at once, then everything comes to its end, and is judged.

What strikes is the caller's: the torments of `chaos_fleet`, or one fault of a server.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.chaos_checker import Verdict, is_numbered, judge, numbers_told, outcomes
from tests.scenarios.chaos_fleet import Fleet, WatchedSandbox, now
from tests.scenarios.chaos_load import Plan, Planned
from tests.scenarios.chaos_stacks import ChaosStack
from tests.scenarios.stack import FINAL
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.sandbox.server import SandboxOptions

LEASE_SECONDS = 5.0
SETTINGS = {
    "FAPIAO_LEASE_SECONDS": str(LEASE_SECONDS),
    "FAPIAO_HEARTBEAT_SECONDS": "5",
    "FAPIAO_LOGIN_TIMEOUT_SECONDS": "3",
    "FAPIAO_ANSWER_TIMEOUT_SECONDS": "3",
    "FAPIAO_SCAN_TIMEOUT_SECONDS": "4",
    "FAPIAO_RESULT_TIMEOUT_SECONDS": "1",
    "FAPIAO_QUERY_TIMEOUT_SECONDS": "3",
    "FAPIAO_DOWNLOAD_TIMEOUT_SECONDS": "3",
    "FAPIAO_LOGIN_FAILURES": "1000",
    "FAPIAO_LOGIN_ATTEMPTS": "1000",
    "FAPIAO_LOGIN_SUSPEND_SECONDS": "4",  # as long rest the look-ups whose login was refused
    "FAPIAO_DRAIN_SECONDS": "1",
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "1",
    "FAPIAO_CONFIRM_SCHEDULE": "2s,3s,5s",
    "FAPIAO_RECONCILE_SCHEDULE": "1s,2s,3s,5s",
    "FAPIAO_REFUSAL_SCHEDULE": "0.5s,4s",
}
GATEWAY = SandboxOptions(
    qr="always", auto_scan_seconds=0.3, login_delay_seconds=0.05, issue_delay_seconds=0.1, query_delay_seconds=0.05
)


@dataclass(frozen=True)
class Weather:
    """How long, how much, and which."""

    seed: int
    seconds: float
    drain_seconds: float = 2 * PATIENCE_SECONDS
    per_second: float = 6.0
    fault_share: float = 0.5
    """Of the orders: how many bring a fault of the gateway along."""


@dataclass
class Run:
    """One run, from the first process to the verdict."""

    stack: ChaosStack
    weather: Weather
    verdict: Verdict = field(default_factory=Verdict)
    planned: list[Planned] = field(default_factory=list)
    _groups: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def go(self, strike: Callable[[Fleet], Awaitable[None]], *, replicas: int = 1) -> Verdict:
        """Load while it strikes; then let everything come to its end, and judge."""
        sandbox, lease, seed = self.stack.sandbox, LEASE_SECONDS, self.weather.seed
        assert isinstance(sandbox, WatchedSandbox)
        await self.stack.prepare()
        fleet = sandbox.fleet = Fleet(self.stack, self.verdict, size=replicas, lease_seconds=lease, seed=seed)
        await self.stack.worker_is_consuming()
        await self._under_load(strike(fleet))
        fleet.look_for_the_dead()
        await self._drain()
        fleet.look_for_the_dead()
        judge(self.verdict, self.planned, self.stack.events, sandbox.ledger)
        for user, sentence in sandbox.violations:
            self.verdict.violated("", f"{user}: {sentence}")
        await self._look_for_what_is_left()
        return self.verdict

    async def _under_load(self, strike: Awaitable[None]) -> None:
        """Publish all the while, and at least as long as the weather says."""
        striking, began = asyncio.ensure_future(strike), now()
        dice, plan = random.Random(self.weather.seed), iter(self._plan())
        try:
            while not striking.done() or now() < began + self.weather.seconds:
                await self._publish(next(plan))
                await asyncio.sleep(dice.expovariate(self.weather.per_second))
        finally:
            striking.cancel()
        await striking

    def _plan(self) -> Plan:
        weather = self.weather
        return Plan(weather.seed, with_questions=self.stack.understands_questions, fault_share=weather.fault_share)

    async def _publish(self, one: Planned) -> None:
        if one.fault is not None:
            self.stack.sandbox.faults.arm(one.fault, one.user)
        self.verdict.counts.attempted += 1
        await self.stack.publish_planned(one)
        self.verdict.counts.accepted += 1
        self.planned.append(one)
        self._groups[one.group].append(one.command_id)

    async def _look_for_what_is_left(self) -> None:
        if self.stack.understands_questions:
            try:
                await self.stack.check_nothing_is_left()
            except AssertionError as left:
                self.verdict.violated("", str(left))

    async def _drain(self) -> None:
        """Until every command has its end; what the worker leaves to a person, a person decides by the books."""
        until = now() + self.weather.drain_seconds
        self.stack.sandbox.faults.clear()
        left = self.planned
        while now() < until and (left := [one for one in left if not self._is_over(one)]):
            needy = next((one for one in left if self._needs_person(one)), None)
            if needy is not None:
                await self._decide(needy)
            await asyncio.sleep(0.1)

    def _is_over(self, one: Planned) -> bool:
        group = self._groups[one.group] if self.stack.understands_questions else []
        if not is_numbered(self.stack.events[other] for other in group if one.type == "invoice.issue"):
            return False
        return bool(set(outcomes(self.stack.events[one.command_id])) & set(FINAL))

    def _needs_person(self, one: Planned) -> bool:
        told = self.stack.events[one.command_id]
        is_open = not set(outcomes(told)) & set(FINAL)
        return is_open and bool(told) and bool(told[-1]["data"].get("needsPerson"))

    async def _decide(self, one: Planned) -> None:
        ledger = self.stack.sandbox.ledger
        alike = [other for other in self.planned if (other.user, other.remark) == (one.user, one.remark)]
        taken = {number for other in alike for number in numbers_told(self.stack.events[other.command_id])}
        free = [invoice.number for invoice in ledger.issued_for(one.remark) if invoice.user_id == one.user]
        number = next((number for number in free if number not in taken), None)
        words = ["--not-issued"] if number is None else ["--issued", number]
        done = await self.stack.command_line("resolve", one.command_id, *words)
        if done.returncode == 0:
            self.verdict.counts.by_person += 1
            await self.stack.until([one.command_id], FINAL)

    def report(self) -> str:
        """The broken promises, and the stories of the first few commands they are about."""
        broken = [f"BROKEN {one} {sentence}" for one, sentence in self.verdict.violations]
        about = dict.fromkeys(one for one, _ in self.verdict.violations if one)
        return "\n".join([str(self.verdict.counts), *broken, *(self.story(one) for one in list(about)[:6])])

    def story(self, command_id: str) -> str:
        """What happened to one command, for whoever must find out why."""
        of = next((one for one in self.planned if one.command_id == command_id), None)
        lines = [f"{command_id}: {of and (of.type, of.user, of.fault)}"]
        told = self.stack.events.get(command_id, ())
        lines += [f"  told {event.get('sequence')} {event['type']} {_short(event['data'])}" for event in told]
        if of is not None:
            lines += [
                f"  gateway {one.at} {one.socket} {one.event} {one.about}"
                for one in self.stack.sandbox.feed
                if one.user_id == of.user
            ][-60:]
        for worker in self.stack.workers:
            lines += [
                f"  {worker.log_path.stem} {line[:400]}"
                for line in worker.log().splitlines()
                if f'"{command_id}"' in line
            ]
        return "\n".join(lines)


def _short(data: dict[str, Any]) -> str:
    kept = {k: v for k, v in data.items() if k not in {"commandId", "commandSource", "content", "files", "invoice"}}
    return json.dumps(kept, ensure_ascii=False)[:300]
