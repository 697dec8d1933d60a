"""Where files are kept: a folder, or an object store by its API. The only door to `obstore`.

Guarantees that a file is written once and never over: the store itself refuses a second write. In a folder a file is
whole and on the disk before its name is there: no power cut leaves half a file under a name. Knows nothing of
invoices.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from worker.errors import ConfigurationError, Transient

_T = TypeVar("_T")
_AT_ONCE: Final = 8
_UNFINISHED: Final = "#"
"""Stands in the name of a file that is being written; no key has it."""


class _Aside:
    """Calls that may hang for ever, as a folder on a server that is away does: a few at once, in threads of their own
    that nobody waits for when the process ends."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, work: Callable[[], _T]) -> _T:
        """What it returns or raises. A call that is given up keeps its place until it comes back."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        ended = Future[_T]()
        ended.set_running_or_notify_cancel()

        def call() -> None:
            try:
                ended.set_result(work())
            except Exception as error:
                ended.set_exception(error)
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(self._places.release)

        threading.Thread(target=call, name="vault", daemon=True).start()
        return await asyncio.wrap_future(ended)


class Folder:
    """The files below one folder, by key. Raises `OSError` as the file system does, and waits as long as that does."""

    def __init__(self, root: Path, *, is_made: bool = True) -> None:
        """Makes the folder where there is none, unless told not to."""
        if is_made:
            root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._aside = _Aside()

    async def keep(self, key: str, body: bytes) -> bool:
        """On return a file is there for good, name and bytes. False where there was one before: it is as it was."""
        return await self._aside.run(partial(self._write, key, body))

    async def read(self, key: str) -> bytes | None:
        """The file's bytes; None where there is none."""
        try:
            return await self._aside.run((self._root / key).read_bytes)
        except FileNotFoundError:
            return None

    async def try_out(self) -> int:
        """Write a file as any other, and take it away. Returns how many bytes are free. Raises `NoFolder`."""
        return await self._aside.run(self._try_out)

    def keys(self) -> Iterator[str]:
        """All that are there, in no order. Blocks."""
        for folder, _, names in os.walk(self._root):
            for name in names:
                if _UNFINISHED not in name:
                    yield (Path(folder) / name).relative_to(self._root).as_posix()

    def _try_out(self) -> int:
        if not self._root.exists():
            above = next(folder for folder in self._root.parents if folder.exists())
            raise NoFolder(can_be_made=os.access(above, os.W_OK | os.X_OK))
        key = f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            self._write(key, b"tried")
        finally:
            with suppress(OSError):  # it took none: that is what has to be told
                (self._root / key).unlink()
        return shutil.disk_usage(self._root).free

    def _write(self, key: str, body: bytes) -> bool:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}{_UNFINISHED}{secrets.token_hex(8)}")
        try:
            with unfinished.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            # A second name, not another one: `rename` would write over what is there.
            os.link(unfinished, path)
        except FileExistsError:
            return False
        finally:
            unfinished.unlink(missing_ok=True)
            # Each name in the folder above it, whoever made it: another call may not have come so far.
            for folder in [above for above in path.parents if above.is_relative_to(self._root)]:
                _flush(folder)
        return True


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


SCHEMES = ("file", "s3", "gs", "az")


class NoFolder(Exception):
    """The folder is not there."""

    def __init__(self, *, can_be_made: bool) -> None:
        super().__init__()
        self.can_be_made = can_be_made


class Storage:
    """The vault at one address. Credentials come from the environment, as the store's own tools read them."""

    def __init__(self, url: str, *, retries: int = 2, is_made: bool = True) -> None:
        """`retries` are the client's own, within one call. A folder that is not there is made, unless told not to.
        Raises `ConfigurationError`, which names no address."""
        if urlsplit(url).scheme not in SCHEMES:
            raise ConfigurationError("FAPIAO_VAULT_URL must begin with file:///, s3://, gs:// or az://")
        try:
            self._store: ObjectStore | Folder = _open(url, retries, is_made=is_made)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigurationError(f"FAPIAO_VAULT_URL cannot be used ({_reason(error)})") from None

    async def keep(self, key: str, body: bytes) -> bytes:
        """On return a file is there: in a folder, on the disk; elsewhere as far as the store's own promise goes. Tells
        its bytes: these, unless there was one before, which nothing changes. Raises `Transient`."""
        try:
            is_new = await self._put(key, body)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from None
        if is_new:
            return body
        before = await self.read(key)
        if before is None:
            raise Transient("the vault has a file under this key and does not give it back")
        return before

    async def try_out(self) -> int | None:
        """Whether files could be kept, as far as that shows without leaving one: a folder takes a file and gives it
        back, an object store lets us list and read. Returns a folder's free bytes. Raises `NoFolder`, `Transient`."""
        try:
            if isinstance(self._store, Folder):
                return await self._store.try_out()
            async for _ in obstore.list(self._store, chunk_size=1):
                break
        except (BaseError, OSError) as error:
            raise _unavailable(error) from None
        await self.read(f"{_UNFINISHED}doctor")
        return None

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


def _open(url: str, retries: int, *, is_made: bool) -> ObjectStore | Folder:
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("no absolute path")
        return Folder(Path(unquote(parts.path)), is_made=is_made)
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
    return Transient(f"the vault does not answer or refuses ({_reason(error)})")


def _reason(error: Exception) -> str:
    """The system's own words where there are any; a client's may hold the address."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
