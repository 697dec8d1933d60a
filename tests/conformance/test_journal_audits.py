"""What an audit keeps and reads, on both stores: its own rows, beside what the journal knows of their numbers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.conformance.journal_builders import NOW, SECOND, admit, begin, claim_one, new, settlement, step, submit
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import UNDECIDED, AuditedRow, Claim, CommandState

SELLER = "91330100EXAMPLE01D"
WEEK = timedelta(days=7)


def row(number: str, **changes: Any) -> AuditedRow:
    """A listed invoice."""
    return replace(AuditedRow(number, number, b"{}"), **changes)


async def audit(journal: Journal, command_id: str = "audit", **changes: Any) -> Claim:
    """An audit that runs."""
    return await begin(journal, new(command_id, type="invoice.audit", lane=f"lane of {command_id}", **changes))


async def issued(journal: Journal, command_id: str, number: str, **changes: Any) -> Claim:
    """An order that was issued, confirmed by that number, and has left its lane."""
    order = new(command_id, lane=f"lane of {command_id}", seller=SELLER, data=b'{"invoice":1}', **changes)
    claim = await begin(journal, order)
    await submit(journal, claim)
    done = step(
        claim, CommandState.COMPLETED, "completed", expected=frozenset({CommandState.SUBMITTING}), sought_at=NOW
    )
    assert await journal.record(done)
    (command,) = await journal.find(command_id)
    move = settlement(
        command,
        CommandState.COMPLETED,
        "confirmed",
        expected=frozenset({CommandState.COMPLETED}),
        invoice_number=number,
    )
    assert await journal.settle(move)
    await journal.release(claim.lease, NOW)
    return claim


async def test_rows_are_kept_once_and_read_by_identity_from_one_on(store: Store) -> None:
    """What comes again replaces what was there; another audit's rows are its own."""
    journal = await store.open_with_worker("w1")
    claim, other = await audit(journal), await audit(journal, "other")
    await journal.keep_audited(claim.command, [row(str(number)) for number in range(1, 6)])
    await journal.keep_audited(claim.command, [row("3", data=b"[]", is_in_period=False, alike="a"), row("6")])
    await journal.keep_audited(other.command, [row("1")])

    assert (await journal.count_audited(claim.command), await journal.count_audited(other.command)) == (6, 1)
    some = await journal.audited(claim.command, "2", 3)
    assert [each.row.identity for each in some] == ["3", "4", "5"]
    assert some[0].row == row("3", data=b"[]", is_in_period=False, alike="a")


async def test_nothing_is_kept_for_an_audit_that_does_not_run_or_under_an_old_epoch(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    claim = await audit(journal)
    await journal.keep_audited(replace(claim.command, epoch=claim.command.epoch - 1), [row("1")])
    assert await journal.record(step(claim, CommandState.COMPLETED, "completed"))
    await journal.keep_audited(claim.command, [row("2")])

    assert await journal.count_audited(claim.command) == 0


async def test_a_row_stands_beside_its_command_of_the_own_source_and_of_anothers_nothing_is_told(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    own = await issued(journal, "own", "1", order_no="N-1", warnings=b'[{"code":"x"}]')
    theirs = await issued(journal, "theirs", "2", source="shop", order_no="N-2")
    claim = await audit(journal)
    await journal.keep_audited(claim.command, [row("1"), row("2"), row("3"), replace(row("id:7"), number=None)])

    first, second, third, fourth = await journal.audited(claim.command, "", 10)
    assert first.owner is not None
    assert (first.owner.key, first.owner.is_own) == (own.command.key, True)
    assert (first.owner.command_id, first.owner.order_no, first.owner.sent) == ("own", "N-1", b'{"invoice":1}')
    assert b"confirmed" in (first.owner.confirmed or b"")
    assert first.owner.warnings == b'[{"code":"x"}]'
    assert second.owner is not None
    assert (second.owner.key, second.owner.is_own) == (theirs.command.key, False)
    assert (second.owner.command_id, second.owner.order_no, second.owner.sent, second.owner.confirmed) == (None,) * 4
    assert (third.owner, fourth.owner) == (None, None)


async def test_the_first_other_row_that_is_alike_is_its_twin(store: Store) -> None:
    """Of this audit, and with the command that has its number, where that is of the same source."""
    journal = await store.open_with_worker("w1")
    await issued(journal, "own", "2")
    await issued(journal, "theirs", "4", source="shop")
    claim, other = await audit(journal), await audit(journal, "other")
    rows = [row("1", alike="a"), row("2", alike="a"), row("3", alike="a"), row("4", alike="b"), row("5", alike="b")]
    await journal.keep_audited(claim.command, [*rows, row("6"), row("7", alike="c")])
    await journal.keep_audited(other.command, [row("8", alike="c")])

    read = {each.row.identity: each.twin for each in await journal.audited(claim.command, "", 10)}
    told = {name: twin and (twin.identity, twin.is_owned, twin.command_id) for name, twin in read.items()}
    assert told == {
        "1": ("2", True, "own"),
        "2": ("1", False, None),
        "3": ("1", False, None),
        "4": ("5", False, None),
        "5": ("4", True, None),
        "6": None,
        "7": None,
    }


async def test_what_was_found_stays_claimed_and_what_was_undecided_is_decided_anew(store: Store) -> None:
    """An audit that is begun again after it had settled something still tells that it did."""
    journal = await store.open_with_worker("w1")
    claim = await audit(journal)
    await journal.keep_audited(claim.command, [row("1"), row("2"), row("3")])
    await journal.claim_audited(claim.command, {"1": 77, "2": UNDECIDED})
    await journal.claim_audited(claim.command, {"3": UNDECIDED})

    claims = {each.row.identity: each.claim for each in await journal.audited(claim.command, "", 10)}
    assert claims == {"1": 77, "2": None, "3": UNDECIDED}


async def test_a_sellers_commands_with_a_number_come_by_their_submission_with_whether_they_are_listed(
    store: Store,
) -> None:
    """A listed one needs no event read; of another source's nothing is told."""
    journal = await store.open_with_worker("w1")
    await issued(journal, "listed", "1", order_no="N-1")
    await issued(journal, "gone", "2")
    await issued(journal, "theirs", "3", source="shop")
    await begin(journal, new("open", lane="lane of open", seller=SELLER))
    claim = await audit(journal)
    await journal.keep_audited(claim.command, [row("1")])

    read = await journal.numbered(claim.command, SELLER, (NOW - WEEK, 0), NOW + WEEK, 10)
    assert [(each.number, each.is_listed, each.is_own, each.command_id) for each in read] == [
        ("1", True, True, "listed"),
        ("2", False, True, "gone"),
        ("3", False, False, None),
    ]
    assert [each.confirmed is not None for each in read] == [False, True, False]
    second = await journal.numbered(claim.command, SELLER, (read[0].submitted_at, read[0].key), NOW + WEEK, 1)
    assert [each.command_id for each in second] == ["gone"]
    assert not await journal.numbered(claim.command, SELLER, (NOW - WEEK, 0), NOW - SECOND, 10)
    assert not await journal.numbered(claim.command, "another seller", (NOW - WEEK, 0), NOW + WEEK, 10)


async def test_rows_are_forgotten_some_at_a_time_and_by_any_end(store: Store) -> None:
    """A run's, and a person's or a deadline's; another audit's stay."""
    journal = await store.open_with_worker("w1")
    claims = [await audit(journal, name) for name in ("audit", "failed", "cancelled")]
    for each in claims:
        await journal.keep_audited(each.command, [row(str(number)) for number in range(5)])
    claim, failed, cancelled = claims
    assert [await journal.forget_audited(claim.command, 3) for _ in range(3)] == [3, 2, 0]

    assert await journal.record(step(failed, CommandState.FAILED, "failed"))
    assert await journal.count_audited(failed.command) == 0
    assert await journal.count_audited(cancelled.command) == 5
    assert await journal.record(step(cancelled, CommandState.WAITING, due_at=NOW + WEEK))
    (waiting,) = await journal.find("cancelled")
    expected = frozenset({CommandState.WAITING})
    assert await journal.settle(settlement(waiting, CommandState.FAILED, "failed", expected=expected))
    assert await store.rows("SELECT count(*) FROM audit_row") == [(0,)]


async def test_an_old_audit_is_pruned(store: Store) -> None:
    """Should rows of it be left, they go as well."""
    journal = await store.open_with_worker("w1")
    claim = await audit(journal)
    assert await journal.record(step(claim, CommandState.FAILED, "failed"))
    key = claim.command.key
    await store.write(
        "INSERT INTO audit_row (command_key, identity, is_in_period, data) "  # noqa: S608  a number
        f"SELECT {key}, 'x', (1 = 1), data FROM payload WHERE key = {key}"
    )
    await journal.published([each.seq for each in await journal.due("w1", NOW + WEEK, 100)])
    await journal.prune(NOW + WEEK, dry_run=False)
    assert await store.rows("SELECT count(*) FROM audit_row") == [(0,)]
    assert await journal.find("audit") == []


async def test_an_audit_does_not_stand_before_its_lanes_orders(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    await admit(journal, new("audit", type="invoice.audit"), new("order"))

    assert (await claim_one(journal)).command.id == "order"
