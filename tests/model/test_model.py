"""A random walk through all that can happen to several workers at once, held to every promise after every step.

The seed is printed: `--hypothesis-seed=N` walks the same ways again, and a failing one is made shorter.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import pytest
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from contracts.envelope import dumps, timestamp
from tests.logs import use_plain_logs
from tests.model.broker import Message
from tests.model.listing import FORMS, PAGINGS
from tests.model.orders import ALMOST, CONTENTS, ORDERS, USERS, Ordered, issue_data
from tests.model.promises import broken_promises, unfinished, unpublished
from tests.model.simulation import run_now
from tests.model.submissions import ECHOES, REWRITINGS
from tests.model.system import MOST_SKEW_SECONDS, System, Worker
from worker.amqp.confirms import Verdict
from worker.amqp.wire import Properties
from worker.errors import NotFound, NotResolvable

EXAMPLES: Final = int(os.environ.get("TEST_MODEL_EXAMPLES", "240"))
STEPS: Final = int(os.environ.get("TEST_MODEL_STEPS", "30"))
QUIET_WITHIN_SECONDS: Final = 1500
EPOCHS: Final = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 15, 58, tzinfo=UTC))
"""In the morning in Beijing, and right before its midnight."""


class Walk(RuleBasedStateMachine):
    """Each rule is something that can happen."""

    steps = 0
    tracebacks: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.tracebacks.clear()
        self.accepted: list[str] = []
        self.sources: dict[str, str] = {}
        self.forgotten: set[str] = set()

    @initialize(
        epoch=st.sampled_from(EPOCHS),
        forgets=st.booleans(),
        confirms=st.sampled_from((True, True, False)),
        workers=st.integers(1, 3),
    )
    def begin(self, epoch: datetime, forgets: bool, confirms: bool, workers: int) -> None:
        self.system = System(epoch, confirms=confirms)
        self.world, self.gateway = self.system.world, self.system.gateway
        self.gateway.faults.forgets_newest = forgets
        self.system.start_relay()
        for _ in range(workers):
            self.system.start_worker()
        self.world.advance(0.5)

    # ---- callers -----------------------------------------------------------------------------------

    def _publish(
        self, command_id: str, kind: str, data: dict[str, Any], reply_to: str | None, source: str = "/shop"
    ) -> None:
        body = dumps({"specversion": "1.0", "id": command_id, "source": source, "type": kind, "data": data})
        properties = Properties(content_type="application/cloudevents+json", reply_to=reply_to)
        self.accepted.append(command_id)
        self.sources[command_id] = source
        self.system.queue.publish(Message(body, properties))

    @rule(orders=st.lists(ORDERS, min_size=1, max_size=6), wait=st.sampled_from((0.0, 0.1, 2.0, 10.0)))
    def publish_orders(self, orders: list[Ordered], wait: float) -> None:
        for user, content, order_no, reply_to, plan in orders:
            self.gateway.faults.plans.append(plan)
            source, number = order_no or ("/shop", None)
            data = issue_data(user, content, number)
            self._publish(f"c{len(self.accepted)}", "invoice.issue", data, reply_to, source)
        self.world.advance(wait)

    @rule(order=ORDERS, number=st.integers(2, 4), wait=st.sampled_from((0.0, 2.0, 10.0)))
    def publish_twins(self, order: Ordered, number: int, wait: float) -> None:
        """Orders that differ in nothing but their ids; each has another fate."""
        user, content, _, reply_to, plan = order
        plans = [plan, "issued", "told again much later", "refused"]
        self.publish_orders([(user, content, None, reply_to, plans[n]) for n in range(number)], wait)

    @precondition(lambda self: set(self.accepted) - self.forgotten)
    @rule(
        data=st.data(),
        user=st.sampled_from(USERS),
        content=st.integers(0, 1),
        reply_to=st.sampled_from((None, "other")),
    )
    def publish_again(self, data: st.DataObject, user: str, content: int, reply_to: str | None) -> None:
        """An id that came before, perhaps with the same content."""
        command_id = data.draw(st.sampled_from([each for each in self.accepted if each not in self.forgotten]))
        data_again = issue_data(user, content, None)
        self._publish(command_id, "invoice.issue", data_again, reply_to, self.sources[command_id])
        self.world.advance(0)

    @rule(user=st.sampled_from(USERS))
    def publish_query(self, user: str) -> None:
        asked = issue_data(user, 0, None)
        query = {
            "userId": user,
            "login": asked["login"],
            "condition": {"queryType": 0, "startInvoiceDate": "2025-12-29", "endInvoiceDate": "2026-01-03"},
            "page": {"pageSize": 50, "pageNumber": 1},
            "files": [],
            "items": False,
        }
        self._publish(f"q{len(self.accepted)}", "invoice.query", query, "replies")
        self.world.advance(0)

    @rule(user=st.sampled_from(USERS), first=st.sampled_from(("2025-12-31", "2026-01-01")))
    def publish_audit(self, user: str, first: str) -> None:
        login = issue_data(user, 0, None)["login"]
        period = {"startInvoiceDate": first, "endInvoiceDate": "2026-01-02"}
        self._publish(f"a{len(self.accepted)}", "invoice.audit", {"userId": user, "login": login, **period}, "replies")
        self.world.advance(0)

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

    # ---- a person ----------------------------------------------------------------------------------

    def _doubts(self) -> list[Any]:
        """Commands in doubt of which a person could know the truth by now."""
        over = {sent.key for sent in self.gateway.sent if sent.is_over}
        submitted = {sent.key for sent in self.gateway.sent}
        rows = self.system.journal.rows("SELECT * FROM command WHERE state = 'in_doubt' ORDER BY key")
        return [row for row in rows if row["key"] in over or row["key"] not in submitted]

    @precondition(lambda self: self._doubts())
    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self._doubts()))
        self._resolve(row)

    def _resolve(self, row: Any) -> None:
        """By the ledger. Of orders that differ in nothing the number of any will do."""
        bound = {
            each["invoice_number"]
            for each in self.system.journal.rows("SELECT * FROM command WHERE invoice_number IS NOT NULL")
        }
        own = next((sent for sent in self.gateway.sent if sent.key == row["key"]), None)
        if own is None or own.number is None:
            run_now(self.system.operations.resolve(row["id"], not_issued=True))
            return
        alike = [
            sent.number
            for sent in (own, *self.gateway.sent)
            if sent.number and sent.invoice == own.invoice and sent.number not in bound
        ]
        try:
            run_now(self.system.operations.resolve(row["id"], issued=alike[0]))
        except NotResolvable as fault:
            raise AssertionError(f"{row['id']} could not be resolved: {fault}") from fault

    @precondition(lambda self: self._doubts())
    @rule(data=st.data())
    def resolve_with_anothers(self, data: st.DataObject) -> None:
        """A number that is known to be another command's is not taken."""
        row = data.draw(st.sampled_from(self._doubts()))
        bound = self.system.journal.rows("SELECT invoice_number FROM command WHERE invoice_number IS NOT NULL")
        if bound:
            number = data.draw(st.sampled_from([each["invoice_number"] for each in bound]))
            with pytest.raises(NotResolvable):
                run_now(self.system.operations.resolve(row["id"], issued=number))

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Whatever can still be cancelled was not submitted."""
        with suppress(NotFound, NotResolvable):
            run_now(self.system.operations.cancel(data.draw(st.sampled_from(self.accepted))))
        self.world.advance(0)

    def _is_all_taken_in(self) -> bool:
        return self.system.queue.is_empty and not any(each.process.is_stopped for each in self.system.workers)

    @precondition(_is_all_taken_in)
    @rule(seconds=st.sampled_from((0.0, 60.0)))
    def prune(self, seconds: float) -> None:
        """Far too soon. What was not issued is forgotten with its id, which must not come again."""
        run_now(self.system.operations.prune(timestamp(self.world.moment - timedelta(seconds=seconds))))
        self.forgotten = set(self.accepted) - set(self._states())

    # ---- promises ----------------------------------------------------------------------------------

    @invariant()
    def every_promise_holds(self) -> None:
        Walk.steps += 1
        if hasattr(self, "system"):
            self._check()

    def _check(self) -> None:
        wrongs = broken_promises(self.system) + self.tracebacks
        assert not wrongs, wrongs

    @override
    def teardown(self) -> None:
        if not hasattr(self, "system"):
            return
        try:
            if not broken_promises(self.system):
                self._come_to_rest()
        finally:
            self.system.close()

    def _come_to_rest(self) -> None:
        """What waited for the outcome of one that a person ends begins then, and may need a person in its turn."""
        self._heal()
        for _ in range(2 * len(self.accepted)):
            self._wait_for_all()
            if "in_doubt" not in self._states().values():
                break
            for row in self._doubts():
                self._resolve(row)
            self.world.advance(40)
        self._check()
        assert not (left := unfinished(self.system)), left
        assert not (unheard := unpublished(self.system)), unheard
        states = self._states()
        assert not (lost := (set(self.accepted) - self.forgotten) ^ set(states)), lost
        assert set(states.values()) <= {"completed", "failed", "rejected"}, states

    def _wait_for_all(self) -> None:
        for _ in range(QUIET_WITHIN_SECONDS // 25):
            self.world.advance(25)
            self._check()
            if not unfinished(self.system):
                break
        assert not (left := unfinished(self.system)), left

    def _states(self) -> dict[str, str]:
        return {row["id"]: row["state"] for row in self.system.journal.rows("SELECT id, state FROM command")}

    def _heal(self) -> None:
        faults, store = self.gateway.faults, self.system.store_faults
        faults.is_down = False
        store.is_down, store.seconds, store.lost_answers = False, 0.0, 0
        self.system.missing_queues.clear()
        for answers in (faults.logins, faults.queries, self.system.verdicts):
            answers.clear()
        for worker in list(self.system.workers):
            worker.process.disarm()
            if worker.process.is_stopped:
                worker.process.wake()
        assert self.system.relay is not None
        self.system.relay.process.disarm()
        if not self.system.relay.process.is_alive:
            self.system.start_relay()
        self.system.start_worker()


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    """What is logged with a traceback is a bug, whatever became of it; all else is not shown."""

    def hear(_: Any, __: str, line: Any) -> Any:
        if line.get("exc_info"):
            Walk.tracebacks.append(f"{line['event']}: {line['exc_info']}")
        raise structlog.DropEvent

    structlog.configure(processors=[hear])
    yield
    use_plain_logs()


@pytest.mark.timeout(1800)
def test_no_walk_breaks_a_promise(pytestconfig: pytest.Config) -> None:
    """Whatever happens, in whatever order."""
    # Where a change is judged, the same walks each time, as hypothesis has it there of every other property.
    anew = 1 if "CI" in os.environ else secrets.randbelow(10**9)
    number = pytestconfig.getoption("--hypothesis-seed") or anew
    print(f"--hypothesis-seed={number}")
    run_state_machine_as_test(
        seed(int(number))(Walk),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{Walk.steps} steps")
