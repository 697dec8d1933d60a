"""How the intake fills the journal: a batch of messages at a time, in which a message that the journal cannot store
does not hold up the others. The journal is never filled completely: more commands wait in the broker, so that those
which run can end.

Guarantees that only an error that is the command's own refuses a command, and that its sender is told; whatever else
goes wrong is tried again. Where space is short, commands are taken again once there is clearly more, and it is said
when and why; a journal that does not answer changes nothing: the consumer sees to that by itself. Knows nothing of the
broker.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from worker.clock import Clock
from worker.errors import JournalFaulty, JournalUnavailable, NotStorable
from worker.intake.admission import AdmissionRules, Admitted, unstorable
from worker.intake.answers import answer_busy, answer_duplicate, answer_reused, answer_unstorable
from worker.ports import IntakeJournal, SpaceJournal
from worker.records import Admission, LooseEvent, NewCommand, Space

log = structlog.get_logger()

ANSWERED: Final = frozenset({Admission.REUSED, Admission.BUSY, Admission.DUPLICATE})
"""Nothing was written of such a message, and its sender is told why."""
TRIES_TOGETHER: Final = 8
"""While every message of a batch fails, the fault is looked for in the store. Only after each has failed so many times
(count) it is looked for in the messages."""


def _ignore(*_: object) -> None:
    """For hooks nobody wants."""


@dataclass(frozen=True, slots=True)
class IntakeHooks:
    """Whom intake tells; all are called on the event loop and must be quick."""

    on_accepted: Callable[[Collection[str]], None] = _ignore
    """Lanes that got a command, as far as is known."""
    on_followers: Callable[[], None] = _ignore
    """A command follows another one of the same order."""
    on_events: Callable[[], None] = _ignore
    """The outbox may have rows."""
    count_admission: Callable[[str, str], None] = _ignore
    """Command type, and what became of it (`Admission` in small letters)."""
    count_dead_letter: Callable[[str], None] = _ignore
    """Rejection code."""
    count_returned: Callable[[str], None] = _ignore
    """Why the broker had dead-lettered a command that is taken after all."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Judged:
    """A message that was admitted, on its way into the journal."""

    admitted: Admitted
    failures: int = 0
    """How often the journal failed over it alone, for no reason of its own."""


class Journaling:
    """Writes batches. Each call is one transaction, if nothing is odd."""

    def __init__(
        self, journal: IntakeJournal, hooks: IntakeHooks, rules: AdmissionRules, worker: str, clock: Clock
    ) -> None:
        self._journal = journal
        self._hooks = hooks
        self._rules = rules
        self._worker = worker
        self._clock = clock
        self.took_seconds = 0.0
        """How long the journal took for the last transaction."""

    async def take(self, batch: Sequence[Judged]) -> set[Judged]:
        """Journal them all; returns those that failed for a reason that is neither theirs nor the whole store's, to be
        tried again later. One that the journal cannot hold is made a dead letter, and answered. Raises
        `JournalUnavailable`: then all are to be tried again."""
        try:
            await self._commit(batch)
        except Exception as error:
            if isinstance(error, JournalUnavailable) and not isinstance(error, JournalFaulty):
                raise
            log.warning("intake_batch_failed", commands=len(batch), error=type(error).__name__)
            return await self._take_singly(batch)
        return set()

    async def _take_singly(self, batch: Sequence[Judged]) -> set[Judged]:
        failed: set[Judged] = set()
        for judged in batch:
            try:
                await self._commit([judged])
            except NotStorable as error:
                await self._refuse(judged, error)
            except Exception as error:
                if isinstance(error, JournalUnavailable) and not isinstance(error, JournalFaulty):
                    raise
                command = judged.admitted.command
                judged.failures += 1
                log.exception("command_not_journaled", command_id=command and command.id, failures=judged.failures)
                failed.add(judged)
        if len(failed) == len(batch) > 1 and min(judged.failures for judged in failed) < TRIES_TOGETHER:
            raise JournalUnavailable("the journal takes none of the commands")
        return failed

    async def _refuse(self, judged: Judged, error: NotStorable) -> None:
        """It has an id that an answer can name, so it is no dead letter that nobody is told of."""
        command = judged.admitted.command
        if command is None:  # its answer alone: the dead letter says the rest
            log.warning("refusal_not_storable", reason=str(error))
            judged.admitted = Admitted(None, judged.admitted.dead_letter)
            return
        log.warning("command_not_storable", command_id=command.id, source=command.source, reason=str(error))
        try:
            await self._journal.answer([answer_unstorable(command, self._rules)], worker=self._worker)
        except NotStorable:
            log.warning("refusal_not_storable", command_id=command.id)  # not even where the answer should go
        else:
            self._hooks.on_events()
        # Only now: where the answer could not be queued, the command is tried again.
        judged.admitted = Admitted(command=None, dead_letter=unstorable())
        self._hooks.count_admission(command.type, str(Admission.REJECTED))

    async def _commit(self, batch: Sequence[Judged]) -> None:
        commands = [judged.admitted.command for judged in batch if judged.admitted.command is not None]
        answers = [judged.admitted.answer for judged in batch if judged.admitted.answer is not None]
        began = self._clock.monotonic()
        results: Sequence[Admission] = ()
        if commands:
            results = await self._journal.admit(commands, worker=self._worker, waiting_max=self._rules.waiting_max)
            answers += [
                await self._answer(*each) for each in zip(commands, results, strict=True) if each[1] in ANSWERED
            ]
        if answers:
            await self._journal.answer(answers, worker=self._worker)
        self.took_seconds = self._clock.monotonic() - began
        if any(judged.admitted.answer is not None for judged in batch):
            self._hooks.on_events()
        if commands:
            self._tell(commands, results)

    async def _answer(self, command: NewCommand, result: Admission) -> LooseEvent:
        if result is Admission.REUSED:
            return answer_reused(command, self._rules)
        if result is Admission.DUPLICATE:
            return answer_duplicate(command, await self._journal.double_of(command), self._rules)
        return answer_busy(command, self._rules)

    def _tell(self, commands: Sequence[NewCommand], results: Sequence[Admission]) -> None:
        for command, result in zip(commands, results, strict=True):
            self._hooks.count_admission(command.type, str(result))
            if result is Admission.SUSPECTED:
                log.info("double_suspected", command_id=command.id, source=command.source)
            elif not result.is_accepted:
                log.info("command_not_accepted", command_id=command.id, source=command.source, outcome=str(result))
        # A repeat may be a command whose first answer from the journal was lost: then its lane was never woken.
        lanes = {
            command.lane
            for command, result in zip(commands, results, strict=True)
            if command.lane and (result.is_accepted or result is Admission.REPEATED)
        }
        if lanes:
            self._hooks.on_accepted(lanes)
        if Admission.FOLLOWING in results:
            self._hooks.on_followers()
        answered = any(not (result.is_accepted or result is Admission.FOLLOWING) for result in results)
        if answered or any(command.events for command in commands):
            self._hooks.on_events()


LOOK_SECONDS: Final = 5.0
_CLEARLY: Final = 0.05
"""This share of the bound (0 to 1) must be free before intake goes on; otherwise it would stop and start with every
invoice."""


class Pausable(Protocol):
    """The intake."""

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SpaceLimits:
    """Bounds; None and 0 are none."""

    used_max_bytes: int | None = None
    free_min_bytes: int = 0

    def is_short(self, space: Space, *, was_short: bool) -> bool:
        """Whether no more should be taken; where it was so before, until there is clearly more."""
        margin = _CLEARLY if was_short else 0.0
        if self.used_max_bytes is not None and space.used_bytes > self.used_max_bytes * (1 - margin):
            return True
        return space.free_bytes is not None and space.free_bytes < self.free_min_bytes * (1 + margin)


class SpaceWatch:
    """Schedules now and then. `run` it beside the consumer."""

    def __init__(self, journal: SpaceJournal, intake: Pausable, limits: SpaceLimits) -> None:
        self._journal = journal
        self._intake = intake
        self._limits = limits
        self.is_short = False
        """Whether the intake is paused for want of space."""

    async def run(self) -> None:
        """Look until cancelled."""
        while self._limits != SpaceLimits():
            await self.run_once()
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.Event().wait()  # nothing to look for, but a stage that ends takes the worker down

    async def run_once(self) -> int:
        """Look once. Returns 1 if that paused or resumed the intake."""
        try:
            space = await self._journal.space()
        except JournalUnavailable:
            return 0
        short = self._limits.is_short(space, was_short=self.is_short)
        if short is self.is_short:
            return 0
        self.is_short = short
        told = {"used_bytes": space.used_bytes, "free_bytes": space.free_bytes}
        if short:
            log.error("journal_full", **told, advice="commands wait in the broker: prune, or make more space")
            await self._intake.pause()
        else:
            log.info("journal_has_space", **told)
            await self._intake.resume()
        return 1
