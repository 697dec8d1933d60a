"""What can happen to the model's workers, store, gateway and broker, and to the time: rules of a random walk."""

from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.listing import FORMS, PAGINGS
from tests.model.orders import ALMOST, CONTENTS, USERS, issue_data
from tests.model.submissions import ECHOES, REWRITINGS
from tests.model.system import MOST_SKEW_SECONDS, System, Worker
from worker.amqp.confirms import Verdict

EPOCHS: Final = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 15, 58, tzinfo=UTC))
"""In the morning in Beijing, and right before its midnight."""


class Machines(RuleBasedStateMachine):
    """A system, and what befalls its parts."""

    @initialize(
        epoch=st.sampled_from(EPOCHS),
        forgets=st.booleans(),
        confirms=st.sampled_from((True, True, False)),
        workers=st.integers(1, 3),
        most_pages=st.sampled_from((10_000, 10_000, 10_000, 2)),
    )
    def begin(self, epoch: datetime, forgets: bool, confirms: bool, workers: int, most_pages: int) -> None:
        self.system = System(epoch, confirms=confirms, most_pages=most_pages)
        self.world, self.gateway = self.system.world, self.system.gateway
        self.gateway.faults.forgets_newest = forgets
        self.system.start_relay()
        for _ in range(workers):
            self.system.start_worker()
        self.world.advance(0.5)

    # ---- time --------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.3, 1.0, 3.0)))
    def wait_a_moment(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from((6.0, 12.0, 12.0, 30.0, 70.0)))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    # ---- workers -----------------------------------------------------------------------------------

    def _draw_worker(self, data: st.DataObject, *, stopped: bool) -> Worker:
        workers = [worker for worker in self.system.workers if worker.process.is_stopped is stopped]
        return data.draw(st.sampled_from(workers))

    def _has_running(self) -> bool:
        return any(not worker.process.is_stopped for worker in self.system.workers)

    @precondition(lambda self: len(self.system.workers) < 3)
    @rule()
    def start_worker(self) -> None:
        self.system.start_worker()
        self.world.advance(0.1)

    @precondition(_has_running)
    @rule(data=st.data())
    def crash_worker(self, data: st.DataObject) -> None:
        self._draw_worker(data, stopped=False).process.crash()
        self.world.advance(0)

    @precondition(_has_running)
    @rule(data=st.data(), calls=st.integers(1, 12), seconds=st.sampled_from((0.0, 1.0, 10.0)))
    def crash_worker_in_the_middle(self, data: st.DataObject, calls: int, seconds: float) -> None:
        """At the n-th time from now on that it asks the store or the gateway for something, or has its answer."""
        process = self._draw_worker(data, stopped=False).process
        process.arm(calls, process.crash)
        self.world.advance(seconds)

    @precondition(_has_running)
    @rule(data=st.data())
    def stop_worker(self, data: st.DataObject) -> None:
        self._draw_worker(data, stopped=False).stop()

    @precondition(_has_running)
    @rule(data=st.data(), calls=st.integers(1, 12), seconds=st.sampled_from((0.0, 1.0, 10.0)))
    def stop_worker_in_the_middle(self, data: st.DataObject, calls: int, seconds: float) -> None:
        worker = self._draw_worker(data, stopped=False)
        worker.process.arm(calls, worker.stop)
        self.world.advance(seconds)

    @precondition(lambda self: any(worker.process.is_stopped for worker in self.system.workers))
    @rule(data=st.data(), was_suspended=st.booleans(), seconds=st.sampled_from((0.0, 0.1, 1.0)))
    def wake_worker(self, data: st.DataObject, was_suspended: bool, seconds: float) -> None:
        self._draw_worker(data, stopped=True).process.wake(was_suspended=was_suspended)
        self.world.advance(seconds)

    @precondition(_has_running)
    @rule(data=st.data(), seconds=st.sampled_from((0.0, 1.0, 10.0)))
    def terminate_worker(self, data: st.DataObject, seconds: float) -> None:
        self._draw_worker(data, stopped=False).terminate()
        self.world.advance(seconds)

    @precondition(_has_running)
    @rule(data=st.data(), seconds=st.integers(-MOST_SKEW_SECONDS, MOST_SKEW_SECONDS))
    def jump_clock(self, data: st.DataObject, seconds: int) -> None:
        self._draw_worker(data, stopped=False).clock.skew = timedelta(seconds=seconds)

    # ---- the store ---------------------------------------------------------------------------------

    @rule(
        trouble=st.sampled_from(("down", "slow", "answers lost")),
        much=st.integers(1, 3),
        seconds=st.sampled_from((0.5, 3.0, 12.0, 40.0)),
    )
    def trouble_store(self, trouble: str, much: int, seconds: float) -> None:
        faults = self.system.store_faults
        match trouble:
            case "down":
                faults.is_down = True
            case "slow":
                faults.seconds = (0.05, 1.0, 20.0)[much - 1]
            case "answers lost":
                faults.lost_answers = much
        self.world.advance(seconds)
        faults.is_down, faults.seconds = False, 0.0

    # ---- the gateway -------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.5, 5.0, 30.0)))
    def lose_gateway(self, seconds: float) -> None:
        self.gateway.go_down()
        self.world.advance(seconds)
        self.gateway.faults.is_down = False

    @rule(user=st.sampled_from(USERS))
    def drop_socket(self, user: str) -> None:
        self.gateway.drop(user)
        self.world.advance(0)

    @rule(
        logins=st.lists(st.sampled_from(("refused", "silent", "accepted", "accepted")), max_size=3),
        queries=st.lists(st.sampled_from(("page", "refused", "dropped", "late", "silent")), max_size=3),
        listing=st.sampled_from((0.5, 5.0, 20.0, 75.0)),
        closes=st.sampled_from((0.05, 0.1, 4.0)),
    )
    def trouble_gateway(self, logins: list[str], queries: list[str], listing: float, closes: float) -> None:
        """Answers to come, how late invoices are listed, when closes are seen."""
        faults = self.gateway.faults
        faults.logins.extend(logins)
        faults.queries.extend(queries)
        faults.listing_seconds, faults.closes_seen_after = listing, closes

    @rule(
        rewriting=st.sampled_from(sorted(REWRITINGS)),
        form=st.sampled_from(("in full", "in full", *FORMS)),
        echo=st.sampled_from(("whole", "whole", *ECHOES)),
        paging=st.sampled_from(("all at once", *PAGINGS)),
        shows_early=st.booleans(),
    )
    def write_otherwise(self, rewriting: str, form: str, echo: str, paging: str, shows_early: bool) -> None:
        """How the bureau writes texts, how its list and its results tell invoices, and in which pages."""
        faults = self.gateway.faults
        faults.rewriting, faults.form, faults.echo = rewriting, form, echo
        faults.paging, faults.shows_early = paging, shows_early

    @rule(
        user=st.sampled_from(USERS),
        content=st.integers(0, len(CONTENTS) - 1),
        almost=st.integers(0, len(ALMOST) - 1),
    )
    def issue_by_hand(self, user: str, content: int, almost: int) -> None:
        """Somebody issues an invoice on the portal; or the same as an order's, some days ago."""
        invoice = {**issue_data(user, content, None)["invoice"], **ALMOST[almost]}
        self.gateway.issue_by_hand(invoice, 0 if ALMOST[almost] else 2)

    @rule(user=st.sampled_from(USERS), status=st.sampled_from(("已红冲-全额", "已红冲-部分")))
    def red_letter(self, user: str, status: str) -> None:
        """Somebody takes an invoice back on the portal."""
        self.gateway.red_letter(user, status)

    # ---- the broker --------------------------------------------------------------------------------

    @rule(
        verdicts=st.lists(
            st.sampled_from((Verdict.LOST, Verdict.REFUSED, Verdict.PENDING, Verdict.CONFIRMED)), max_size=4
        ),
        is_missing=st.booleans(),
        loses=st.sampled_from((None, 0, 1, 2)),
        calls=st.integers(0, 6),
    )
    def trouble_broker(self, verdicts: list[Verdict], is_missing: bool, loses: int | None, calls: int) -> None:
        """Confirms that are late, lost or refused, a reply queue that is missing, a consumer's connection that breaks;
        and a relay that crashes at the n-th boundary."""
        self.system.verdicts.extend(verdicts)
        self.system.missing_queues.clear()
        if is_missing:
            self.system.missing_queues.add("gone")
        if loses is not None and loses < len(self.system.workers) and (channel := self.system.workers[loses].channel):
            channel.lose()
        relay = self.system.relay
        assert relay is not None
        if not relay.process.is_alive:
            self.system.start_relay()
        elif calls:
            relay.process.arm(calls, relay.process.crash)
        self.world.advance(0)
