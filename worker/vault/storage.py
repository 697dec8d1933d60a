"""Where files are kept: a folder, or an object store by its API. The only door to `obstore`.

Guarantees that a file is written once and never over: the store itself refuses a second write. Knows nothing of
invoices.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from worker.errors import ConfigurationError, Transient
from worker.vault.folder import Folder

SCHEMES = ("file", "s3", "gs", "az")


class OtherFileThere(Exception):
    """Under this key another file is kept already: nothing was written."""


class Storage:
    """The vault at one address. Credentials come from the environment, as the store's own tools read them."""

    def __init__(self, url: str, *, retries: int = 2) -> None:
        """`retries` are the client's own, within one call. Raises `ConfigurationError`, which names no address."""
        if urlsplit(url).scheme not in SCHEMES:
            raise ConfigurationError("FAPIAO_VAULT_URL must begin with file:///, s3://, gs:// or az://")
        try:
            self._store: ObjectStore | Folder = _open(url, retries)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigurationError(f"FAPIAO_VAULT_URL cannot be used ({type(error).__name__})") from None

    async def keep(self, key: str, body: bytes) -> None:
        """On return the file is there: in a folder, on the disk; elsewhere as far as the store's own promise goes. The
        same bytes again change nothing. Raises `OtherFileThere`, `Transient`."""
        try:
            is_new = await self._put(key, body)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from None
        if not is_new and await self.digest(key) != hashlib.sha256(body).hexdigest():
            raise OtherFileThere

    async def read(self, key: str) -> bytes | None:
        """The file's bytes; None where there is none. Raises `Transient`."""
        try:
            if isinstance(self._store, Folder):
                return await self._store.read(key)
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from None

    async def digest(self, key: str) -> str | None:
        """SHA-256 in hex of what is there; None where there is nothing. Raises `Transient`."""
        body = await self.read(key)
        return None if body is None else hashlib.sha256(body).hexdigest()

    def keys(self) -> Iterator[str]:
        """All keys that are there. Blocks. Raises `Transient`."""
        try:
            if isinstance(self._store, Folder):
                yield from self._store.keys()
                return
            for batch in obstore.list(self._store):
                yield from (str(entry["path"]) for entry in batch)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from None

    async def _put(self, key: str, body: bytes) -> bool:
        if isinstance(self._store, Folder):
            return await self._store.keep(key, body)
        try:
            await obstore.put_async(self._store, key, body, mode="create")
        except AlreadyExistsError:
            return False
        return True


def _open(url: str, retries: int) -> ObjectStore | Folder:
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("no absolute path")
        return Folder(Path(unquote(parts.path)))
    if not parts.netloc:
        raise ValueError("no bucket")
    return from_url(
        url,
        # Plain HTTP is for a store on one's own network; its client's own variable says so.
        client_options={
            "timeout": timedelta(seconds=30),
            "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",
        },
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=30)},
    )


def _unavailable(error: Exception) -> Transient:
    return Transient(f"the vault does not answer or refuses ({type(error).__name__})")
