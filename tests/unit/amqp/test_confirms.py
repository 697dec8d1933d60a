"""Counting verdicts; what the broker itself says is tested in `tests/integration/test_amqp_confirms.py`."""

from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Batch, Verdict


@in_virtual_time
async def test_a_batch_is_settled_when_every_verdict_is_there() -> None:
    """And waits no longer than it must."""
    batch = Batch(2)
    batch.settle(1, Verdict.CONFIRMED)
    assert not await batch.wait(5)
    batch.settle(0, Verdict.RETURNED)

    assert await batch.wait(5)
    assert batch.verdicts == [Verdict.RETURNED, Verdict.CONFIRMED]


@in_virtual_time
async def test_the_first_verdict_counts() -> None:
    """A return comes before its confirm, and says more."""
    batch = Batch(1)
    batch.settle(0, Verdict.RETURNED)
    batch.settle(0, Verdict.CONFIRMED)

    assert batch.verdicts == [Verdict.RETURNED]


@in_virtual_time
async def test_a_lost_batch_keeps_what_it_knows() -> None:
    """Only what is pending becomes unknown."""
    batch, why = Batch(3), ConnectionError("gone")
    batch.settle(1, Verdict.CONFIRMED)
    batch.lose(why)

    assert batch.verdicts == [Verdict.LOST, Verdict.CONFIRMED, Verdict.LOST]
    assert batch.ended_by is why
    assert await batch.wait(0)


@in_virtual_time
async def test_late_verdicts_are_told_once_each() -> None:
    """Those that were there before are not told again."""
    batch, late = Batch(3), list[tuple[int, Verdict]]()
    batch.settle(0, Verdict.CONFIRMED)
    batch.report_late(lambda index, verdict: late.append((index, verdict)))
    batch.settle(2, Verdict.CONFIRMED)
    batch.lose(None)

    assert late == [(2, Verdict.CONFIRMED), (1, Verdict.LOST)]


@in_virtual_time
async def test_an_empty_batch_is_settled() -> None:
    """Nothing was sent, nothing is awaited."""
    assert await Batch(0).wait(1000)
