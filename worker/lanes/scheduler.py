"""Claims lanes, keeps the lease, and ends lanes when it must.

Guarantees that no lane runs without a lease of this worker, and that lanes are dropped the moment it is known
to be lost. Knows nothing of what a command does.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.lanes.runner import LaneRunner
from worker.lanes.services import LaneServices
from worker.outages import journal_outage
from worker.records import SUBMITTED, Claim, ClaimBounds, LaneLease, is_own_lane

log = structlog.get_logger(__name__)

CLAIM_BATCH = 64
"""Lanes claimed at once where the journal is quick (count)."""
CLAIM_USUAL_SECONDS = 0.1
"""Where a claim takes longer than this, the next one asks for more lanes in proportion, so that a slow journal begins
as many lanes a second as a quick one."""
CLAIM_BATCH_MAX = 512
ABANDON_TIME = timedelta(seconds=2)


class Scheduler:
    """All lanes of this worker."""

    def __init__(self, services: LaneServices, worker: str) -> None:
        self._services = services
        self._worker = worker
        self._lanes: dict[str, tuple[LaneRunner, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Lanes that have not ended yet, those of an earlier lease included."""
        self._may_hold_unknown = False
        """A claim was asked for, and its answer has not come."""
        self._wake = asyncio.Event()
        self._claim_seconds = 0.0
        """How long the last claim took."""
        self._term = 0
        """Counts this worker's leases. What it asked to claim under an earlier one may be another worker's by now."""
        self._renewed_at = float("-inf")
        self._is_retired = False
        self._outage, self._claiming = journal_outage("lease"), journal_outage("claims")
        self._asked_about: dict[str, float] = {}
        """Tenants that have all the places that they may have, and when it was asked whether more lanes wait."""
        self._is_hearing_out = False
        """Lanes of the lease before may still write what they know: none is claimed anew."""
        self._is_mute = True
        """Whether, at the last look, no events went out. True at first, until the broker is there."""

    # ---- from outside ------------------------------------------------------------------------------

    def wake(self, lanes: Collection[str] = ()) -> None:
        """There may be work: for these lanes, or for any."""
        is_for_others = not lanes
        for lane in lanes:
            running = self._lanes.get(lane)
            if running is not None:
                running[0].lane_session.wake()
            else:
                is_for_others = True
        if is_for_others:
            self._wake.set()

    @property
    def active(self) -> int:
        """Lanes being served."""
        return len(self._lanes)

    async def run(self) -> None:
        """Register, then claim and renew until cancelled; `drain` first, for a clean end."""
        await self._register()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_lease(), name="lease")
                group.create_task(self._keep_claiming(), name="claims")
                group.create_task(self._keep_looking_at_wanted(), name="wanted")
        finally:
            await self._abandon_lanes()

    async def _abandon_lanes(self) -> None:
        """Where there was no drain, or it was cut short: what lanes leave is taken over as after a crash."""
        for task in self._tasks:
            task.cancel()
        await self._wait_for_lanes(ABANDON_TIME)
        self._services.lease.is_given_up = True

    async def drain(self, grace: timedelta) -> None:
        """Take nothing new, let runs finish for `grace`, then hand over what is left; durable either way.

        The lease is ended last, and only when every session is closed: the next holder may connect at once.
        """
        self._services.is_draining = True
        crashpoint("drain.begun")
        for runner, _ in self._lanes.values():
            runner.lane_session.wake()
        await self._wait_for_lanes(grace)
        if self._tasks:
            log.warning("handing_over", lanes=len(self._tasks))
        self._interrupt_all(lease_is_lost=False)
        await self._wait_for_lanes(self._closing_time)
        for task in self._tasks:
            task.cancel()
        await self._wait_for_lanes(ABANDON_TIME)
        self._is_retired = True
        crashpoint("drain.lanes_over")
        try:
            await self._services.journal.retire(self._worker)
            crashpoint("drain.retired")
        except JournalUnavailable as fault:
            log.warning("not_retired", reason=str(fault))

    # ---- claiming ----------------------------------------------------------------------------------

    async def _keep_claiming(self) -> None:
        while True:
            self._wake.clear()
            try:
                claimed = await self.run_once()
            except JournalUnavailable as fault:
                self._claiming.met(fault)
                claimed = 0
            if claimed == 0:
                await self._wait_for_work()

    async def run_once(self) -> int:
        """Claim what there is room for. Returns how many lanes were begun."""
        services = self._services
        if self._is_hearing_out or services.is_draining or not services.lease.is_safe(services.clock.monotonic()):
            return 0
        await self._give_back_unknown()
        free = services.settings.max_lanes - len(self._lanes)
        await self._look_for_contention(free)
        wished = min(free, CLAIM_BATCH_MAX, int(CLAIM_BATCH * max(1.0, self._claim_seconds / CLAIM_USUAL_SECONDS)))
        if wished <= 0:
            return 0
        term = self._term
        self._may_hold_unknown = True  # until the answer is here, the store may have given what we know nothing of
        within = self._bounds(wished)
        asked_at = services.clock.monotonic()
        claims = await services.journal.claim(self._worker, wished, services.clock.now(), within=within)
        self._claim_seconds = services.clock.monotonic() - asked_at
        self._claiming.over()
        if self._came_too_late(term):
            await self._give_back([claim.lease for claim in claims])
            return 0
        self._may_hold_unknown = False
        if any(_connects(claim) for claim in claims):
            services.breaker.probed(services.clock.monotonic())
        for claim in claims:
            self._begin(claim)
        return len(claims)

    def _bounds(self, wished: int) -> ClaimBounds:
        """What a claim must keep to. Only lanes that need a session are held back while the gateway is away; the others
        do not wait with them."""
        services = self._services
        return ClaimBounds(
            connecting=self._connecting(wished),
            of_tenant=services.places.of_tenant,
            left=services.places.left(),
        )

    def _connecting(self, wished: int) -> int:
        """How many may begin that need a session: few where the gateway is away, none where events do not go out."""
        services, was_mute = self._services, self._is_mute
        self._is_mute = not services.can_tell()
        if self._is_mute and not was_mute:
            log.warning("nothing_begun", reason="events do not go out: nobody would see a QR; look at the broker")
        return 0 if self._is_mute else services.breaker.may_begin(wished, services.clock.monotonic())

    def _came_too_late(self, term: int) -> bool:
        """Whether the drain began, or the lease was lost, since the claim was asked for. A lane that is begun without a
        lease stops at once and would stay held, also under a new lease that has become durable meanwhile."""
        services = self._services
        return services.is_draining or term != self._term or not services.lease.is_safe(services.clock.monotonic())

    async def _give_back_unknown(self) -> None:
        """A claim whose answer was lost may be durable all the same. This worker goes on renewing its lease, so lanes
        that it holds and does not serve would be lost to everybody."""
        if self._may_hold_unknown:
            held = await self._services.journal.held(self._worker)
            await self._give_back([lease for lease in held if lease.lane not in self._lanes])
            self._may_hold_unknown = False

    async def _give_back(self, leases: Sequence[LaneLease]) -> None:
        """Lanes that were claimed and not begun, which may be hundreds: all at once. What fails here is given back at
        the next round, or with the lease."""
        journal, now = self._services.journal, self._services.clock.now()
        answers = await asyncio.gather(*(journal.release(lease, now) for lease in leases), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _look_for_contention(self, free: int) -> None:
        """See whether lanes wait for a place: any lanes where all places are taken, or a tenant's own where it has all
        that it may have. Where they begin to wait, idle lanes are woken, so that these give up their places."""
        services = self._services
        was_contended, crowded_before = services.is_contended, services.places.crowded
        services.is_contended = free <= 0 and await services.journal.ready_lanes(1) > 0
        services.places.crowded = await self._crowded()
        is_new = services.is_contended and not was_contended
        crowded = services.places.crowded - crowded_before
        for runner, _ in self._lanes.values() if is_new or crowded else ():
            if is_new or runner.lane_session.tenant in crowded:
                runner.lane_session.wake()

    async def _crowded(self) -> frozenset[str]:
        """Which of the tenants that have all their places have more lanes that wait. Each is asked about as often as a
        worker polls: there may be a hundred of them, and claims that follow each other would ask a hundred times
        each."""
        services, known = self._services, self._asked_about
        at, crowded = services.clock.monotonic(), services.places.crowded
        full = services.places.full()
        due = [one for one in full if at - known.get(one, float("-inf")) >= services.settings.poll_seconds]
        ready = await asyncio.gather(*(services.journal.ready_lanes(1, one) for one in due))
        self._asked_about = {one: at if one in due else known[one] for one in full}
        waiting = {one for one, lanes in zip(due, ready, strict=True) if lanes > 0}
        return frozenset(waiting | ((crowded & frozenset(full)) - frozenset(due)))

    async def _wait_for_work(self) -> None:
        services = self._services
        probe_in = services.breaker.seconds_closed(services.clock.monotonic())
        pause = probe_in if 0 < probe_in < services.settings.poll_seconds else services.settings.poll_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _keep_looking_at_wanted(self) -> None:
        while True:
            await asyncio.sleep(self._services.settings.poll_seconds)
            self._services.hooks.lanes(len(self._lanes), self._services.sessions)
            await self._look_at_wanted()

    async def _look_at_wanted(self) -> None:
        """Wake lanes of ours that got work through another replica. By a timer of its own, and not where a claim finds
        nothing: a worker that always finds something to claim would never get to it."""
        try:
            wanted = await self._services.journal.wanted(self._worker)
        except JournalUnavailable:
            return
        for lane in wanted:
            running = self._lanes.get(lane)
            if running is not None:
                running[0].lane_session.wake()

    def _begin(self, claim: Claim) -> None:
        lane = claim.lease.lane
        runner = LaneRunner(self._services, claim)
        task = asyncio.create_task(runner.serve(), name="lane")
        self._lanes[lane] = runner, task
        self._tasks.add(task)
        self._services.places.take(runner.lane_session.tenant)
        task.add_done_callback(lambda done: self._ended(runner, done))

    def _ended(self, runner: LaneRunner, task: asyncio.Task[None]) -> None:
        lane = runner.lane_session.lane
        if lane in self._lanes and self._lanes[lane][1] is task:  # not one that was claimed anew under a later lease
            del self._lanes[lane]
        self._services.places.leave(runner.lane_session.tenant)
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("lane_died", exc_info=fault)
        self._wake.set()

    # ---- the lease ---------------------------------------------------------------------------------

    async def _register(self) -> None:
        services = self._services
        while True:
            asked_at = services.clock.monotonic()
            try:
                # An answer that comes after the lease it grants is over is worth nothing.
                async with asyncio.timeout(services.settings.lease_seconds):
                    await services.journal.register(self._worker, services.settings.lease)
            except (JournalUnavailable, TimeoutError) as fault:
                self._outage.met(fault)
                await asyncio.sleep(services.settings.poll_seconds)
                continue
            self._outage.over()
            services.lease.is_given_up = False
            services.lease.granted(asked_at)
            self._renewed_at = asked_at
            return

    async def _keep_lease(self) -> None:
        """Renews the lease every third of its length. Looks at it more often: a process that was stopped for long must
        close its sessions as soon as it goes on."""
        services = self._services
        renew_every = services.settings.lease_seconds / 3
        while not self._is_retired:
            await asyncio.sleep(min(1.0, renew_every / 4))
            now = services.clock.monotonic()
            if services.lease.is_safe(now) and now - self._renewed_at >= renew_every:
                await self._renew()
            if not services.lease.is_safe(services.clock.monotonic()) and not self._is_retired:
                await self._start_anew()

    async def _renew(self) -> None:
        """Waits no longer than the lease is safe. A store that hangs must not keep this worker from noticing that its
        lease has ended, nor may one that is slow to end a cancelled call."""
        services = self._services
        asked_at = services.clock.monotonic()
        renewal = asyncio.ensure_future(services.journal.renew(self._worker, services.settings.lease))
        try:
            async with asyncio.timeout(services.lease.seconds_safe(asked_at)):
                is_ours = await asyncio.shield(renewal)
        except (JournalUnavailable, TimeoutError) as fault:
            self._outage.met(fault)
            return
        finally:
            renewal.cancel()
        self._outage.over()
        if is_ours:
            services.lease.granted(asked_at)
            self._renewed_at = asked_at
        else:
            services.lease.is_given_up = True

    async def _start_anew(self) -> None:
        """Others may soon hold our lanes, or do so already: drop every session unused, then ask for a new lease.

        A lane that waits for the store keeps what it knows, but not its session.
        """
        log.error("lease_lost", lanes=len(self._lanes))
        self._services.hooks.lease_lost()
        self._term += 1
        self._services.lease.is_given_up = True
        self._interrupt_all(lease_is_lost=True)
        await asyncio.gather(*(runner.lane_session.hang_up() for runner, _ in self._lanes.values()))
        await self._wait_for_lanes(self._closing_time)
        self._is_hearing_out = True
        await self._register()
        # What lanes know and could not write, they write now, each at its next try: claimed anew before that, each
        # would be told as in doubt.
        settings = self._services.settings
        await self._wait_for_lanes(timedelta(seconds=min(2 * settings.poll_seconds, settings.lease_seconds / 6)))
        self._is_hearing_out = False
        self._wake.set()

    def _interrupt_all(self, *, lease_is_lost: bool) -> None:
        for runner, _ in self._lanes.values():
            runner.lane_session.interrupt(lease_is_lost=lease_is_lost)

    async def _wait_for_lanes(self, at_most: timedelta) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=at_most.total_seconds())

    @property
    def _closing_time(self) -> timedelta:
        """What an interrupted lane may take: the closing handshake, the pause after it, and its release."""
        return timedelta(seconds=self._services.settings.close_timeout_seconds + 5)


def _connects(claim: Claim) -> bool:
    """Whether what it begins with needs a session with the gateway."""
    return not is_own_lane(claim.lease.lane) and claim.command.state not in SUBMITTED
