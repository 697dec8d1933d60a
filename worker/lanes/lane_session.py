"""The lane's connection: at most one session, kept between commands until something unexpected comes over it.

Guarantees that the session is closed, and that the gateway had a moment to forget it, before another one of the same
`userId` is opened. Every wait can be interrupted, and has an end of its own. Knows nothing of commands. Here too is how
a run asks a store that does not answer (`Insist`), for the session must go when the lease ends meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from worker.backoff import is_worth_a_line
from worker.errors import JournalFaulty, JournalUnavailable, LeaseLost, Transient
from worker.lanes.runs.order import Access
from worker.lanes.services import LaneServices
from worker.ports import GatewaySession, QueryEvent, QuerySession, SessionEvent
from worker.records import LaneLease

T = TypeVar("T")

_CLOSE_ENOUGH_SECONDS = 0.001
"""The resolution of the loop's timers."""


class Waits:
    """Bounds what one task waits for: one wait at a time, all under one timer.

    `asyncio.timeout` would make a timer for every wait and cancel it again, ten times for each command, though such a
    timer hardly ever goes off. Here one timer stays: it goes off at the end of the earliest wait that it was set for,
    and is set anew where a later wait goes on. Knows nothing of sessions.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        """Whose wait goes on."""
        self._until: float | None = None
        self._is_over = False
        self._ending: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def bounded(self, work: Awaitable[T], until: float | None) -> T:
        """Wait for this, at the longest until then (the loop's time). Raises `TimeoutError` where that has come, or
        where `end` was called: the work is cancelled then. What is there already is returned, even if the time is
        over."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  only tasks wait
        before = task.cancelling()
        self._task, self._until, self._is_over = task, until, False
        if until is not None:
            self._set_timer(until)
        try:
            result = await work
        except BaseException as fault:
            # Cancelled by us alone, it is a time-out. Somebody else's cancellation, even one beside ours, must go on.
            if self._leave(task) and task.cancelling() <= before and isinstance(fault, asyncio.CancelledError):
                raise TimeoutError from None
            raise
        self._leave(task)
        return result

    def end(self) -> None:
        """End the wait that goes on, if any. Never one that begins later."""
        if self._task is not None and self._ending is None:
            self._ending = self._task.get_loop().call_soon(self._end)

    def forget_timer(self) -> None:
        """Nobody will wait for long: the loop should not keep what the timer belongs to."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self, task: "asyncio.Task[object]") -> bool:
        """The wait is over. Whether `end` or the timer cancelled it: then that cancellation is taken back."""
        self._task = self._until = None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._is_over:
            task.uncancel()
        return self._is_over

    def _set_timer(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        if until <= loop.time():
            self.end()
        elif self._timer is None or self._timer.when() > until:
            self.forget_timer()
            self._timer = loop.call_at(until, self._go_off)

    def _go_off(self) -> None:
        self._timer = None
        if self._task is None or self._until is None:
            return
        if self._until > self._task.get_loop().time() + _CLOSE_ENOUGH_SECONDS:
            self._set_timer(self._until)
        else:
            self._end()

    def _end(self) -> None:
        if self._task is not None and not self._is_over:
            self._is_over = True
            self._task.cancel()


class Interruption(Exception):
    """The lane is asked to stop waiting: the worker drains, or its lease is lost."""

    def __init__(self, *, lease_is_lost: bool) -> None:
        super().__init__("interrupted")
        self.lease_is_lost = lease_is_lost


class LaneSession:
    """One lane's session, or none."""

    def __init__(self, services: LaneServices, lease: LaneLease, tenant: str = "") -> None:
        self._services = services
        self.lease = lease
        self.tenant = tenant
        """Whose place the lane takes: that of the command it runs, for two tenants may share a `userId`."""
        self._issuing: GatewaySession | None = None
        self._asking: QuerySession | None = None
        self._access: Access | None = None
        # The epoch counts the lane's claims. At the first, nothing was ever submitted on it, so there is nothing to ask
        # the journal for: every user is new once.
        is_new = lease.epoch == 1
        self.may_have_unsettled = not is_new
        """Whether a command of the lane may be in doubt or being checked; False only where somebody looked, or none can
        be."""
        self.knows_addresses = is_new
        """Whether the addresses of the lane's last results were read from the journal, or there can be none."""
        self.paused: Any = None
        """A run that gave way and goes on with what it has in memory, as long as the lane is held."""
        self._interruption: Interruption | None = None
        self._is_woken = False
        self._waits = Waits()
        self._may_be_woken = False
        self._hanging_up = asyncio.Lock()

    @property
    def lane(self) -> str:
        """The gateway's user id."""
        return self.lease.lane

    @property
    def access(self) -> Access | None:
        """What the session, if there is one, was opened for."""
        return self._access

    @property
    def is_contended(self) -> bool:
        """Whether other lanes wait for this one's place: it should be given up soon."""
        return self._services.is_contended or self.tenant in self._services.places.crowded

    @property
    def _session(self) -> GatewaySession | QuerySession | None:
        """One socket per `userId` over both endpoints, so there is at most one of the two."""
        return self._issuing or self._asking

    @property
    def session(self) -> GatewaySession:
        """The open session for issuing. Raises `LeaseLost` where there is none: nothing may be sent then."""
        if self._issuing is None:
            raise LeaseLost("the session was dropped")
        return self._issuing

    @property
    def query_session(self) -> QuerySession:
        """The open session for queries. Raises `LeaseLost` where there is none."""
        if self._asking is None:
            raise LeaseLost("the session was dropped")
        return self._asking

    @property
    def is_connected(self) -> bool:
        """Whether there is a session that may be used again."""
        return self._session is not None and self._session.is_open

    @property
    def has_unheard(self) -> bool:
        """Whether the gateway has said something that nobody has listened to."""
        return self._session is not None and self._session.has_unheard

    async def serves(self, access: Access) -> bool:
        """Whether the open session may serve this; one that may not is closed."""
        if self.is_connected and self._access == access:
            return True
        await self.hang_up()
        return False

    async def connect(self, access: Access) -> None:
        """Open the session. Raises `Transient`, `Permanent`, `Interruption`; `LeaseLost` if the lease is at its end.

        An interrupted one never opens one again: by now its lane may be somebody else's, even where this worker
        has a new lease.
        """
        self._raise_interruption()
        if not self._services.lease.is_safe(self._services.clock.monotonic()):
            raise LeaseLost("the lease is at its end")
        try:
            await self.during(self._open(access))
        except TimeoutError:
            raise Transient("the gateway did not answer the handshake in time") from None
        self._access = access

    async def _open(self, access: Access) -> None:
        gateway = self._services.gateway
        if access.is_query:
            self._asking = await gateway.connect_query(self.lane)
        else:
            self._issuing = await gateway.connect(self.lane)
        self._services.sessions += 1

    async def during(self, work: Awaitable[T]) -> T:
        """Do this unless asked to stop: then it is cancelled, and `Interruption` raised."""
        try:
            return await self._wait(work, None)
        except TimeoutError:
            self._raise_interruption()
            raise

    async def listen(self, until: float | None, *, wakeable: bool = False) -> SessionEvent | QueryEvent | None:
        """The session's next event; None if woken (where `wakeable`). Raises `TimeoutError` at `until` (the loop's
        time), `Interruption` when asked to stop."""
        if wakeable and self._is_woken:
            self._is_woken = False
            return None
        session = self.session if self._asking is None else self._asking
        try:
            return await self._wait(session.receive(), until, may_be_woken=wakeable)
        except TimeoutError:
            self._raise_interruption()
            if wakeable and self._is_woken:
                self._is_woken = False
                return None
            raise

    async def rest(self, until: float) -> bool:
        """Wait without looking at the session until then (the loop's time); True if woken before. Raises
        `Interruption` when asked to stop."""
        if not self._is_woken:
            try:
                await self._wait(asyncio.get_running_loop().create_future(), until, may_be_woken=True)
            except TimeoutError:
                self._raise_interruption()
        is_woken, self._is_woken = self._is_woken, False
        return is_woken

    async def hang_up(self) -> None:
        """Close the session and give the gateway a moment: a late close must not take the next session with it.

        Whoever comes second waits for the first, so that the session is surely closed afterwards.
        """
        self._waits.forget_timer()
        async with self._hanging_up:
            session, self._issuing, self._asking, self._access = self._session, None, None, None
            if session is not None:
                self._services.sessions -= 1
                await session.close()
                await asyncio.sleep(self._services.settings.reconnect_pause_seconds)

    def wake(self) -> None:
        """Work came for this lane. Ends an idle wait; a running run looks for more when it is done."""
        self._is_woken = True
        if self._may_be_woken:
            self._waits.end()

    def heed_wake(self) -> None:
        """Work is about to be looked for: what woke the lane so far is taken care of."""
        self._is_woken = False

    def interrupt(self, *, lease_is_lost: bool) -> None:
        """Stop waiting, now and from now on."""
        self._interruption = Interruption(lease_is_lost=lease_is_lost)
        self._waits.end()

    @property
    def interruption(self) -> Interruption | None:
        """Why the lane should stop, if it should."""
        return self._interruption

    async def _wait(self, work: Awaitable[T], until: float | None, *, may_be_woken: bool = False) -> T:
        self._may_be_woken = may_be_woken
        return await self._waits.bounded(work, float("-inf") if self._interruption is not None else until)

    def _raise_interruption(self) -> None:
        if self._interruption is not None:
            raise self._interruption from None


class Insist:
    """Asks the store until it answers, for one run: what the run knows by now (that an invoice was issued!) must not be
    lost because a database restarts. The session does go with the lease; writes are fenced by the epoch.

    Not a method of the run, for the run's parts hold it too: in such a circle each run would stay in memory, and its
    password with it, until garbage is collected, which is seldom."""

    def __init__(
        self, services: LaneServices, lane_session: LaneSession, said: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._services = services
        self._lane_session = lane_session
        self._log = said

    async def __call__(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it. Raises what it raises, but for `JournalUnavailable`."""
        tries, misses, outage = 0, 0, self._services.outage
        while True:
            try:
                answer = await act()
            except JournalFaulty as fault:  # over this very work, so it is told by its own name
                tries += 1
                if is_worth_a_line(tries):
                    self._log.warning("journal_unavailable", reason=str(fault), tries=tries)
            except JournalUnavailable as fault:
                misses += 1
                outage.met(fault)
            else:
                if misses:  # what needed no answer of the store says nothing of it
                    outage.over()
                return answer
            if not self._services.lease.is_safe(self._services.clock.monotonic()):
                await self._lane_session.hang_up()
            await asyncio.sleep(self._services.settings.poll_seconds)
