"""`doctor` on the vault: whether it could keep a file. Nothing that is kept there is touched, and no folder is made."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from worker.cli.doctor.findings import Finding, fail, ok, warn
from worker.errors import ConfigurationError, Transient
from worker.settings import Settings

ANSWER_SECONDS: Final = 20.0
_SUBJECT: Final = "vault"
_MEBIBYTE: Final = 1024 * 1024
_MOUNT: Final = "if it is a volume, mount it: files would be kept beside it"
_FOLDER_FIX: Final = "give the worker's user a folder on a disk with space and hard links, or another FAPIAO_VAULT_URL"
_STORE_FIX: Final = "look at FAPIAO_VAULT_URL, the store's own variables, and the rights to list, read and create"


async def check_vault(settings: Settings, answer_seconds: float = ANSWER_SECONDS) -> Sequence[Finding]:
    """One sentence, whatever there is."""
    if not settings.vault_url:
        return [ok(_SUBJECT, "FAPIAO_VAULT_URL is not set: no files are kept")]
    parts = urlsplit(settings.vault_url)
    # A bucket's name and what stands behind it are told to nobody: some put a secret there.
    shown = unquote(parts.path) if parts.scheme == "file" else f"the object store ({parts.scheme}://)"
    fix = _FOLDER_FIX if parts.scheme == "file" else _STORE_FIX
    try:
        async with asyncio.timeout(answer_seconds):
            return [await _tried_out(settings.vault_url, shown, settings.disk_free_min_bytes)]
    except ConfigurationError as error:
        return [fail(_SUBJECT, str(error), "deploy/README.md, Keep the files, says what it may be")]
    except TimeoutError:
        return [fail(_SUBJECT, f"{shown} does not answer within {answer_seconds:.0f} s", fix)]
    except Transient as error:
        return [fail(_SUBJECT, f"{shown}: {error}", fix)]


async def _tried_out(url: str, shown: str, free_min_bytes: int) -> Finding:
    from worker.vault.storage import NoFolder, Storage

    try:
        free = await Storage(url, retries=0, is_made=False).try_out()
    except NoFolder as absent:
        if absent.can_be_made:
            return warn(_SUBJECT, f"{shown} is not there; `fapiao-worker run` would make it", _MOUNT)
        return fail(_SUBJECT, f"{shown} is not there, and this user may not make it", _MOUNT)
    if free is None:
        return ok(_SUBJECT, f"{shown} can be listed and read; whether it takes files shows when the first is kept")
    room = f"{free // _MEBIBYTE} MiB are free"
    if free < free_min_bytes:
        return warn(_SUBJECT, f"{shown} takes files, but only {room}", "make space")
    return ok(_SUBJECT, f"{shown} takes files; {room}")
