"""`doctor` on what is kept: the journal (database, schema, keys, and what waits for a person) and the vault, whether it
could keep a file. Nothing that is kept there is touched, and no folder is made.
"""

import asyncio
import os
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from worker.cli.desk import opened_journal
from worker.cli.doctor.diagnosis import Diagnosis, fail, ok, warn
from worker.clock import SystemClock
from worker.errors import ConfigurationError, SchemaOutdated, Transient, WorkerError
from worker.journal.sealing import parse_keys
from worker.ops.control import RemoteOperations, database_file, socket_path
from worker.ops.health import CLOCK_STEP_SECONDS
from worker.records import Backlog, Times
from worker.settings import Settings


async def check_store(settings: Settings) -> Sequence[Diagnosis]:
    """Everything about the journal."""
    file = database_file(settings)
    findings = [check_keys(settings)]
    if file is not None:
        findings.append(check_file(file))
        if not file.exists():
            return findings
        if await RemoteOperations(socket_path(file)).answers():
            findings.append(ok("database", "held by a running worker, which answers"))
    return [*findings, *await _journal(settings), *(await _grants(settings) if file is None else [])]


def check_keys(settings: Settings) -> Diagnosis:
    """Whether `FAPIAO_JOURNAL_KEYS` can encrypt."""
    if not settings.journal_keys:
        if database_file(settings) is not None:
            return ok("keys", "FAPIAO_JOURNAL_KEYS is not set: SQLite keeps a key in a file beside the database")
        return fail("keys", "FAPIAO_JOURNAL_KEYS is not set; PostgreSQL needs it, the same for all replicas", _MAKE_KEY)
    try:
        parse_keys(settings.journal_keys)
    except ConfigurationError as error:
        return fail("keys", str(error), _MAKE_KEY)
    return ok("keys", f"{len(settings.journal_keys)} set; the first encrypts")


_MAKE_KEY: Final = "python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"


def check_file(file: Path) -> Diagnosis:
    """Whether the SQLite file and its directory can be written, and by whom."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return fail(
            "database",
            f"the directory {file.parent.absolute()} cannot be written",
            "chown it, or set FAPIAO_DATABASE_URL",
        )
    if not file.exists():
        return ok("database", f"SQLite, {file.absolute()} (made by the first `fapiao-worker run`)")
    if not os.access(file, os.W_OK):
        return fail("database", f"{file.absolute()} cannot be written", "chown it to the worker's user")
    if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return warn("database", f"others may read {file.absolute()}", f"chmod 600 {file.absolute()}")
    return ok("database", f"SQLite, {file.absolute()}")


async def _journal(settings: Settings) -> list[Diagnosis]:
    try:
        async with opened_journal(settings, readonly=True) as journal:
            await journal.ping()
            backlog = await journal.backlog(SystemClock().now())
            clocks = check_times(await journal.times(), SystemClock().now())
    except SchemaOutdated as error:
        return [fail("schema", error.says, error.what_to_do)]
    except ConfigurationError as error:
        return [fail("database", str(error), "change what it names")]
    except WorkerError as error:
        return [fail("database", str(error), "look at FAPIAO_DATABASE_URL, and whether the database runs")]
    return [ok("schema", "this version's"), *clocks, *check_backlog(backlog)]


async def _grants(settings: Settings) -> list[Diagnosis]:
    """Whether the role may do what the worker does, and the server lets anybody write."""
    from worker.journal.postgres.schema import GRANTS, is_read_only, missing_grants

    address = settings.database_url.get_secret_value()
    try:
        missing = await missing_grants(address)
        if await is_read_only(address):
            return [fail("database", "PostgreSQL takes no writes there: it is a standby, or read-only", _READ_ONLY_FIX)]
    except WorkerError:
        return []  # said already
    if missing:
        told = ", ".join(f"{privilege} on {table}" for privilege, table in missing)
        return [fail("grants", f"the role lacks {told}", "run deploy/permissions/postgres.sql as the tables' owner")]
    return [ok("grants", f"all that the worker needs on {len(GRANTS)} tables")]


_READ_ONLY_FIX: Final = "point FAPIAO_DATABASE_URL at the primary; or look at its disk, and who made it read-only"


def check_times(times: Times, now: datetime) -> list[Diagnosis]:
    """This machine's clock, held against the journal's newest time and against the database server's clock."""
    found = []
    behind = times.seconds_behind(now)
    if behind > CLOCK_STEP_SECONDS:
        says = f"{behind:.0f} s behind the newest command in the journal: what is due there may wait so much longer"
        found.append(warn("clock", says, "unless one was moved on purpose, synchronise the workers' clocks (NTP)"))
    if times.server_at is not None:
        skew = (now - times.server_at).total_seconds()
        says = f"{skew:+.0f} s against the database server's"
        is_off = abs(skew) > CLOCK_STEP_SECONDS
        found.append(warn("clock", says, "synchronise both machines' clocks (NTP)") if is_off else ok("clock", says))
    return found


def check_backlog(backlog: Backlog) -> list[Diagnosis]:
    """What waits, and what waits for a person."""
    waits = (
        ("in doubt", backlog.in_doubt, "commands", "fapiao-worker list --state in_doubt, then resolve"),
        ("unconfirmed", backlog.unconfirmed, "issued, no number", "fapiao-worker list --state unconfirmed"),
        ("replies", backlog.undeliverable, "undeliverable", "fapiao-worker replies list"),
        ("accounts", backlog.suspended_accounts, "suspended after refused logins", "check their passwords"),
    )
    says = f"{backlog.waiting} commands waiting, {backlog.sought} invoices sought, {backlog.outbox} events to publish"
    return [
        ok("backlog", says),
        *(warn(subject, f"{count} {what}", fix) for subject, count, what, fix in waits if count),
    ]


ANSWER_SECONDS: Final = 20.0
_VAULT: Final = "vault"
_MEBIBYTE: Final = 1024 * 1024
_MOUNT: Final = "if it is a volume, mount it: files would be kept beside it"
_FOLDER_FIX: Final = "give the worker's user a folder on a disk with space and hard links, or another FAPIAO_VAULT_URL"
_STORE_FIX: Final = "look at FAPIAO_VAULT_URL, the store's own variables, and the rights to list, read and create"


async def check_vault(settings: Settings, answer_seconds: float = ANSWER_SECONDS) -> Sequence[Diagnosis]:
    """One sentence, whatever there is."""
    if not settings.vault_url:
        return [ok(_VAULT, "FAPIAO_VAULT_URL is not set: no files are kept")]
    parts = urlsplit(settings.vault_url)
    # A bucket's name and what stands behind it are told to nobody: some put a secret there.
    shown = unquote(parts.path) if parts.scheme == "file" else f"the object store ({parts.scheme}://)"
    fix = _FOLDER_FIX if parts.scheme == "file" else _STORE_FIX
    try:
        async with asyncio.timeout(answer_seconds):
            return [await _tried_out(settings.vault_url, shown, settings.disk_free_min_bytes)]
    except ConfigurationError as error:
        return [fail(_VAULT, str(error), "deploy/README.md, Keep the files, says what it may be")]
    except TimeoutError:
        return [fail(_VAULT, f"{shown} does not answer within {answer_seconds:.0f} s", fix)]
    except Transient as error:
        return [fail(_VAULT, f"{shown}: {error}", fix)]


async def _tried_out(url: str, shown: str, free_min_bytes: int) -> Diagnosis:
    from worker.vault.storage import NoFolder, Storage

    try:
        free = await Storage(url, retries=0, is_made=False).try_out()
    except NoFolder as absent:
        if absent.can_be_made:
            return warn(_VAULT, f"{shown} is not there; `fapiao-worker run` would make it", _MOUNT)
        return fail(_VAULT, f"{shown} is not there, and this user may not make it", _MOUNT)
    if free is None:
        return ok(_VAULT, f"{shown} can be listed and read; whether it takes files shows when the first is kept")
    room = f"{free // _MEBIBYTE} MiB are free"
    if free < free_min_bytes:
        return warn(_VAULT, f"{shown} takes files, but only {room}", "make space")
    return ok(_VAULT, f"{shown} takes files; {room}")
