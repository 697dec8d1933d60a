"""Finding the one row that ends channels, among those that were only beside it; with a fake link and fake channels."""

import asyncio

from aiormq.exceptions import ChannelPreconditionFailed

from tests.unit.outbox.fake_broker import FakeBroker, publishing, rows_to
from tests.unit.outbox.rows import reply
from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Verdict


@in_virtual_time
async def test_the_row_that_closes_the_channel_is_found_and_the_others_go() -> None:
    """First all are lost together, then each goes alone, and only one closes the channel again."""
    broker = FakeBroker(closes={"poison": ChannelPreconditionFailed("406")})
    rows = rows_to("a", "poison", "b", "c")
    async with publishing(broker) as publisher:
        first = await publisher.publish(rows, 2)
        second = await publisher.publish([row for row in rows if first[row.seq] is Verdict.LOST], 2)
        fresh = await publisher.publish([reply(9, "d"), reply(10, "e")], 2)
    assert {first[seq] for seq in (1, 2, 3)} == {Verdict.LOST}
    assert second[1] is Verdict.UNSENDABLE
    assert {verdict for seq, verdict in (first | second).items() if seq != 1} == {Verdict.CONFIRMED}
    assert broker.batches[-1] == ["d", "e"]
    assert set(fresh.values()) == {Verdict.CONFIRMED}


@in_virtual_time
async def test_a_lost_connection_makes_nobody_guilty() -> None:
    """Rows that were in flight go by themselves once, and then with the others again."""
    broker = FakeBroker(drops={"b"})
    rows = rows_to("a", "b", "c")
    async with publishing(broker) as publisher:
        first = await publisher.publish(rows, 2)
        broker.drops.clear()
        offline = await publisher.publish(rows, 2)
        await asyncio.sleep(60)
        again = await publisher.publish(rows, 2)
    assert first[1] is first[2] is Verdict.LOST
    assert set(offline.values()) == {Verdict.LOST}
    assert set(again.values()) == {Verdict.CONFIRMED}


@in_virtual_time
async def test_what_a_lost_connection_had_in_flight_goes_again_in_a_few_groups() -> None:
    """Not one by one: a broker that answers slowly would be asked hundreds of times, while new events wait."""
    broker = FakeBroker(drops={"0"})
    rows = rows_to(*map(str, range(200)))
    async with publishing(broker) as publisher:
        assert set((await publisher.publish(rows, 2)).values()) == {Verdict.LOST}
        broker.drops.clear()
        await asyncio.sleep(60)
        del broker.batches[:]
        assert set((await publisher.publish([*rows, reply(200, "new")], 2)).values()) == {Verdict.CONFIRMED}
        assert [len(batch) for batch in broker.batches] == [1, 50, 50, 50, 50]
        await publisher.publish(rows, 2)
        assert len(broker.batches[-1]) == len(rows)


@in_virtual_time
async def test_the_row_that_closes_channels_is_found_among_many_in_few_tries() -> None:
    """Smaller groups each time; those without it are through at once."""
    broker = FakeBroker(closes={"poison": ChannelPreconditionFailed("406")})
    rows = rows_to("poison", *map(str, range(255)))
    async with publishing(broker) as publisher:
        verdicts = dict.fromkeys(range(256), Verdict.LOST)
        while left := [row for row in rows if verdicts[row.seq] is Verdict.LOST]:
            verdicts |= await publisher.publish(left, 2)
    assert verdicts == {seq: Verdict.UNSENDABLE if seq == 0 else Verdict.CONFIRMED for seq in range(256)}
    assert len(broker.batches) <= 1 + 4 * 4


@in_virtual_time
async def test_a_row_that_ends_connections_is_found_too() -> None:
    """It is alone in flight at one loss after the other."""
    broker = FakeBroker(drops={"killer"})
    rows = rows_to("a", "killer", "b")
    seen: list[dict[int, Verdict]] = []
    async with publishing(broker) as publisher:
        for _ in range(6):
            seen.append(await publisher.publish(rows, 2))
            await asyncio.sleep(60)
            rows = [row for row in rows if seen[-1][row.seq] is Verdict.LOST]
    assert [verdicts.get(1) for verdicts in seen if 1 in verdicts][-1] is Verdict.UNSENDABLE
    assert any(verdicts.get(2) is Verdict.CONFIRMED for verdicts in seen)
