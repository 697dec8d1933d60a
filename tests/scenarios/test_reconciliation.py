"""What became of a submission without an answer is found out by evidence. Whole processes, faults of the gateway.

Never twice: at most one submission in the books, whatever is found. Never guessed: the end is what the books say.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKING = {
    "FAPIAO_RECONCILE_SCHEDULE": "0.5s,1s,1s",
    "FAPIAO_REFUSAL_SCHEDULE": "0.3s,0.5s",
    "FAPIAO_ANSWER_TIMEOUT_SECONDS": "3",
    "FAPIAO_LEASE_SECONDS": "8",
}


def looking_stack(new_stack: Callable[..., Stack], **options: Any) -> Stack:
    """A worker that looks for what is in doubt soon."""
    given: dict[str, Any] = {"qr": "never"} | options
    return new_stack(options=SandboxOptions(**given), settings=LOOKING)


@pytest.mark.parametrize("fault", ["dropped_after_issuing", "silent_after_issuing", "garbage_only"])
async def test_the_books_decide_what_became_of_a_lost_answer(new_stack: Callable[..., Stack], fault: str) -> None:
    """In doubt first, with the time of the next look; then what the books say."""
    async with looking_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault=fault)
        await stack.until([order], ["confirmed", "failed"])

        doubt = stack.last(order, "in_doubt")
        assert (doubt["needsPerson"], doubt["candidates"]) == (False, [])
        assert doubt["nextLookAt"] > doubt["submittedAt"]
        issued = stack.sandbox.ledger.issued_for(f"{order}#fault={fault}")
        if issued:
            done = stack.last(order, "completed")
            assert done["reconciled"] is True
            assert done["invoice"]["invoiceNumber"] == issued[0].number
            assert "sellerLoginPassword" not in done["invoice"]
            assert stack.said(order)[-2:] == ["completed", "confirmed"]
        else:
            assert stack.last(order, "failed")["code"] == "not_issued"
        stack.check_promises([order])
        await stack.check_nothing_is_left()


async def test_a_result_that_fits_nothing_keeps_absence_from_being_proven(new_stack: Callable[..., Stack]) -> None:
    """The books have no invoice for the order, but the gateway answered with one: a person is shown its address."""
    async with looking_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault="other_invoice")
        await stack.wait_for(
            lambda: bool(stack.events[order]) and bool(stack.events[order][-1]["data"].get("needsPerson"))
        )

        doubt = stack.last(order, "in_doubt")
        assert [each["laidAside"] for each in doubt["candidates"]] == ["does_not_fit"]
        assert doubt["candidates"][0]["invoiceUrl"].startswith("http")
        assert doubt["candidates"][0]["differs"]
        assert not set(stack.said(order)) & {"completed", "failed"}


@pytest.mark.parametrize("fault", ["refused", "refused_but_issued", "qr_unavailable"])
async def test_a_refusal_is_checked_before_it_is_reported(new_stack: Callable[..., Stack], fault: str) -> None:
    """No doubt is published meanwhile."""
    async with looking_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault=fault)
        await stack.until([order], ["completed", "failed"])

        assert "in_doubt" not in stack.said(order)
        if fault == "refused_but_issued":
            assert stack.last(order, "completed")["reconciled"] is True
        else:
            code = {"refused": "issue_refused", "qr_unavailable": "qr_failed"}[fault]
            assert stack.last(order, "failed")["code"] == code
        stack.check_promises([order])


async def test_a_crash_after_the_submission_is_settled_by_the_books(new_stack: Callable[..., Stack]) -> None:
    """Killed while the gateway works; the next worker never submits again, and finds the invoice."""
    async with looking_stack(new_stack, issue_delay_seconds=1.0) as stack:
        first = await stack.begin(answer_timeout_seconds="30")
        order = await stack.publish_order()
        await stack.until_submitted(order)
        first.kill()
        stack.start_worker()
        await stack.until([order], ["completed"])

        assert stack.submissions(order) == 1
        assert stack.said(order)[:2] == ["in_doubt", "completed"]
        stack.check_promises([order])


async def test_a_qr_that_nobody_scanned_ends_as_expired(new_stack: Callable[..., Stack]) -> None:
    settings = LOOKING | {"FAPIAO_SCAN_TIMEOUT_SECONDS": "1", "FAPIAO_RESULT_TIMEOUT_SECONDS": "0.5"}
    async with new_stack(options=SandboxOptions(qr="always"), settings=settings) as stack:
        await stack.begin()
        order = await stack.publish_order(fault="qr_never_scanned")
        await stack.until([order], ["failed"])

        assert stack.said(order) == ["qr_required", "in_doubt", "failed"]
        assert stack.last(order, "failed")["code"] == "qr_expired"


async def test_a_late_reply_settles_the_order_it_speaks_of(new_stack: Callable[..., Stack]) -> None:
    """It comes while the next order of the lane is under way, and settles the first one: not reconciled, for the
    gateway itself has told it."""
    settings = LOOKING | {"FAPIAO_RECONCILE_SCHEDULE": "1h", "FAPIAO_ANSWER_TIMEOUT_SECONDS": "2"}
    async with new_stack(options=SandboxOptions(qr="never"), settings=settings) as stack:
        await stack.begin()
        first = await stack.publish_order(fault="result_late=7")
        await stack.until([first], ["in_doubt"])
        second = await stack.publish_order(fault="qr_never_scanned", command_id="second-order")
        await stack.until([first], ["completed"])

        assert stack.last(first, "completed")["reconciled"] is False
        assert stack.submissions(second) <= 1
        stack.check_promises([first])


async def test_an_order_that_could_not_be_told_from_one_in_doubt_waits_for_it(new_stack: Callable[..., Stack]) -> None:
    """The twin is held, and goes on when the first is settled by the books."""
    async with looking_stack(new_stack) as stack:
        await stack.begin(reconcile_schedule="3s,1s")
        same: dict[str, Any] = {"invoice": {"remark": "twin#fault=dropped_after_issuing"}}
        first = await stack.publish_order(**same)
        await stack.until([first], ["in_doubt"])
        second = await stack.publish_order(**same)
        await stack.pause(1)
        assert stack.said(second) == []

        await stack.until([first, second], ["confirmed"])
        numbers = {stack.last(one, "confirmed")["invoiceNumber"] for one in (first, second)}
        assert len(numbers) == 2
        assert sum(stack.sandbox.ledger.submissions_by_remark.values()) == 2


async def test_several_candidates_are_left_to_a_person(new_stack: Callable[..., Stack]) -> None:
    """Two invoices fit, one of which nobody here ordered: the worker names them and decides nothing."""
    async with looking_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault="dropped_after_issuing")
        await stack.until_submitted(order)
        [issued] = stack.sandbox.ledger.issued_for(f"{order}#fault=dropped_after_issuing")
        stack.sandbox.ledger.issue("by-hand", issued.order)
        for _ in range(200):
            if stack.events[order] and stack.events[order][-1]["data"].get("needsPerson"):
                break
            await stack.pause(0.1)

        doubt = stack.events[order][-1]["data"]
        assert doubt["needsPerson"] is True
        assert len(doubt["candidates"]) == 2
        assert issued.number in {candidate["invoiceNumber"] for candidate in doubt["candidates"]}
        listed = await stack.command_line("list", "--state", "in_doubt")
        assert order in listed.stdout
        decided = await stack.command_line("resolve", order, "--issued", issued.number)
        assert decided.returncode == 0, decided.stderr
        await stack.until([order], ["completed"])
        assert stack.last(order, "completed")["invoice"]["invoiceNumber"] == issued.number


async def test_a_gateway_that_is_away_delays_the_look_and_decides_nothing(new_stack: Callable[..., Stack]) -> None:
    """The look that could not be made counts for nothing; the next one finds the invoice."""
    async with looking_stack(new_stack) as stack:
        await stack.begin(reconcile_schedule="0.5s")
        stack.sandbox.faults.arm("query_dropped", user_id="user-1", times=2)
        order = await stack.publish_order(fault="dropped_after_issuing")
        await stack.until([order], ["completed"])

        assert stack.last(order, "completed")["reconciled"] is True
        assert stack.sandbox.vendor.of("user-1").pages >= 1
