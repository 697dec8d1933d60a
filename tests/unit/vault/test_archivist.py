"""A file's way into the vault, on the journal's real SQL, a real folder and a small web server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from contracts.envelope import loads
from tests.conformance.journal_builders import (
    COMPLETED,
    brought,
    found,
    look_up,
    new,
    pdf,
    publish_all,
    seek,
    settlement,
)
from tests.conformance.journal_builders import NOW as SUBMITTED_AT
from tests.scenarios.schemas import violations_of
from tests.unit.vault.files import issued, papers
from tests.unit.vault.web import Web, web
from worker.clock import SystemClock
from worker.errors import JournalUnavailable, Transient
from worker.journal.sqlite import SqliteJournal
from worker.records import CommandState, StoredFilter
from worker.vault.addresses import AddressRules
from worker.vault.archivist import Archivist, VaultRules
from worker.vault.fetching import Fetcher
from worker.vault.storage import Storage

INVOICE = issued()
PAPERS = papers(INVOICE)
SCHEDULE = (timedelta(minutes=1), timedelta(minutes=10))


class Clock(SystemClock):
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.at = SUBMITTED_AT

    @override
    def now(self) -> datetime:
        return self.at


@dataclass
class Details:
    """The gateway's look-up of files."""

    urls: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    is_away: bool = False

    async def files(self, invoice_ids: Sequence[str], types: Sequence[str]) -> tuple[dict[str, Any], ...]:
        self.asked += 1
        if self.is_away:
            raise Transient("the gateway is away")
        return tuple({"invoiceBasicInfoId": invoice_ids[0], "type": t, "url": self.urls[t]} for t in types)

    async def items(self, invoice_id: str) -> tuple[dict[str, Any], ...]:
        raise NotImplementedError


@dataclass
class Stage:
    """Everything around one archivist."""

    journal: SqliteJournal
    served: Web
    folder: Path
    clock: Clock
    details: Details
    archivist: Archivist
    counted: list[str]

    async def confirm(self, **files: str) -> None:
        """An issued invoice whose files are at these addresses."""
        await seek(self.journal, new("a"))
        rows = tuple(pdf("7", url, type=kind, number=INVOICE.number) for kind, url in files.items())
        invoice = found(INVOICE.number, invoice_id="7", total=f"{INVOICE.total:.2f}")
        moved = settlement(
            await look_up(self.journal, "a"),
            CommandState.COMPLETED,
            "confirmed",
            expected=COMPLETED,
            invoice_number=INVOICE.number,
            findings=brought(invoice, files=rows),
        )
        assert await self.journal.settle(moved)
        await publish_all(self.journal)

    async def rounds(self, count: int = 3) -> None:
        """So many rounds of the archivist."""
        for _ in range(count):
            await self.archivist.run_once()

    async def told(self) -> list[dict[str, Any]]:
        """The data of each `archived`, held to its schema."""
        rows = await self.journal.due("w1", self.clock.now(), 100)
        await self.journal.published([row.seq for row in rows])
        events = {row.event_id: loads(row.body) for row in rows if row.event_type.endswith(".archived")}
        assert not [fault for event in events.values() for fault in violations_of(event)]
        return [event["data"] for event in events.values()]

    async def kept(self) -> dict[str, bytes]:
        """What is in the vault, by type."""
        return {path.suffix[1:]: path.read_bytes() for path in self.folder.rglob("*.*") if path.is_file()}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """One whose gateway is the test's web server."""
    clock, details, counted = Clock(), Details(), list[str]()
    journal = SqliteJournal(tmp_path / "journal.db", clock=clock)
    await journal.open()
    await journal.register("w1", timedelta(seconds=60))

    class Hooks:
        def vault_file(self, outcome: str) -> None:
            counted.append(outcome)

    async with web() as served:
        folder = tmp_path / "vault"
        archivist = Archivist(
            journal=journal,
            details=details,
            fetcher=Fetcher(AddressRules(served.at("")), max_bytes=1_000_000, seconds=5),
            storage=Storage(f"file://{folder}"),
            clock=clock,
            rules=VaultRules(4, 5, SCHEDULE, "/worker", timedelta(seconds=1)),
            committed=lambda: None,
            hooks=Hooks(),
        )
        yield Stage(journal, served, folder, clock, details, archivist, counted)
        await archivist.aclose()
    await journal.close()


async def test_the_files_of_a_confirmed_invoice_are_kept_and_told_once(stage: Stage) -> None:
    """Under the seller, the month and the number, with digest and size; `stored` knows them too."""
    await stage.confirm(**{kind: stage.served.gives(f"/{kind}", body) for kind, body in PAPERS.items()})
    await stage.rounds()
    assert await stage.kept() == PAPERS
    (told,) = await stage.told()
    assert {file["type"]: file["size"] for file in told["files"]} == {kind: len(body) for kind, body in PAPERS.items()}
    assert told["files"][0]["vaultKey"] == f"91330701MA2M37T86L/2026/03/{INVOICE.number}.ofd"
    assert (told["missing"], [file["differs"] for file in told["files"]]) == ([], [[], [], []])
    _, (stored,) = await stage.journal.stored(StoredFilter(number=INVOICE.number))
    assert all(file.kept is not None for file in stored.files)
    await stage.rounds()
    assert await stage.told() == []
    assert stage.counted == ["kept"] * 3
    assert len(stage.served.asked) == 3


async def test_a_file_that_says_another_thing_is_kept_and_says_so(stage: Stage) -> None:
    other = papers(issued(buyerName="DEF公司", buyerIndentification="91330211725964321M"))["xml"]
    await stage.confirm(xml=stage.served.gives("/xml", other))
    await stage.rounds()
    assert await stage.kept() == {"xml": other}
    (told,) = await stage.told()
    members = {difference["member"] for difference in told["files"][0]["differs"]}
    assert members == {"invoiceNumber", "buyerIdentificationNumber", "buyerName"}
    assert stage.counted == ["differs"]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("pdf", b"<html>log in</html>", "begin as a PDF"),
        ("pdf", b"%PDF-" + b"x" * 1_000_001, "FAPIAO_VAULT_MAX_BYTES"),
        ("xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "entities"),
    ],
)
async def test_what_can_never_be_kept_is_missing_at_once(stage: Stage, kind: str, body: bytes, reason: str) -> None:
    await stage.confirm(**{kind: stage.served.gives("/f", body)})
    await stage.rounds()
    (told,) = await stage.told()
    assert told["files"] == []
    assert reason in told["missing"][0]["reason"]
    assert await stage.kept() == {}


async def test_an_address_elsewhere_is_never_fetched_from(stage: Stage) -> None:
    async with web() as other:
        await stage.confirm(pdf=other.gives("/f", PAPERS["pdf"]).replace("127.0.0.1", "127.0.0.2"))
        await stage.rounds()
        assert other.asked == []
    (told,) = await stage.told()
    assert "FAPIAO_VAULT_HOSTS" in told["missing"][0]["reason"]


async def test_an_expired_address_is_asked_for_anew(stage: Stage) -> None:
    """At once, by the new address; where the gateway gives the same one again, by the schedule."""
    await stage.confirm(pdf=stage.served.gives("/old", status=403))
    stage.details.urls["pdf"] = stage.served.gives("/new", PAPERS["pdf"])
    await stage.rounds()
    assert stage.details.asked == 1
    assert await stage.kept() == {"pdf": PAPERS["pdf"]}


async def test_what_fails_is_tried_by_the_schedule_and_then_missing(stage: Stage) -> None:
    await stage.confirm(pdf=stage.served.gives("/f", status=500))
    await stage.rounds()
    assert len(stage.served.asked) == 1
    for delay in SCHEDULE:
        stage.clock.at += delay
        await stage.rounds()
    assert len(stage.served.asked) == 3
    (told,) = await stage.told()
    assert "status 500" in told["missing"][0]["reason"]
    assert stage.counted == ["put_off", "put_off", "missing"]


async def test_a_gateway_that_is_away_costs_a_try_and_no_more(stage: Stage) -> None:
    await stage.confirm(pdf=stage.served.gives("/f", status=404))
    stage.details.is_away = True
    await stage.rounds()
    stage.details.is_away, stage.details.urls["pdf"] = False, stage.served.gives("/new", PAPERS["pdf"])
    stage.clock.at += SCHEDULE[0]
    await stage.rounds()
    assert await stage.kept() == {"pdf": PAPERS["pdf"]}


async def test_a_store_that_is_full_or_away_leaves_the_file_due(stage: Stage) -> None:
    """And an order is in no way held up: the archivist is a stage of its own."""
    await stage.confirm(pdf=stage.served.gives("/f", PAPERS["pdf"]))
    stage.folder.mkdir(exist_ok=True)
    in_the_way = stage.folder / "91330701MA2M37T86L"
    in_the_way.write_text("no folder")
    await stage.rounds()
    assert stage.counted == ["put_off"]
    in_the_way.unlink()
    stage.clock.at += SCHEDULE[0]
    await stage.rounds()
    assert await stage.kept() == {"pdf": PAPERS["pdf"]}


async def test_a_journal_that_is_away_costs_no_try(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is in the vault already. It was put off for the journal's fault, and at the last try called missing, in
    the database's words."""
    stage.archivist._rules = replace(stage.archivist._rules, schedule=())
    await stage.confirm(pdf=stage.served.gives("/f", PAPERS["pdf"]))
    with monkeypatch.context() as patched:

        async def away(*_: object) -> None:
            raise JournalUnavailable("PostgreSQL: the database system is shutting down")

        patched.setattr(stage.journal, "file_kept", away)
        await stage.rounds(1)
    assert stage.counted == []
    stage.clock.at += stage.archivist._rules.hold
    await stage.rounds()

    (told,) = await stage.told()
    assert (told["missing"], len(told["files"]), stage.counted) == ([], 1, ["kept"])


async def test_a_store_that_hangs_is_given_up_and_holds_up_no_other_file(stage: Stage) -> None:
    """A folder on a server that does not answer; the file comes to its place at the next try."""
    hanging = asyncio.Event()
    real = stage.archivist._storage

    class Slow(Storage):
        @override
        async def keep(self, key: str, body: bytes) -> bytes:
            if key.endswith(".pdf"):
                await hanging.wait()
            return await real.keep(key, body)

    stage.archivist._storage = Slow(f"file://{stage.folder}")
    stage.archivist._rules = replace(stage.archivist._rules, seconds=2)
    await stage.confirm(**{kind: stage.served.gives(f"/{kind}", body) for kind, body in PAPERS.items()})
    await stage.rounds(1)
    assert sorted(stage.counted) == ["kept", "kept", "put_off"]
    assert (await stage.kept()).keys() == {"ofd", "xml"}
    hanging.set()
    stage.clock.at += SCHEDULE[0]
    await stage.rounds()
    assert await stage.kept() == PAPERS


async def test_two_replicas_fetch_each_file_once(stage: Stage) -> None:
    """Both at work at the same moment, on one journal and one folder."""
    first, rules = stage.archivist, replace(stage.archivist._rules, concurrency=1)
    first._rules = rules
    second = Archivist(
        journal=stage.journal,
        details=stage.details,
        fetcher=Fetcher(AddressRules(stage.served.at("")), max_bytes=1_000_000, seconds=5),
        storage=Storage(f"file://{stage.folder}"),
        clock=stage.clock,
        rules=rules,
        committed=lambda: None,
        hooks=first._hooks,
    )
    await stage.confirm(**{kind: stage.served.gives(f"/{kind}", body) for kind, body in PAPERS.items()})
    for _ in range(3):
        await asyncio.gather(first.run_once(), second.run_once())
    await second.aclose()

    assert await stage.kept() == PAPERS
    assert len(stage.served.asked) == 3
    assert stage.counted == ["kept"] * 3
    assert len(await stage.told()) == 1


def keep_before(stage: Stage, kind: str, body: bytes) -> None:
    """What an earlier try left in the vault, and the journal does not know."""
    kept = stage.folder / "91330701MA2M37T86L" / "2026" / "03"
    kept.mkdir(parents=True)
    (kept / f"{INVOICE.number}.{kind}").write_bytes(body)


async def test_a_file_that_an_earlier_try_left_is_kept_though_it_is_written_otherwise_now(stage: Stage) -> None:
    """A gateway that makes the PDF when it is asked for gives other bytes each time; after a crash between the vault
    and the journal the file was called missing for good."""
    before = PAPERS["pdf"].replace(b"%PDF-1.4", b"%PDF-1.5") + b"\n%%EOF"
    await stage.confirm(pdf=stage.served.gives("/f", PAPERS["pdf"]))
    keep_before(stage, "pdf", before)
    await stage.rounds()
    assert await stage.kept() == {"pdf": before}
    (told,) = await stage.told()
    assert told["missing"] == []
    assert (told["files"][0]["size"], told["files"][0]["sha256"]) == (len(before), hashlib.sha256(before).hexdigest())


@pytest.mark.parametrize(
    ("kind", "before"),
    [("pdf", b"the original"), ("xml", papers(issued(buyerName="DEF公司"))["xml"].replace(b"2633", b"2733"))],
)
async def test_another_file_under_the_key_is_left_as_it_is(stage: Stage, kind: str, before: bytes) -> None:
    await stage.confirm(**{kind: stage.served.gives("/f", PAPERS[kind])})
    keep_before(stage, kind, before)
    await stage.rounds()
    assert await stage.kept() == {kind: before}
    (told,) = await stage.told()
    assert "left as it is" in told["missing"][0]["reason"]
