"""Moving a command without its lane: by evidence, by a late reply, by its deadline, by the first command of its order.

Guarantees that it is done by compare-and-set, told of, counted and logged alike whoever does it, with a crash point
before and after.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from worker.crashpoints import crashpoint
from worker.flows.announce import events_of, keeps_order
from worker.flows.vocabulary import Settle
from worker.lanes.services import LaneServices
from worker.records import CommandState, Settlement

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settling:
    """`part` begins the names of the crash points."""

    services: LaneServices
    part: str

    async def settle(
        self,
        move: Settle,
        *,
        point: str,
        expected: frozenset[CommandState] | None = None,
        has_looked: bool = False,
        insist: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]] | None = None,
    ) -> bool:
        """Whether it was done: not where somebody else was quicker. `expected` is where the reason for it holds; None
        stands for where the command was read. Raises `NotResolvable`, and `JournalUnavailable` unless `insist` goes
        on until the store answers."""
        settlement = self._settlement(move, expected or frozenset({move.command.state}), has_looked=has_looked)

        async def act() -> bool:
            return await self.services.journal.settle(settlement)

        crashpoint(f"{self.part}.{point}_next")
        settled = await (act() if insist is None else insist(act))
        crashpoint(f"{self.part}.{point}_recorded")
        if settled:
            self._tell(move)
        return settled

    def _settlement(self, move: Settle, expected: frozenset[CommandState], *, has_looked: bool) -> Settlement:
        now = self.services.clock.now()
        return Settlement(
            command=move.command,
            expected=expected,
            to=move.to,
            at=now,
            events=events_of(move.command, move.announcements, worker=self.services.settings.source, at=now),
            invoice_number=move.invoice_number,
            sought_at=move.sought_at,
            has_looked=has_looked,
            progress=move.progress,
            findings=move.findings,
            keeps_order=keeps_order(move.announcements),
        )

    def _tell(self, move: Settle) -> None:
        if move.announcements:
            self.services.committed()
        if move.to is move.command.state:
            return
        said: Mapping[str, Any] = move.announcements[-1].data if move.announcements else {}
        code = str(said.get("code", ""))
        self.services.hooks.settled(move.command.type, move.to, code)
        log.info(
            "command_settled",
            state=move.to,
            command_id=move.command.id,
            command_source=move.command.source,
            code=code or None,
            by=self.part,
        )
