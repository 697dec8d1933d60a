"""`vault verify`, `vault report`, `files --fetch`: what is in the vault, read back and counted."""

import asyncio
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer

from worker.cli.records import AsJson
from worker.cli.terminal import FAILED, Stop, load_settings, note, quiet_logs, run, say, say_json, table
from worker.records import KeptFile
from worker.settings import Settings

app = typer.Typer(name="vault", help="Files of invoices that are kept for good.", no_args_is_help=True)
_AT_ONCE: Final = 500
_READERS: Final = 8


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Read every kept file back and compare its digest with the journal's. Exit code 1 where one is not as it was."""
    told = run(_verify())
    if as_json:
        say_json(told)
    else:
        for fault in told["faults"]:
            say(f"{fault['vaultKey']}  {fault['fault']}")
        say(f"{told['sound']} of {told['kept']} kept files are as they were stored.", style="strong")
    if told["faults"]:
        raise typer.Exit(FAILED)


@app.command()
def report(as_json: AsJson = False) -> None:
    """How much is kept, by year of the invoice: for whoever must show that the originals are there."""

    async def work() -> list[dict[str, Any]]:
        from worker.cli.desk import opened_journal

        settings = load_settings()
        quiet_logs(settings)
        async with opened_journal(settings, readonly=True) as journal:
            return [asdict(row) for row in await journal.vault_years()]

    rows = run(work())
    if as_json:
        say_json(rows)
    elif rows:
        table(
            ["year", "type", "state", "files", "bytes"],
            [[row["year"], row["type"], row["state"], str(row["files"]), str(row["size"])] for row in rows],
        )
    else:
        say("Nothing is kept yet.")


async def fetch(settings: Settings, number: str, folder: Path) -> list[Path]:
    """Write the kept files of an invoice into a folder; returns where. Raises `Stop` where there are none, or where one
    is not as it was stored."""
    from worker.cli.desk import opened_journal

    storage = _storage(settings)
    async with opened_journal(settings, readonly=True) as journal:
        kept = await journal.kept_files(0, _AT_ONCE, number)
    if not kept:
        raise Stop(f"No file of invoice {number} is in the vault.", FAILED)
    written = []
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    for file in kept:
        if (fault := await _fault_of(storage, file)) is not None:
            raise Stop(f"{file.vault_key}: {fault}", FAILED)
        body = await storage.read(file.vault_key) or b""
        path = folder / Path(file.vault_key).name
        await asyncio.to_thread(path.write_bytes, body)
        written.append(path)
    return written


async def _verify() -> dict[str, Any]:
    from worker.cli.desk import opened_journal

    settings = load_settings()
    quiet_logs(settings)
    storage = _storage(settings)
    counts = Counter[str]()
    faults: list[dict[str, str]] = []
    async with opened_journal(settings, readonly=True) as journal:
        after = 0
        while kept := await journal.kept_files(after, _AT_ONCE):
            after = kept[-1].key
            for some in (kept[start : start + _READERS] for start in range(0, len(kept), _READERS)):
                found = await asyncio.gather(*(_fault_of(storage, file) for file in some))
                faults += [
                    {"vaultKey": file.vault_key, "fault": fault}
                    for file, fault in zip(some, found, strict=True)
                    if fault is not None
                ]
            counts["kept"] += len(kept)
            note(f"{counts['kept']} read")
    return {"kept": counts["kept"], "sound": counts["kept"] - len(faults), "faults": faults}


async def _fault_of(storage: Any, file: KeptFile) -> str | None:
    digest = await storage.digest(file.vault_key)
    if digest is None:
        return "is not there"
    return None if digest == file.sha256 else "is not the file that was stored"


def _storage(settings: Settings) -> Any:
    from worker.vault.storage import Storage

    if not settings.vault_url:
        raise Stop("FAPIAO_VAULT_URL is not set: nothing is kept.", FAILED)
    return Storage(settings.vault_url)
