"""One lane's commands on a stage of fakes: claimed, carried out, claimed anew after a crash."""

import asyncio
from collections.abc import Sequence
from typing import Any

from contracts.envelope import loads
from tests.builders import make_found, make_page, make_query, make_question
from tests.lane_fakes import After, Answer, Script, Stage
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.lane_session import LaneSession
from worker.lanes.runner import LaneRunner, run_of
from worker.lanes.runs.run import Run
from worker.ports import DownloadTold
from worker.records import FINAL, Command, CommandState

DONE = DownloadTold(ok=True)
LONG_LEASE = {"lease_seconds": 86_400}
"""For tests that are about something else."""


def now() -> float:
    """The loop's virtual time."""
    return asyncio.get_running_loop().time()


def later(seconds: float, act: Any) -> None:
    """Do this in so many seconds."""
    asyncio.get_running_loop().call_later(seconds, act)


def waiting_query(key: int = 1, **question: Any) -> Command:
    """An `invoice.query` that waits for its lane: pages of two invoices."""
    return make_query(make_question(**question), key=key, state=CommandState.WAITING, epoch=0, attempts=0)


def pages_of(count: int, *, size: int = 2, notice: Answer = DONE) -> list[list[Answer]]:
    """What a gateway with so many invoices says to each question."""
    rows = [make_found(number) for number in range(1, count + 1)]
    pages = [rows[first : first + size] for first in range(0, count, size)]
    return [
        [make_page(*page, total=count, has_next=place < len(pages)), notice]
        for place, page in enumerate(pages, start=1)
    ]


def housekeeping(stage: Stage) -> tuple[Housekeeping, list[str]]:
    """The stage's housekeeping, and a line each time that it says that lanes were freed."""
    freed: list[str] = []
    return Housekeeping(stage.services, "w-1", lanes_freed=lambda: freed.append("freed")), freed


async def keep_house(stage: Stage) -> int:
    """One round of it; how many rows it moved."""
    keeper, _ = housekeeping(stage)
    return await keeper.run_once()


class Played:
    """A stage, and the exchange of the lane's first command."""

    def __init__(self, *scripts: Script, **fields: Any) -> None:
        self.stage = Stage(scripts=scripts, **fields)
        self.journal = self.stage.journal
        self.gateway = self.stage.gateway
        self.details = self.stage.details
        self.acts = self.stage.acts

    def lay_out(self, count: int) -> None:
        """All files of so many invoices are ready, and an item of each."""
        for number in range(1, count + 1):
            self.details.lay_out(make_found(number)["id"], "pdf", "ofd", "xml")

    async def prepare(self, *commands: Command) -> Run:
        """Journal them, and take the first."""
        claim = await self.stage.claim(*commands)
        self.acts.clear()
        self.lane_session = LaneSession(self.stage.services, claim.lease)
        return run_of(
            self.stage.services, self.lane_session, claim.command, lambda: self.lane_session.interruption is None
        )

    async def run(self, *commands: Command) -> Command | None:
        """The first one, to the end of its exchange."""
        return (await (await self.prepare(*commands)).run()).command

    async def crash(self, running: "asyncio.Task[Any]") -> None:
        """The worker dies: nothing more is done, and another holder takes the lane."""
        running.cancel()
        await asyncio.wait([running])
        for session in list(self.gateway.open_sessions):
            await session.close()
        self.journal.hold(self.lane_session.lane, None)

    async def serve(self, *commands: Command, until: float = 0.0) -> None:
        """Carry out all that is due on any lane, as long as there is something, or until then."""
        self.journal.add(*commands)
        await self.stage.lease()
        while True:
            await self.journal.reap("w-1", self.stage.clock.now())
            await self.journal.enter_look_ups(self.stage.clock.now())
            claims = await self.journal.claim("w-1", 10, self.stage.clock.now())
            for claim in claims:
                await LaneRunner(self.stage.services, claim).serve()
            if not claims and now() >= until:
                return
            if not claims:
                await asyncio.sleep(1 if until - now() < 3600 else 10)

    # ---- what came of it

    def said(self, outcome: str, key: int = 1) -> list[dict[str, Any]]:
        """The data of the command's events of this outcome."""
        events = self.journal.events.get(key, [])
        return [loads(event.body)["data"] for event in events if event.type.endswith(f".{outcome}")]

    def completed(self, key: int = 1) -> dict[str, Any]:
        """The data of its one `completed`."""
        (said,) = self.said("completed", key)
        return said

    def failure(self, key: int = 1) -> dict[str, Any]:
        """The data of its one `failed`."""
        (said,) = self.said("failed", key)
        return said

    def told(self, key: int = 1) -> list[str]:
        """The numbers of the invoices that its pages told."""
        return [
            invoice["countETicketNumbers"]
            for page in self.said("page", key)
            if not page["late"]
            for invoice in page["invoices"]
        ]

    def check(self) -> None:
        """What must hold after anything: one socket per user, and one final event for each command that ended."""
        assert self.gateway.most_open_of_one_user <= 1
        told = self.journal.events
        for key, command in self.journal.commands.items():
            finals = [name for name in self.journal.outcomes_of(key) if name in {"completed", "failed"}]
            assert len(finals) == (command.state in FINAL), command.type
            sequences = [event.sequence for event in told.get(key, [])]
            assert sequences == list(range(1, len(sequences) + 1))


def issuing(*answers: Answer, **fields: Any) -> Played:
    """A gateway that says this after each submission."""
    return Played(Script(submissions=[answers]), **fields)


def numbers(count: int) -> list[str]:
    """Of so many invoices."""
    return [make_found(number)["countETicketNumbers"] for number in range(1, count + 1)]


def slowly(seconds: float, answers: Sequence[Sequence[Answer]]) -> list[list[Answer]]:
    """The same, each first answer after so many seconds."""
    return [[After(seconds, first), *others] for first, *others in answers if not isinstance(first, After)]
