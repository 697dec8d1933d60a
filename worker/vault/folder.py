"""The vault in a folder: a file is whole and on the disk before its name is there.

Guarantees that no power cut leaves half a file under a name, and that nothing is written over. Knows nothing of
invoices.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

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

    def __init__(self, root: Path) -> None:
        """Makes the folder where there is none."""
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

    def keys(self) -> Iterator[str]:
        """All that are there, in no order. Blocks."""
        for folder, _, names in os.walk(self._root):
            for name in names:
                if _UNFINISHED not in name:
                    yield (Path(folder) / name).relative_to(self._root).as_posix()

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
