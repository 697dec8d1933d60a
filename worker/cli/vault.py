"""`vault verify`, `vault report`, `files --fetch`: what is in the vault, read back and counted."""

import asyncio
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from worker.cli.records import AsJson
from worker.cli.terminal import FAILED, Stop, note, quiet_settings, run, said, say, say_json, show_rows

if TYPE_CHECKING:
    from worker.records import KeptFile
    from worker.settings import Settings

app = typer.Typer(no_args_is_help=True)
_AT_ONCE: Final = 500
_READERS: Final = 8
_STATES: Final = {"kept": "已保管", "due": "待取", "missing": "未能取得"}


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Read every kept file back and compare its digest with the journal's. Exit code 1 where one is not as it was.

    Files that the journal does not know are told too: they are being kept just now, or are somebody else's, or the
    journal came from an older backup.
    """
    told = run(_verify())
    if as_json:
        say_json(told)
    else:
        for fault in told["faults"]:
            say(f"{fault['vaultKey']}  {fault['fault']}")
        for key in told["unknown"]:
            say(f"{key}  is not in the journal")
        say(f"{told['sound']} of {told['kept']} kept files are as they were stored.", style="strong")
    if told["faults"]:
        raise typer.Exit(FAILED)


@app.command()
def report(as_json: AsJson = False) -> None:
    """How much is kept, by year of the invoice: for whoever must show that the originals are there."""

    async def work() -> list[dict[str, Any]]:
        from worker.cli.desk import opened_journal

        async with opened_journal(quiet_settings(), readonly=True) as journal:
            return [asdict(row) for row in await journal.vault_years()]

    found = run(work())
    heads = said("year type state files bytes", "年份 类型 状态 文件数 字节").split()
    show_rows(
        found,
        dict(zip(("year", "type", "state", "files", "size"), heads, strict=True)),
        as_json=as_json,
        nothing=said("Nothing is kept yet.", "尚未保管任何文件。"),
        rows=[{**row, "state": said(row["state"], _STATES[row["state"]])} for row in found],
    )


async def fetch(settings: "Settings", number: str, folder: Path) -> list[Path]:
    """Write the kept files of an invoice into a folder; returns where. All that can be had are written; raises `Stop`
    where there are none, or where one is not as it was stored."""
    from worker.cli.desk import opened_journal

    storage = _storage(settings)
    async with opened_journal(settings, readonly=True) as journal:
        kept = await journal.kept_files(0, _AT_ONCE, number)
    if not kept:
        raise Stop(f"No file of invoice {number} is in the vault.", FAILED)
    written, faults = list[Path](), list[str]()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    for file in kept:
        body = await storage.read(file.vault_key)
        if (fault := _fault_of(file, body)) is not None:
            faults.append(f"{file.vault_key} {fault}")
            continue
        path = folder / Path(file.vault_key).name
        await asyncio.to_thread(path.write_bytes, body or b"")
        written.append(path)
    if faults:
        rest = f" Written: {', '.join(map(str, written))}." if written else ""
        raise Stop(f"{'; '.join(faults)}.{rest}", FAILED)
    return written


async def _verify() -> dict[str, Any]:
    from worker.cli.desk import opened_journal

    settings = quiet_settings()
    storage = _storage(settings)
    # Before the journal is read: what is kept meanwhile is in the journal then.
    unknown = await asyncio.to_thread(lambda: set(storage.keys()))
    read = 0
    faults: list[dict[str, str]] = []
    async with opened_journal(settings, readonly=True) as journal:
        after = 0
        while kept := await journal.kept_files(after, _AT_ONCE):
            after = kept[-1].key
            unknown.difference_update(file.vault_key for file in kept)
            for some in (kept[start : start + _READERS] for start in range(0, len(kept), _READERS)):
                bodies = await asyncio.gather(*(storage.read(file.vault_key) for file in some))
                faults += [
                    {"vaultKey": file.vault_key, "fault": fault}
                    for file, body in zip(some, bodies, strict=True)
                    if (fault := _fault_of(file, body)) is not None
                ]
            read += len(kept)
            note(f"{read} read")
    return {"kept": read, "sound": read - len(faults), "faults": faults, "unknown": sorted(unknown)}


def _fault_of(file: "KeptFile", body: bytes | None) -> str | None:
    if body is None:
        return "is not there"
    return None if hashlib.sha256(body).hexdigest() == file.sha256 else "is not the file that was stored"


def _storage(settings: "Settings") -> Any:
    from worker.vault.storage import Storage

    if not settings.vault_url:
        raise Stop("FAPIAO_VAULT_URL is not set: nothing is kept.", FAILED)
    return Storage(settings.vault_url)
