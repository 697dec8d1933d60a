"""Carries files into the vault: takes what is due from the journal, fetches, checks, keeps, and tells.

Guarantees that a file is recorded as kept only once it is in the vault, and that a crash at any point leads to the
same file under the same key, or to another try; that no key leads out of its folder; that no order ever waits for it;
and that replicas share the work: what one has taken is nobody else's until its time is over. Knows nothing of the
gateway's dialogue.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Protocol
from urllib.parse import quote

import structlog

from contracts.envelope import dumps, loads, timestamp
from contracts.events import Outcome
from contracts.told import ArchivedData
from worker.clock import Clock
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable, Permanent, Transient
from worker.flows.announce import Announcement, announced, events_of
from worker.outages import journal_outage
from worker.ports import InvoiceDetails, VaultJournal
from worker.records import DueFile, KeptCopy, KeptFile, Untold
from worker.vault.addresses import RefusedAddress
from worker.vault.contents import NotThatFile, Told, differences, read_file
from worker.vault.fetching import AddressExpired, Fetcher, TooLarge
from worker.vault.storage import Storage

log = structlog.get_logger(__name__)

ENTER_BATCH = 500
TELL_COMMANDS = 50
TELL_FILES = 100


class VaultHooks(Protocol):
    """What an operator wants counted. Called synchronously; must not raise."""

    def vault_file(self, outcome: str) -> None: ...


@dataclass(frozen=True, slots=True)
class VaultRules:
    """From the settings."""

    concurrency: int
    """Files fetched at once."""
    seconds: float
    """For fetching a file, and for storing it."""
    schedule: tuple[timedelta, ...]
    """Delays between tries; after the last one a file is missing."""
    source: str
    """The `source` of events."""
    poll: timedelta

    @property
    def hold(self) -> timedelta:
        """How long nobody else takes a file that was taken: time for the fetch, a new address and the store. If its
        worker dies, the file waits for so long. If a try takes longer, another worker fetches the same file too, which
        does no harm."""
        return timedelta(seconds=4 * self.seconds + 15)


class Archivist:
    """A round every poll, and the next at once while there is something to do."""

    def __init__(  # noqa: PLR0913  its ports, by name
        self,
        *,
        journal: VaultJournal,
        details: InvoiceDetails,
        fetcher: Fetcher,
        storage: Storage,
        clock: Clock,
        rules: VaultRules,
        committed: Callable[[], None],
        hooks: VaultHooks,
    ) -> None:
        self._journal = journal
        self._details = details
        self._fetcher = fetcher
        self._storage = storage
        self._clock = clock
        self._rules = rules
        self._committed = committed
        self._hooks = hooks

    async def run(self) -> None:
        """Until cancelled."""
        outage = journal_outage("vault")
        while True:
            try:
                moved = await self.run_once()
                outage.over()
            except JournalUnavailable as fault:
                outage.met(fault)
                moved = 0
            if moved == 0:
                await asyncio.sleep(self._rules.poll.total_seconds())

    async def aclose(self) -> None:
        """Close the connections of the fetcher."""
        await self._fetcher.aclose()

    async def run_once(self) -> int:
        """One round. Returns how many addresses were noted, files tried and events written."""
        now = self._clock.now()
        entered = await self._journal.enter_files(now, ENTER_BATCH)
        crashpoint("vault.entered")
        due = await self._journal.files_due(now, now + self._rules.hold, self._rules.concurrency)
        crashpoint("vault.taken")
        await asyncio.gather(*(self._carry(file) for file in due))
        return entered + len(due) + await self._tell()

    # ---- one file ------------------------------------------------------------------------------------

    async def _carry(self, file: DueFile) -> None:
        """One file's try, whatever becomes of it. A bug that one file meets must not end the others."""
        try:
            await self._archive(file)
        except (RefusedAddress, TooLarge, NotThatFile, OtherFileThere) as fault:
            await self._give_up(file, _words(fault))
        except AddressExpired as fault:
            await self._ask_anew(file, str(fault))
        except JournalUnavailable:  # before what it is a kind of: the file is not at fault, and is taken again
            log.warning("vault_file_left", invoice_number=file.number, type=file.type)
        except Transient as fault:
            await self._put_off(file, str(fault))
        except Exception:
            log.exception("vault_file_broke", invoice_number=file.number, type=file.type)
            await self._put_off(file, "it broke unexpectedly; see the log")

    async def _archive(self, file: DueFile) -> None:
        body = await self._fetcher.fetch(file.url)
        crashpoint("vault.fetched")
        told = await asyncio.to_thread(read_file, file.type, body)
        key = key_of(file)
        kept = await self._store(key, body)
        crashpoint("vault.stored")
        if kept != body:
            body, told = kept, await _told_by_another(file, kept)
        differs = differences(file, told)
        copy = KeptCopy(key, hashlib.sha256(body).hexdigest(), len(body), self._clock.now(), dumps(differs))
        await self._journal.file_kept(file, copy)
        crashpoint("vault.kept")
        self._hooks.vault_file("differs" if differs else "kept")
        log.info(
            "file_kept",
            invoice_number=file.number,
            type=file.type,
            size=len(body),
            differs=[difference["member"] for difference in differs] or None,
        )

    async def _store(self, key: str, body: bytes) -> bytes:
        """What is there by then. A folder on a server that hangs must not hold up the other files for ever. What is
        written later all the same is there at the next try."""
        try:
            async with asyncio.timeout(self._rules.seconds):
                return await self._storage.keep(key, body)
        except TimeoutError:
            raise Transient("the vault did not take it in time") from None

    async def _ask_anew(self, file: DueFile, reason: str) -> None:
        """An address lives for a while only; the gateway gives another one."""
        try:
            rows = await self._details.files((file.invoice_id,), (file.type,))
        except (Transient, Permanent) as fault:
            await self._put_off(file, f"{reason}; no new address: {fault}")
            return
        new = next((row["url"] for row in rows if row["type"] == file.type and _is_of(file, row)), None)
        await self._put_off(replace(file, url=new or file.url), reason, is_soon=new not in {None, file.url})

    async def _put_off(self, file: DueFile, reason: str, *, is_soon: bool = False) -> None:
        now = self._clock.now()
        due_at = _next_try(self._rules.schedule, file.attempts, now)
        if due_at is None:
            await self._give_up(file, reason)
            return
        await self._journal.file_put_off(file, now if is_soon else due_at, reason)
        crashpoint("vault.put_off")
        self._hooks.vault_file("put_off")
        log.warning("file_put_off", invoice_number=file.number, type=file.type, reason=reason, attempts=file.attempts)

    async def _give_up(self, file: DueFile, reason: str) -> None:
        await self._journal.file_missing(file, reason)
        crashpoint("vault.missing")
        self._hooks.vault_file("missing")
        log.error("file_missing", invoice_number=file.number, type=file.type, reason=reason, attempts=file.attempts)

    # ---- telling -------------------------------------------------------------------------------------

    async def _tell(self) -> int:
        """`archived`, to each command that brought the invoices."""
        told = 0
        for untold in await self._journal.untold_files(TELL_COMMANDS, TELL_FILES):
            now = self._clock.now()
            (event,) = events_of(untold.command, (archived(untold),), worker=self._rules.source, at=now)
            crashpoint("vault.telling_next")
            is_told = await self._journal.tell_files(untold, event, now)
            crashpoint("vault.telling_recorded")
            told += is_told
            if is_told:
                log.info(
                    "archived",
                    command_id=untold.command.id,
                    command_source=untold.command.source,
                    files=len(untold.kept),
                    missing=len(untold.missing),
                )
        if told:
            self._committed()
        return told


def _next_try(schedule: tuple[timedelta, ...], attempts: int, now: datetime) -> datetime | None:
    return now + schedule[attempts - 1] if attempts <= len(schedule) else None


def _is_of(file: DueFile, row: dict[str, object]) -> bool:
    """A row that names another invoice's number is not this one's (trap 86)."""
    return row.get("countETicketNumbers") in {None, "", file.number}


class OtherFileThere(Exception):
    """What is kept under the key is no such file, or another invoice's."""


async def _told_by_another(file: DueFile, kept: bytes) -> Told:
    """What the file says that was there before: a try that ended before the journal knew of it left it, and the gateway
    may write a PDF anew each time it is asked for. Raises `OtherFileThere`."""
    try:
        told = await asyncio.to_thread(read_file, file.type, kept)
    except NotThatFile:
        raise OtherFileThere from None
    if told.number is not None and told.number != file.number:
        raise OtherFileThere
    log.warning("file_was_there", invoice_number=file.number, type=file.type, size=len(kept))
    return told


def _words(fault: Exception) -> str:
    match fault:
        case TooLarge():
            return "it is larger than FAPIAO_VAULT_MAX_BYTES"
        case OtherFileThere():
            return "another file is kept under its key; that one was left as it is"
        case _:
            return str(fault)


_BEIJING: Final = timezone(timedelta(hours=8))
_PLAIN_TYPE: Final = re.compile(r"[a-z0-9]{1,10}")


def key_of(file: DueFile) -> str:
    """The month is Beijing's, as on the invoice. What no file's name should hold is percent-encoded."""
    day: datetime = file.invoice_date.astimezone(_BEIJING)
    kind = file.type if _PLAIN_TYPE.fullmatch(file.type) else "bin"
    return f"{_part(file.seller_id)}/{day:%Y}/{day:%m}/{_part(file.number)}.{kind}"


def _part(text: str) -> str:
    """`quote` leaves dots as they are; a part of dots alone would be another folder."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def archived(untold: Untold) -> Announcement:
    """What became of these files, as `contracts.events.Archived` has it."""
    data: ArchivedData = {
        "files": [_told(file) for file in untold.kept],
        "missing": [
            {"invoiceNumber": file.number, "type": file.type, "reason": file.reason} for file in untold.missing
        ],
    }
    return announced(Outcome.ARCHIVED, data)


def _told(file: KeptFile) -> dict[str, Any]:
    return {
        "invoiceNumber": file.number,
        "type": file.type,
        "url": file.url,
        "sha256": file.sha256,
        "size": file.size,
        "vaultKey": file.vault_key,
        "storedAt": timestamp(file.stored_at),
        "differs": loads(file.differs),
    }
