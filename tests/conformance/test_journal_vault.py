"""Files for the vault: due once, kept for ever, told to whoever brought them; on both stores."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.conformance.journal_builders import (
    COMPLETED,
    NOW,
    RUNNING,
    SECOND,
    brought,
    event,
    found,
    look_up,
    new,
    pdf,
    publish_all,
    query,
    seek,
    settlement,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import CommandState, DueFile, KeptCopy, StoredFilter

NUMBER = "25332000000012345678"
HOLD = timedelta(minutes=5)
COPY = KeptCopy("seller/2026/03/n.pdf", "ab" * 32, 123, NOW, b'[{"member":"buyerName"}]')


async def confirm(journal: Journal, command_id: str = "a", number: str = NUMBER) -> None:
    """An issued command whose number was found, with a PDF and an XML."""
    await seek(journal, new(command_id, lane=f"lane of {command_id}"))
    files = (pdf("7", number=number), pdf("7", "https://files/a.xml", type="xml", number=number))
    findings = brought(found(number, invoice_id="7"), files=files)
    moved = settlement(
        await look_up(journal, command_id),
        CommandState.COMPLETED,
        "confirmed",
        expected=COMPLETED,
        invoice_number=number,
        findings=findings,
    )
    assert await journal.settle(moved)


async def due(journal: Journal, limit: int = 10) -> list[DueFile]:
    """What is to be fetched now."""
    await journal.enter_files(NOW, 100)
    return list(await journal.files_due(NOW, NOW + HOLD, limit))


class TestEntering:
    async def test_each_file_of_an_issued_invoice_is_due_once(self, journal: Journal) -> None:
        """With what is known of the invoice; whoever takes it has it for a while, and an attempt is counted."""
        await confirm(journal)
        files = await due(journal)
        assert sorted((file.type, file.url, file.attempts) for file in files) == [
            ("pdf", "https://files/a.pdf", 1),
            ("xml", "https://files/a.xml", 1),
        ]
        assert {(file.number, file.invoice_id, file.invoice_date) for file in files} == {(NUMBER, "7", NOW)}
        assert files[0].invoice is not None
        assert files[0].invoice.buyer_name == "ABC公司"
        assert await due(journal) == []
        later = await journal.files_due(NOW + HOLD, NOW + HOLD + HOLD, 10)
        assert [file.attempts for file in later] == [2, 2]

    async def test_what_names_no_invoice_is_left_alone(self, journal: Journal) -> None:
        """An address of an unknown invoice, and an invoice without a number or a date."""
        claim = await query(journal, "q", found("id:1", invoice_id="1", number=None), found("n2", invoice_date=None))
        files = (pdf("1"), pdf("id of n2"), pdf("stranger"))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=brought(files=files)))
        assert await journal.enter_files(NOW, 100) == 3
        assert await journal.enter_files(NOW, 100) == 0
        assert await due(journal) == []

    async def test_two_that_ask_at_once_share_what_is_due(self, store: Store, journal: Journal) -> None:
        """No file is fetched by two."""
        await confirm(journal)
        await journal.enter_files(NOW, 100)
        answers = await asyncio.gather(*(journal.files_due(NOW, NOW + HOLD, 1) for _ in range(4)))
        taken = [file.key for answer in answers for file in answer]
        assert len(taken) == len(set(taken)) == 2


class TestOutcomes:
    async def test_a_kept_file_stays_as_it_is(self, store: Store, journal: Journal) -> None:
        """Whatever address comes later, and after a restart; `stored` tells of the copy."""
        await confirm(journal)
        for file in await due(journal):
            assert await journal.file_kept(file, COPY)
            assert not await journal.file_kept(file, replace(COPY, sha256="cd" * 32))
            assert not await journal.file_missing(file, "late")
            await journal.file_put_off(file, NOW, "late")
        claim = await query(journal, "q", found(NUMBER, invoice_id="8"), lane="u2")
        again = brought(files=(pdf("8", "https://files/new.pdf", number=NUMBER),))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=again))
        assert await due(journal) == []
        await store.restart()
        journal = await store.open()
        kept = await journal.kept_files(0, 10)
        assert [(file.type, file.sha256, file.size, file.stored_at) for file in kept] == [
            (file.type, COPY.sha256, 123, NOW) for file in kept
        ]
        assert [file.type for file in await journal.kept_files(0, 10, NUMBER)] == ["pdf", "xml"]
        assert await journal.kept_files(0, 10, "another") == []
        _, (stored, *_) = await journal.stored(StoredFilter(number=NUMBER))
        assert stored.files[0].kept == COPY

    async def test_what_was_put_off_comes_again_then_with_its_new_address(self, journal: Journal) -> None:
        await confirm(journal)
        first, second = await due(journal)
        await journal.file_put_off(replace(first, url="https://files/new"), NOW + SECOND, "status 404")
        assert await journal.files_due(NOW, NOW + HOLD, 10) == []
        (again,) = await journal.files_due(NOW + SECOND, NOW + HOLD, 10)
        assert (again.key, again.url, again.attempts) == (first.key, "https://files/new", 2)
        assert second.key != first.key

    async def test_a_missing_file_is_due_again_once_it_has_a_new_address(self, journal: Journal) -> None:
        """Not for the address that failed."""
        await confirm(journal)
        for file in await due(journal):
            assert await journal.file_missing(file, "gone")
        claim = await query(journal, "q", found(NUMBER, invoice_id="7"), lane="u2")
        same = brought(files=(pdf("7", number=NUMBER),))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=same))
        assert await due(journal) == []
        new_address = brought(files=(pdf("7", "https://files/new.pdf", number=NUMBER),))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=3, findings=new_address))
        (file,) = await due(journal)
        assert (file.type, file.url, file.attempts) == ("pdf", "https://files/new.pdf", 1)


class TestTelling:
    async def test_a_command_is_told_once_when_nothing_is_under_way_any_more(self, journal: Journal) -> None:
        await confirm(journal)
        first, second = sorted(await due(journal), key=lambda file: file.type)
        await journal.file_kept(first, COPY)
        assert await journal.untold_files(10, 10) == []
        await journal.file_missing(second, "gone")
        (untold,) = await journal.untold_files(10, 10)
        assert [file.type for file in untold.kept] == ["pdf"]
        assert [(file.type, file.reason) for file in untold.missing] == [("xml", "gone")]
        await publish_all(journal)
        archived = event(untold.command, untold.command.last_sequence + 1, "archived")
        assert await journal.tell_files(untold, archived, NOW)
        assert not await journal.tell_files(untold, archived, NOW)
        assert {row.event_type for row in await publish_all(journal)} == {"invoice.issue.archived"}
        assert await journal.untold_files(10, 10) == []
        assert (await look_up(journal, "a")).last_sequence == untold.command.last_sequence + 1

    async def test_a_command_that_goes_on_is_told_after_its_end(self, journal: Journal) -> None:
        """Its run numbers its events itself until then."""
        claim = await query(journal, "q", found(NUMBER, invoice_id="7"))
        files = brought(files=(pdf("7", number=NUMBER),))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=files))
        (file,) = await due(journal)
        await journal.file_kept(file, COPY)
        assert await journal.untold_files(10, 10) == []
        assert await journal.record(step(claim, CommandState.COMPLETED, "completed", first=3, expected=RUNNING))
        (untold,) = await journal.untold_files(10, 10)
        assert untold.command.id == "q"

    async def test_who_brings_it_later_is_told_of_what_is_kept(self, journal: Journal) -> None:
        await confirm(journal)
        for file in await due(journal):
            await journal.file_kept(file, COPY)
        for untold in await journal.untold_files(10, 10):
            await journal.tell_files(untold, event(untold.command, untold.command.last_sequence + 1, "archived"), NOW)
        claim = await query(journal, "q", found(NUMBER, invoice_id="7"), lane="u2", source="other")
        files = brought(files=(pdf("7", number=NUMBER),))
        done = step(claim, CommandState.COMPLETED, "completed", first=2, expected=RUNNING, findings=files)
        assert await journal.record(done)
        assert await due(journal) == []
        (untold,) = await journal.untold_files(10, 10)
        assert (untold.command.source, [file.type for file in untold.kept]) == ("other", ["pdf"])

    async def test_a_file_that_is_kept_while_it_is_told_as_missing_is_told_again(self, journal: Journal) -> None:
        """Another replica had a new address for it meanwhile."""
        await confirm(journal)
        first, second = await due(journal)
        await journal.file_kept(first, COPY)
        await journal.file_missing(second, "gone")
        (early,) = await journal.untold_files(10, 10)
        claim = await query(journal, "q", lane="u2")
        new_address = brought(files=(pdf("7", "https://files/new", type=second.type, number=NUMBER),))
        assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=new_address))
        (again,) = await due(journal)
        await journal.file_kept(again, COPY)

        assert await journal.tell_files(early, event(early.command, early.command.last_sequence + 1, "archived"), NOW)

        (untold,) = await journal.untold_files(10, 10)
        assert ([file.type for file in untold.kept], list(untold.missing)) == ([second.type], [])

    async def test_another_event_that_came_between_is_not_overwritten(self, journal: Journal) -> None:
        await confirm(journal)
        for file in await due(journal):
            await journal.file_kept(file, COPY)
        (untold,) = await journal.untold_files(10, 10)
        stale = replace(untold, command=replace(untold.command, last_sequence=untold.command.last_sequence - 1))
        assert not await journal.tell_files(stale, event(stale.command, 2, "archived"), NOW)
        assert len(await journal.untold_files(10, 10)) == 1


async def test_forgetting_by_age_never_touches_the_vault(journal: Journal) -> None:
    """Commands, invoices and addresses go; what is kept and its digest stay."""
    await confirm(journal)
    claim = await query(journal, "q", found(NUMBER, invoice_id="7"), lane="u2")
    await journal.record(step(claim, CommandState.COMPLETED, "completed", first=2, expected=RUNNING))
    for file in await due(journal):
        await journal.file_kept(file, COPY)
    await publish_all(journal)
    for _ in range(3):
        await journal.prune(NOW + timedelta(days=1), dry_run=False)
    assert (await journal.stored(StoredFilter()))[0] == 0
    assert len(await journal.kept_files(0, 10, NUMBER)) == 2
    years = await journal.vault_years()
    assert [(row.year, row.type, row.state, row.files, row.size) for row in years] == [
        ("2026", "pdf", "kept", 1, 123),
        ("2026", "xml", "kept", 1, 123),
    ]


async def test_a_thousand_addresses_are_entered_in_batches(journal: Journal) -> None:
    """Bounded work a round, and what is due is found without going through what is not."""
    rows = [found(f"{n:020d}", invoice_id=str(n)) for n in range(1000)]
    claim = await query(journal, "q", *rows)
    files = tuple(pdf(str(n), f"https://files/{n}.pdf", number=f"{n:020d}") for n in range(1000))
    assert await journal.record(step(claim, CommandState.RUNNING, "page", first=2, findings=brought(files=files)))
    assert [await journal.enter_files(NOW, 400) for _ in range(4)] == [400, 400, 200, 0]
    assert len(await journal.files_due(NOW, NOW + HOLD, 7)) == 7
