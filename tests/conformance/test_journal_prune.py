"""Forgetting by age: what goes, what stays for ever, and how much at once; on both stores."""

import asyncio
from datetime import timedelta

import pytest

from tests.conformance.journal_builders import (
    COMPLETED,
    NOW,
    SECOND,
    admit,
    begin,
    brought,
    claim_one,
    found,
    look_up,
    new,
    outbox,
    pdf,
    publish_all,
    put_in_doubt,
    query,
    rejected,
    seek,
    settlement,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import SUBMITTED, Admission, Command, CommandState, NewCommand, Pruned, Route, StoredFilter

LATER = NOW + SECOND
"""What happened at NOW is before it."""


async def prune(journal: Journal, limit: int = 1000) -> Pruned:
    """Forget what ended before LATER; what is counted beforehand is what goes."""
    counted = await journal.prune(LATER, dry_run=True, limit=limit)
    pruned = await journal.prune(LATER, dry_run=False, limit=limit)
    if limit == 1000:
        assert counted == pruned
    return pruned


async def end(journal: Journal, command: NewCommand, *, publish: bool = True) -> Command:
    """Admit, claim, end, release; publish what is told of it."""
    claim = await begin(journal, command)
    assert await journal.record(step(claim, CommandState.COMPLETED, "page", "completed"))
    await journal.release(claim.lease, NOW)
    if publish:
        await publish_all(journal)
    return await look_up(journal, command.id)


async def issue(journal: Journal, command_id: str, **changes: object) -> Command:
    """An invoice that was issued after a QR, and published."""
    claim = await begin(journal, new(command_id, **changes))
    await submit(journal, claim)
    shown = step(claim, CommandState.SCANNING, "qr_required", expected=frozenset({CommandState.SUBMITTING}))
    assert await journal.record(shown)
    assert await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=2))
    await journal.release(claim.lease, NOW)
    await publish_all(journal)
    return await look_up(journal, command_id)


async def outcomes(journal: Journal, command: Command) -> list[str]:
    """The last part of each committed event's type."""
    return [record.event.type.rpartition(".")[2] for record in await journal.events_of(command.key)]


class TestCommands:
    async def test_a_query_is_forgotten_whole(self, store: Store, journal: Journal) -> None:
        command = await end(journal, new("q", type="invoice.query"))
        await journal.keep_stray("u1", command.key, "fits_nothing", b"{}", LATER)
        await admit(journal, new("q", type="invoice.query", route=Route("elsewhere", "c")))
        await publish_all(journal)
        assert await prune(journal) == Pruned(commands=1)
        assert await journal.find("q") == []
        for table in ("command", "payload", "event", "outbox", "command_invoice", "listener"):
            assert await store.rows(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
        assert await store.rows("SELECT command_key, reason FROM stray") == [(None, "fits_nothing")]
        assert await admit(journal, new("q", type="invoice.query")) == [Admission.ACCEPTED]

    async def test_the_lane_of_a_user_stays_and_its_epoch_goes_on(self, journal: Journal) -> None:
        """An epoch of 1 says that nobody held the lane before: whoever has it asks for nothing that came before."""
        await end(journal, new("q", type="invoice.query", lane="u1"))
        assert await prune(journal) == Pruned(commands=1)

        assert (await begin(journal, new("again", lane="u1"))).lease.epoch == 2
        assert (await begin(journal, new("first", lane="u2"))).lease.epoch == 1

    async def test_not_before_its_time(self, journal: Journal) -> None:
        await end(journal, new("q", type="invoice.query"))
        assert await journal.prune(NOW, dry_run=False) == Pruned()
        assert len(await journal.find("q")) == 1

    async def test_what_has_not_ended_stays(self, journal: Journal) -> None:
        await query(journal, "running")
        await admit(journal, new("waiting", type="invoice.query"))
        claim = await put_in_doubt(journal, new("doubt", lane="u2"))
        await admit(journal, new("twin", lane="u2"))
        assert await journal.next_command(claim.lease, NOW) is not None
        await publish_all(journal)
        assert await prune(journal) == Pruned()

    async def test_what_is_not_published_stays(self, journal: Journal) -> None:
        command = await end(journal, new("q", type="invoice.query"), publish=False)
        await issue_unpublished(journal)
        assert await prune(journal) == Pruned()
        rows = await outbox(journal)
        await journal.undeliverable([row.seq for row in rows if row.copy == "r"])
        await journal.published([row.seq for row in rows if row.copy == "t"])
        assert await prune(journal) == Pruned()
        assert await outcomes(journal, command) == ["page", "completed"]

    async def test_rejected_commands_go_whatever_their_type(self, journal: Journal) -> None:
        await admit(journal, rejected("i"), rejected("q", type="invoice.query"))
        await publish_all(journal)
        assert await prune(journal) == Pruned(commands=2)
        assert await admit(journal, rejected("i")) == [Admission.REJECTED]

    async def test_counting_forgets_nothing(self, store: Store, journal: Journal) -> None:
        await end(journal, new("q", type="invoice.query"))
        await issue(journal, "i")
        expected = Pruned(commands=1, payloads=1)
        assert await journal.prune(LATER, dry_run=True) == expected
        assert await journal.prune(LATER, dry_run=True, limit=1) == expected
        assert len(await journal.commands([])) == 2
        assert await store.rows("SELECT count(*) FROM event") == [(4,)]


async def issue_unpublished(journal: Journal) -> None:
    """An issue whose copies the relay has not published yet."""
    claim = await begin(journal, new("i", lane="u9"))
    assert await journal.record(step(claim, CommandState.FAILED, "failed"))
    await journal.release(claim.lease, NOW)


class TestIssues:
    async def test_an_issue_keeps_its_identity_its_end_and_its_number(self, journal: Journal) -> None:
        command = await issue(journal, "i", seller="s", order_no="o")
        bound = settlement(
            command, CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n1", has_looked=True
        )
        assert await journal.settle(bound)
        await publish_all(journal)
        assert await outcomes(journal, command) == ["qr_required", "completed", "confirmed"]
        assert await prune(journal) == Pruned(payloads=1)

        kept = await look_up(journal, "i")
        assert (kept.state, kept.order_no, kept.invoice_number) == (CommandState.COMPLETED, "o", "n1")
        assert (kept.data, kept.warnings) == (b"{}", b"[]")
        assert await outcomes(journal, command) == ["completed"]
        assert await journal.bound(["n1"]) == {"n1"}

    async def test_a_repeat_stays_known_and_gets_the_end(self, journal: Journal) -> None:
        await issue(journal, "i", seller="s", order_no="o")
        await prune(journal)
        assert await admit(journal, new("i")) == [Admission.REPEATED]
        assert await admit(journal, new("i", content_hash="other")) == [Admission.REUSED]
        assert await admit(journal, new("j", seller="s", order_no="o")) == [Admission.FOLLOWING]
        (following,) = await journal.followers()
        (final,) = following.events
        assert final.type == "invoice.issue.completed"
        (row,) = await outbox(journal)
        assert (row.event_type, row.body) == (final.type, final.body)

    async def test_it_is_emptied_once(self, journal: Journal) -> None:
        await issue(journal, "i")
        assert await prune(journal) == Pruned(payloads=1)
        assert await prune(journal) == Pruned()

    async def test_what_is_sought_is_kept_whole(self, journal: Journal) -> None:
        await seek(journal, new("i"), NOW + 3600 * SECOND)
        await publish_all(journal)
        assert await prune(journal) == Pruned()
        assert (await look_up(journal, "i")).data == b'{"userId":"u1"}'

    async def test_a_late_number_is_still_bound(self, journal: Journal) -> None:
        await issue(journal, "i")
        await prune(journal)
        bound = settlement(
            await look_up(journal, "i"), CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n1"
        )
        assert await journal.settle(bound)
        assert (await look_up(journal, "i")).invoice_number == "n1"


class TestFindings:
    async def test_invoices_items_and_files_go_by_when_they_were_seen(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", invoice_id="1"), found("n2", invoice_id="2"))
        files = (pdf("1"), pdf("1", type="ofd"))
        old = step(claim, CommandState.RUNNING, "page", first=2, findings=brought(items={"1": b"[]"}, files=files))
        assert await journal.record(old)
        seen = step(
            claim, CommandState.COMPLETED, "completed", first=3, at=LATER,
            findings=brought(found("n2", invoice_id="2"), items={"2": b"[]"}, files=(pdf("2"),)),
        )  # fmt: skip
        assert await journal.record(seen)
        assert await prune(journal) == Pruned(invoices=1, items=1, files=2)
        total, (kept,) = await journal.stored(StoredFilter())
        assert (total, kept.invoice.identity, kept.items, kept.files) == (1, "n2", b"[]", (pdf("2"),))

    async def test_what_a_query_under_way_brought_stays(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", lacks_files=True))
        assert await prune(journal) == Pruned()
        assert len(await journal.lacking(claim.command, "", 10)) == 1

    async def test_an_issue_outlives_its_invoice(self, store: Store, journal: Journal) -> None:
        command = await issue(journal, "i")
        confirmed = settlement(
            command, CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n1",
            findings=brought(found("n1")),
        )  # fmt: skip
        assert await journal.settle(confirmed)
        await publish_all(journal)
        assert await prune(journal) == Pruned(payloads=1, invoices=1)
        assert (await look_up(journal, "i")).invoice_number == "n1"
        assert await store.rows("SELECT count(*) FROM command_invoice") == [(0,)]

    async def test_strays_go_but_not_those_of_what_is_unsettled(self, store: Store, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("doubt"))
        await journal.keep_stray("u1", claim.command.key, "evidence", b"{}", NOW)
        await journal.keep_stray("u1", None, "old", b"{}", NOW)
        await journal.keep_stray("u1", None, "new", b"{}", LATER)
        assert await prune(journal) == Pruned(strays=1)
        assert await store.rows("SELECT reason FROM stray ORDER BY reason") == [("evidence",), ("new",)]

    async def test_look_ups_stay(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("i"))
        await journal.enter_look_ups(NOW)
        await claim_one(journal)
        await publish_all(journal)
        assert await journal.prune(NOW + timedelta(days=999), dry_run=False) == Pruned()
        assert await store.rows("SELECT count(*) FROM command WHERE type = 'look_up'") == [(1,)]


class TestInPieces:
    async def test_no_more_of_a_kind_than_asked_for(self, journal: Journal) -> None:
        for number in range(5):
            await end(journal, new(f"q{number}", type="invoice.items"))
            await issue(journal, f"i{number}")
            await journal.keep_stray("u1", None, "old", b"{}", NOW)
        rows = [found(str(number)) for number in range(5)]
        claim = await query(journal, "last", *rows)
        items = {row.invoice_id: b"[]" for row in rows}
        findings = brought(items=items, files=tuple(pdf(row.invoice_id) for row in rows))
        await journal.record(step(claim, CommandState.FAILED, "failed", first=2, findings=findings))
        pruned = await prune(journal, 4)
        # Two events each: the limit counts them, too.
        assert pruned == Pruned(commands=2, payloads=2, invoices=4, items=4, files=4, strays=4)
        total = pruned
        while (pruned := await prune(journal, 4)) != Pruned():
            total = Pruned(*(getattr(total, field) + getattr(pruned, field) for field in Pruned.__slots__))
        assert total == Pruned(commands=5, payloads=5, invoices=5, items=5, files=5, strays=5)

    async def test_a_command_of_many_events_goes_alone(self, journal: Journal) -> None:
        claim = await begin(journal, new("long", type="invoice.query"))
        pages = ["page"] * 30
        assert await journal.record(step(claim, CommandState.COMPLETED, *pages, "completed"))
        await journal.release(claim.lease, NOW)
        await end(journal, new("short", type="invoice.query"))
        assert [(await prune(journal, 10)).commands for _ in range(3)] == [1, 1, 0]

    async def test_what_may_not_go_is_in_nobodys_way(self, journal: Journal) -> None:
        for number in range(4):
            await end(journal, new(f"kept{number}", type="invoice.query"), publish=False)
        rows = await outbox(journal)
        await journal.undeliverable([row.seq for row in rows])
        await end(journal, new("goes", type="invoice.query"))
        assert (await prune(journal, 3)).commands == 1
        assert await journal.find("goes") == []

    async def test_replicas_that_prune_while_others_repeat_lose_no_answer(self, store: Store) -> None:
        """A repeat that is told the end of a command finds that end in the outbox, or is a new command."""
        journals = [await store.open_with_worker(f"w{number}") for number in range(1, 4)]
        commands = [new(f"q{number}", type="invoice.query", lane=f"u{number}") for number in range(40)]
        for command in commands:
            await end(journals[0], command)

        pruning = [asyncio.ensure_future(journal.prune(LATER, dry_run=False, limit=5)) for journal in journals * 4]
        admissions = list(await journals[2].admit(commands[::3], worker="w3", waiting_max=None))
        await asyncio.gather(*pruning)
        assert set(admissions) <= {Admission.REPEATED, Admission.ACCEPTED}
        told = {row.command_id for row in await outbox(journals[2], "w3") if row.body}
        assert len(told) == admissions.count(Admission.REPEATED)

    @pytest.mark.parametrize("limit", [1, 7])
    async def test_any_limit_comes_to_an_end(self, journal: Journal, limit: int) -> None:
        for number in range(9):
            await end(journal, new(f"q{number}", type="invoice.query"))
        rounds = 0
        while await journal.prune(LATER, dry_run=False, limit=limit) != Pruned():
            rounds += 1
            assert rounds < 20
        assert await journal.commands([]) == []
