"""What look-ups brought: kept with the step that tells of it, replaced by newer data, read again; on both stores."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.conformance.journal_builders import (
    COMPLETED,
    NOW,
    SECOND,
    begin,
    brought,
    found,
    look_up,
    new,
    pdf,
    publish_all,
    query,
    seek,
    settlement,
    state_of,
    step,
)
from tests.conformance.journal_stores import Store
from worker.errors import NotResolvable
from worker.ports import Journal
from worker.records import SUBMITTED, Claim, CommandState, Findings, FoundRow, StoredFilter

DAY = timedelta(days=1)


async def identities(journal: Journal, **wanted: Any) -> list[str]:
    """Of the stored invoices that fit, in the order given; their number must be what is said."""
    total, stored = await journal.stored(StoredFilter(**wanted))
    assert total >= len(stored)
    return [one.invoice.identity for one in stored]


async def bring(journal: Journal, claim: Claim, findings: Findings, sequence: int = 2, **changes: Any) -> None:
    """Another page of a query."""
    moved = step(claim, CommandState.RUNNING, "page", first=sequence, findings=findings, progress=b"{}", **changes)
    assert await journal.record(moved)


async def confirm(journal: Journal, command_id: str, number: str, **changes: Any) -> None:
    """Bind an issued command to its number, with what was found of it."""
    command = await look_up(journal, command_id)
    findings = brought(found(number))
    values: dict[str, Any] = {"invoice_number": number, "findings": findings, "has_looked": True} | changes
    assert await journal.settle(settlement(command, CommandState.COMPLETED, "confirmed", expected=COMPLETED, **values))


class TestKeeping:
    async def test_an_invoice_comes_back_as_it_came(self, store: Store, journal: Journal) -> None:
        row = found("25332000000012345678", data='{"购":"货"}'.encode())
        bare = FoundRow("id:7", "7", None, 1, None, "", "", "", "", None, b"{}", lacks_files=True)
        await query(journal, "q", row, bare)
        await store.restart()
        _, (first, second) = await (await store.open()).stored(StoredFilter())
        assert (first.invoice, first.user_id, first.seen_at) == (row, "u1", NOW)
        assert (first.items, first.files, first.command_id, first.command_state) == (None, (), None, None)
        assert second.invoice == replace(bare, lacks_files=False)

    async def test_with_its_items_and_files(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", invoice_id="1"))
        ofd = pdf("1", "https://files/a.ofd", type="ofd", number="n1")
        findings = brought(found("n1", invoice_id="1"), items={"1": b'[{"id":"9"}]'}, files=(pdf("1"), ofd))
        await bring(journal, claim, findings)
        _, (stored,) = await journal.stored(StoredFilter())
        assert stored.items == b'[{"id":"9"}]'
        assert stored.files == (ofd, pdf("1"))

    async def test_newer_data_win(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", invoice_id="1"))
        await bring(journal, claim, brought(items={"1": b"[1]"}, files=(pdf("1", "https://old"),)))
        newer = found("n1", invoice_id="1", buyer_name="DEF公司", total=None, number=None, invoice_date=NOW - DAY)
        await bring(
            journal, claim, brought(newer, items={"1": b"[2]"}, files=(pdf("1", "https://new"),)), 3, at=NOW + SECOND
        )
        total, (stored,) = await journal.stored(StoredFilter())
        assert (total, stored.invoice, stored.seen_at) == (1, newer, NOW + SECOND)
        assert (stored.items, stored.files) == (b"[2]", (pdf("1", "https://new"),))

    async def test_files_of_other_types_stay(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", invoice_id="1"))
        xml = pdf("1", "https://files/a.xml", type="xml")
        await bring(journal, claim, brought(files=(xml,)))
        await bring(journal, claim, brought(files=(pdf("1"),)), 3)
        _, (stored,) = await journal.stored(StoredFilter())
        assert stored.files == (pdf("1"), xml)

    async def test_items_and_files_follow_the_id_that_the_invoice_has_now(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1", invoice_id="1"))
        await bring(journal, claim, brought(items={"1": b"[1]"}, files=(pdf("1"),)))
        await bring(journal, claim, brought(found("n1", invoice_id="2"), items={"2": b"[2]"}), 3)
        _, (stored,) = await journal.stored(StoredFilter())
        assert (stored.items, stored.files) == (b"[2]", ())

    async def test_an_invoice_is_stored_once_per_user(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1"), found("n1", total="2"))
        await journal.record(step(claim, CommandState.COMPLETED, "completed", first=2))
        await journal.release(claim.lease, NOW)
        other = await begin(journal, new("q2", type="invoice.query", lane="u2"))
        await bring(journal, other, brought(found("n1", total="3"), user_id="u2"), 1)
        total, stored = await journal.stored(StoredFilter())
        assert total == 2
        assert sorted((one.user_id, one.invoice.total) for one in stored) == [("u1", "2"), ("u2", "3")]

    async def test_of_ids_alone_only_items_and_files_are_kept(self, store: Store, journal: Journal) -> None:
        claim = await begin(journal, new("f", type="invoice.files", lane="\x1ferp\x1ff"))
        asked = Findings(None, (found("n1"),), items={"1": b"[]"}, files=(pdf("1"), pdf("1", "https://last")))
        assert await journal.record(step(claim, CommandState.COMPLETED, "completed", findings=asked))
        assert await journal.stored(StoredFilter()) == (0, [])
        assert await store.rows("SELECT invoice_id, url FROM invoice_file") == [("1", "https://last")]
        assert await store.rows("SELECT count(*) FROM invoice_items") == [(1,)]
        assert await store.rows("SELECT count(*) FROM command_invoice") == [(0,)]

    async def test_nothing_found_is_nothing_stored(self, store: Store, journal: Journal) -> None:
        claim = await query(journal, "q")
        await bring(journal, claim, Findings())
        assert await store.rows("SELECT count(*) FROM invoice") == [(0,)]


class TestOneTransaction:
    async def test_a_fenced_step_brings_nothing(self, store: Store, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        moved = step(
            claim, CommandState.RUNNING, "page", expected=SUBMITTED, findings=brought(found("n1"), files=(pdf("1"),))
        )
        assert not await journal.record(moved)
        assert await journal.record_and_next(moved) == (False, None)
        assert await journal.stored(StoredFilter()) == (0, [])
        assert await store.rows("SELECT count(*) FROM invoice_file") == [(0,)]

    async def test_what_cannot_be_stored_tells_of_nothing(self, journal: Journal) -> None:
        """Neither the page's event nor the progress is there without its invoices."""
        claim = await begin(journal, new("q", type="invoice.query"))
        broken: Any = found("n2", buyer_name=None)
        moved = step(claim, CommandState.RUNNING, "page", findings=brought(found("n1"), broken), progress=b"page 2")
        with pytest.raises(Exception, match=r"(?i)null"):
            await journal.record(moved)
        assert await journal.stored(StoredFilter()) == (0, [])
        assert await journal.events_of(claim.command.key) == []
        assert (await look_up(journal, "q")).progress is None
        assert await journal.record(replace(moved, findings=brought(found("n1"))))

    async def test_a_refused_number_brings_nothing(self, store: Store, journal: Journal) -> None:
        for name in "ab":
            await seek(journal, new(name, lane=name))
        await confirm(journal, "a", "n1")
        with pytest.raises(NotResolvable):
            await confirm(journal, "b", "n1", findings=brought(found("n2")))
        assert await identities(journal) == ["n1"]
        assert await state_of(journal, "b") is CommandState.COMPLETED

    async def test_a_cancelled_page_is_stored_whole_or_not_at_all(self, store: Store, journal: Journal) -> None:
        for number in range(12):
            claim = await begin(journal, new(f"q{number}", type="invoice.query", lane=f"u{number}"))
            rows = [found(f"{number:02}-{row:03}") for row in range(50)]
            moved = step(claim, CommandState.RUNNING, "page", findings=brought(*rows, user_id=f"u{number}"))
            call = asyncio.ensure_future(journal.record(moved))
            await asyncio.sleep(0.0005 * number)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            events = await journal.events_of(claim.command.key)
            total, _ = await journal.stored(StoredFilter(user_id=f"u{number}"))
            assert (len(events), total) in {(0, 0), (1, 50)}

    async def test_pages_that_share_ids_are_stored_side_by_side(self, store: Store) -> None:
        """Each replica brings the same items and files in another order; they wait for each other, but not for ever."""
        journals = [await store.open_with_worker(f"w{number}") for number in range(1, 5)]
        claims = []
        for number, journal in enumerate(journals, 1):
            await journal.admit([new(f"f{number}", lane=f"u{number}")], worker=f"w{number}", waiting_max=None)
            (claim,) = await journal.claim(f"w{number}", 1, NOW)
            claims.append(claim)

        async def work(journal: Journal, claim: Claim, turn: int) -> None:
            ids = [str(number) for number in range(40)]
            ids = ids[turn * 10 :] + ids[: turn * 10]
            files, items = Findings(None, files=tuple(map(pdf, ids))), Findings(None, items=dict.fromkeys(ids, b"[]"))
            for sequence in range(1, 11):
                await bring(journal, claim, files if sequence <= 5 else items, sequence)

        with capture_logs() as logs:
            await asyncio.gather(*(work(*pair, turn) for turn, pair in enumerate(zip(journals, claims, strict=True))))
        assert [entry for entry in logs if entry["event"] == "journal_transaction_repeated"] == []
        assert await store.rows("SELECT count(*) FROM invoice_file") == [(40,)]


class TestBroughtByACommand:
    async def test_what_it_brought_already_is_not_unseen(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("n1"), found("n2"))
        assert await journal.unseen(claim.command, ["n1", "n3", "n2", "n4"]) == {"n3", "n4"}
        assert await journal.unseen(claim.command, []) == frozenset()
        await journal.record(step(claim, CommandState.COMPLETED, "completed", first=2))
        await journal.release(claim.lease, NOW)
        other = await query(journal, "q2", found("n3"))
        assert await journal.unseen(other.command, ["n1", "n3"]) == {"n1"}

    async def test_what_lacks_files_is_listed_by_identity(self, journal: Journal) -> None:
        rows = [found(str(number), lacks_files=number % 2 == 0) for number in range(10, 20)]
        claim = await query(journal, "q", *rows)

        async def lacking(after: str, limit: int = 100) -> list[str]:
            return [row.identity for row in await journal.lacking(claim.command, after, limit)]

        assert await lacking("") == ["10", "12", "14", "16", "18"]
        assert await lacking("", 2) == ["10", "12"]
        assert await lacking("12", 2) == ["14", "16"]
        assert await lacking("18") == []
        assert (await journal.lacking(claim.command, "", 1))[0] == rows[0]

    async def test_until_they_have_come(self, journal: Journal) -> None:
        claim = await query(journal, "q", found("1", lacks_files=True), found("2", lacks_files=True))
        await bring(journal, claim, brought(found("1"), files=(pdf("id of 1"),)))
        assert [row.identity for row in await journal.lacking(claim.command, "", 10)] == ["2"]

    async def test_the_tally_counts_addresses_and_names_what_is_missing(self, journal: Journal) -> None:
        claim = await query(journal, "q", *(found(str(number), lacks_files=number > 1) for number in range(5)))
        files = (pdf("id of 0"), pdf("id of 0", type="ofd"), pdf("id of 1"), pdf("another's"))
        await bring(journal, claim, brought(files=files))
        assert await journal.tally(claim.command, 10) == (3, ["id of 2", "id of 3", "id of 4"])
        assert await journal.tally(claim.command, 1) == (3, ["id of 2"])

    async def test_progress_outlives_its_holder_with_what_was_brought(self, store: Store, journal: Journal) -> None:
        await query(journal, "q", found("1", lacks_files=True), found("2"))
        journal = await store.restart()
        command = await look_up(journal, "q")
        assert await journal.unseen(command, ["1", "2", "3"]) == {"3"}
        assert [row.identity for row in await journal.lacking(command, "", 10)] == ["1"]

    async def test_an_issue_is_linked_to_what_confirmed_it(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await confirm(journal, "a", "n1")
        command = await look_up(journal, "a")
        assert await identities(journal, command_key=command.key) == ["n1"]
        _, (stored,) = await journal.stored(StoredFilter())
        assert (stored.command_id, stored.command_state) == ("a", CommandState.COMPLETED)

    async def test_a_tenant_may_ask_for_what_it_issued_or_brought(self, journal: Journal) -> None:
        await seek(journal, new("a", source="shop"))
        command = await look_up(journal, "a", "shop")
        confirmed = settlement(command, CommandState.COMPLETED, expected=COMPLETED, invoice_number="issued")
        assert await journal.settle(confirmed)
        await query(journal, "q", found("issued", invoice_id="1"), found("other", invoice_id="2"))
        assert await journal.brought("erp", ["1", "2", "3"]) == {"1", "2"}
        assert await journal.brought("shop", ["1", "2", "3"]) == {"1"}
        assert await journal.brought("nobody", ["1", "2"]) == frozenset()


class TestStored:
    @pytest.fixture
    async def rich(self, journal: Journal) -> Journal:
        """Two users' invoices, of one day each, and one without a number or date."""
        rows = [
            found("n1", invoice_date=NOW, buyer_id="B1", buyer_name="上海甲公司", invoice_id="1"),
            found("n2", invoice_date=NOW - DAY, buyer_id="B2", buyer_name="北京乙公司", invoice_id="2"),
            found("n3", invoice_date=NOW - 2 * DAY, buyer_id="B1", buyer_name="上海甲公司", invoice_id="3"),
            found("id:4", number=None, invoice_date=None, buyer_id="", buyer_name="", invoice_id="4"),
        ]
        await query(journal, "q", *rows)
        other = await begin(journal, new("q", source="shop", type="invoice.query", lane="u2"))
        await bring(journal, other, brought(found("m1", invoice_date=NOW - DAY, invoice_id="9"), user_id="u2"), 1)
        return journal

    async def test_newest_first_those_without_a_date_last(self, rich: Journal) -> None:
        assert await identities(rich) == ["n1", "m1", "n2", "n3", "id:4"]

    async def test_a_page_of_them_with_the_number_of_all(self, rich: Journal) -> None:
        total, page = await rich.stored(StoredFilter(limit=2, offset=1))
        assert (total, [one.invoice.identity for one in page]) == (5, ["m1", "n2"])
        total, page = await rich.stored(StoredFilter(limit=2, offset=10))
        assert (total, page) == (5, [])

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({"user_id": "u1"}, ["n1", "n2", "n3", "id:4"]),
            ({"user_id": "u2"}, ["m1"]),
            ({"user_id": "nobody"}, []),
            ({"source": "shop"}, ["m1"]),
            ({"source": "nobody"}, []),
            ({"number": "n2"}, ["n2"]),
            ({"number": "id:4"}, ["id:4"]),
            ({"number": "n2", "user_id": "u2"}, []),
            ({"number": "n2", "source": "shop"}, []),
            ({"invoice_ids": ("4", "1", "77")}, ["n1", "id:4"]),
            ({"invoice_ids": ("4", "1"), "number": "n1"}, ["n1"]),
            ({"invoice_ids": ("9",), "source": "erp"}, []),
            ({"buyer": "B1"}, ["n1", "n3"]),
            ({"buyer": "甲公司"}, ["n1", "n3"]),
            ({"buyer": "甲公司", "user_id": "u2"}, []),
            ({"buyer": "%"}, []),
            ({"since": NOW - DAY}, ["n1", "m1", "n2"]),
            ({"until": NOW}, ["m1", "n2", "n3"]),
            ({"since": NOW - 2 * DAY, "until": NOW - DAY}, ["n3"]),
            ({"since": NOW - DAY, "user_id": "u1"}, ["n1", "n2"]),
        ],
    )
    async def test_all_filters_must_fit(self, rich: Journal, wanted: dict[str, Any], expected: list[str]) -> None:
        assert await identities(rich, **wanted) == expected
        total, _ = await rich.stored(StoredFilter(**wanted))
        assert total == len(expected)

    async def test_what_a_command_brought(self, rich: Journal) -> None:
        key = (await look_up(rich, "q")).key
        assert await identities(rich, command_key=key) == ["n1", "n2", "n3", "id:4"]
        assert await identities(rich, command_key=key, number="n2") == ["n2"]
        assert await identities(rich, command_key=key, source="shop") == []
        assert await identities(rich, command_key=4711) == []

    async def test_an_invoice_found_later_is_the_commands_that_has_its_number(self, rich: Journal) -> None:
        """The number is bound when no invoice is stored, such as by a person."""
        await seek(rich, new("issued", lane="u3"))
        command = await look_up(rich, "issued")
        bound = settlement(command, CommandState.COMPLETED, expected=COMPLETED, invoice_number="n2")
        assert await rich.settle(bound)
        assert await identities(rich, command_key=command.key) == ["n2"]
        _, (stored,) = await rich.stored(StoredFilter(number="n2"))
        assert (stored.command_id, stored.command_state) == ("issued", CommandState.COMPLETED)

    async def test_another_tenants_command_is_not_named(self, rich: Journal) -> None:
        await seek(rich, new("issued", lane="u3", source="erp"))
        command = await look_up(rich, "issued")
        bound = settlement(command, CommandState.COMPLETED, expected=COMPLETED, invoice_number="m1")
        assert await rich.settle(bound)
        _, (stored,) = await rich.stored(StoredFilter(source="shop"))
        assert stored.command_id is None
        _, (stored,) = await rich.stored(StoredFilter(number="m1", source="erp"))
        assert stored.command_id == "issued"


async def test_a_large_page_is_stored_with_its_event(journal: Journal) -> None:
    rows = [found(f"{number:05}") for number in range(1000)]
    claim = await query(journal, "q", *rows)
    assert len(await publish_all(journal)) == 2
    assert await journal.unseen(claim.command, [row.identity for row in rows]) == frozenset()
    total, page = await journal.stored(StoredFilter(limit=1000))
    assert (total, len(page)) == (1000, 1000)
