"""Whoever asks the journal for a source gets that source's alone: every look, with two tenants that share everything
else. Both stores."""

import pytest

from tests.conformance.journal_builders import (
    COMPLETED,
    NOW,
    admit,
    begin,
    brought,
    complete,
    found,
    look_up,
    new,
    pdf,
    publish_all,
    query,
    settlement,
    step,
)
from worker.ports import Journal
from worker.records import Admission, Command, CommandState, NewCommand, StoredFilter

S = CommandState
BOTH = ("shop-a", "shop-b")


def order(source: str, **changes: object) -> NewCommand:
    """The same id, user, seller, number and looks for both."""
    common = {"seller": "s", "order_no": "SO-1", "fingerprint": "f", "lane": "u1", "source": source}
    return new("same", **(common | {"data": f'{{"of":"{source}"}}'.encode()} | changes))


async def bind(journal: Journal, command: Command, number: str) -> None:
    """Let a look-up find the command's invoice, with a file."""
    invoice = found(number, data=f'{{"of":"{command.source}"}}'.encode())
    findings = brought(invoice, files=(pdf(invoice.invoice_id, f"https://files/{command.source}.pdf"),))
    moved = settlement(command, S.COMPLETED, "confirmed", expected=COMPLETED, invoice_number=number, findings=findings)
    assert await journal.settle(moved)


@pytest.fixture
async def shared(journal: Journal) -> Journal:
    """Each has issued an order of the same id and number, and queried an invoice that only it knows."""
    for number, source in enumerate(BOTH):
        await complete(journal, order(source))
        await bind(journal, await look_up(journal, "same", source), f"n-{source}")
        claim = await query(journal, f"query {number}", found(f"q-{source}"), source=source, lane=f"u-{source}")
        done = step(claim, S.COMPLETED, "completed", expected=frozenset({S.RUNNING}), first=2)
        assert await journal.record(done)
    return journal


@pytest.mark.parametrize("source", BOTH)
async def test_commands_orders_and_doubles_are_the_sources_own(shared: Journal, source: str) -> None:
    assert [command.source for command in await shared.find("same", source)] == [source]
    named = await shared.find_order(source, "s", "SO-1")
    assert named is not None
    assert (named.source, named.invoice_number) == (source, f"n-{source}")
    twin = new("twin", source=source, fingerprint="f", lane="u1", double_since=NOW)
    assert await shared.double_of(twin) == "same"
    assert await shared.double_of(new("twin", source="shop-c", fingerprint="f", lane="u1", double_since=NOW)) is None
    assert await shared.find_order("shop-c", "s", "SO-1") is None
    assert await shared.find("same", "shop-c") == []


@pytest.mark.parametrize("source", BOTH)
async def test_what_is_stored_is_the_sources_own_however_it_is_asked_for(shared: Journal, source: str) -> None:
    other = next(name for name in BOTH if name != source)
    own, theirs = await look_up(shared, "same", source), await look_up(shared, "same", other)
    wanted = [
        StoredFilter(source=source),
        StoredFilter(source=source, number=f"n-{other}"),
        StoredFilter(source=source, command_key=theirs.key),
        StoredFilter(source=source, command_key=own.key),
        StoredFilter(source=source, invoice_ids=(f"id of n-{other}", f"id of q-{other}")),
        StoredFilter(source=source, buyer="ABC"),
        StoredFilter(source=source, user_id="u1"),
        StoredFilter(source=source, user_id=f"u-{other}"),
    ]
    told = [[each.invoice.number for each in (await shared.stored(one))[1]] for one in wanted]
    assert {number for numbers in told for number in numbers} == {f"n-{source}", f"q-{source}"}
    assert [len(numbers) for numbers in told] == [2, 0, 0, 1, 0, 2, 2, 0]
    ids = [f"id of {kind}-{name}" for kind in "nq" for name in BOTH]
    assert await shared.brought(source, ids) == {f"id of n-{source}", f"id of q-{source}"}


@pytest.mark.parametrize("source", BOTH)
async def test_repeats_are_answered_from_the_sources_own_alone(shared: Journal, source: str) -> None:
    await publish_all(shared)
    repeat = order(source)
    assert await admit(shared, repeat, order("shop-c", content_hash="other")) == [
        Admission.REPEATED,
        Admission.ACCEPTED,
    ]
    own = await look_up(shared, "same", source)
    assert {row.command_key for row in await publish_all(shared)} == {own.key}


async def test_followers_listen_to_their_own_source_alone(shared: Journal) -> None:
    for source in BOTH:
        await admit(shared, new("again", seller="s", order_no="SO-1", source=source))
    firsts = {each.follower.source: each.first.source for each in await shared.followers()}
    assert firsts == {source: source for source in BOTH}
    events = {each.follower.source: {event.body for event in each.events} for each in await shared.followers()}
    told = {record.event.body for record in await shared.events_of((await look_up(shared, "same", "shop-a")).key)}
    assert events["shop-a"] <= told


async def test_copies_go_where_their_own_command_says(journal: Journal) -> None:
    for source in BOTH:
        route = new("x", source=source).route
        claim = await begin(journal, new("x", source=source, lane=source, route=type(route)(f"{source}.q", source)))
        assert await journal.record(step(claim, S.FAILED, "failed"))
    replies = {(row.command_key, row.destination) for row in await publish_all(journal) if row.copy == "r"}
    keys = {source: (await look_up(journal, "x", source)).key for source in BOTH}
    assert replies == {(keys[source], f"{source}.q") for source in BOTH}
