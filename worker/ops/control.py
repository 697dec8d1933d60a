"""The door of a running worker: a Unix socket beside the SQLite file, for decisions the command line brings.

SQLite admits one process, so what would write while `run` holds the file is asked of `run` itself. One JSON
line in, one JSON line out. Guarantees: the socket belongs to its owner alone (mode 0600) and answers only
what `Operations` offers. Knows nothing of PostgreSQL: there the command line opens the journal by itself.
"""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from contracts.envelope import dumps, loads
from worker.errors import (
    ConfigurationError,
    JournalUnavailable,
    NotFound,
    NotResolvable,
    WorkerError,
)
from worker.journal import sqlite_path
from worker.ops.operations import AmbiguousCommand, Operations
from worker.ops.stored import BadRequest
from worker.settings import Settings

log = structlog.get_logger()

_MAX_REQUEST_BYTES: Final = 1024 * 1024
_MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_TIMEOUT_SECONDS: Final = 30.0
_LONGEST_ADDRESS: Final = 100
"""The kernel allows 107 bytes."""

_ERRORS: Final[Mapping[str, type[WorkerError]]] = {
    "not_found": NotFound,
    "ambiguous": AmbiguousCommand,
    "bad_request": BadRequest,
    "not_resolvable": NotResolvable,
    "unavailable": JournalUnavailable,
}


_OPERATIONS: Final = frozenset(
    {
        "status",
        "commands",
        "invoices",
        "files",
        "prune",
        "resolve",
        "cancel",
        "replay",
        "replies",
        "resend_replies",
        "discard_replies",
        "accounts",
        "resume_accounts",
        "rekey",
    }
)


def database_file(settings: Settings) -> Path | None:
    """The SQLite file; None for PostgreSQL."""
    url = settings.database_url.get_secret_value()
    return Path(sqlite_path(url)) if urlsplit(url).scheme == "sqlite" else None


def socket_path(database_file: Path) -> Path:
    """Where the worker that holds this SQLite file listens."""
    return database_file.with_name(database_file.name + ".sock")


@asynccontextmanager
async def control_server(operations: Operations, path: Path) -> AsyncIterator[None]:
    """Serve `operations` while inside. The caller holds the SQLite file, so a socket left there is a dead one's.

    Raises `ConfigurationError` if the socket cannot be made.
    """
    try:
        listener = _listen(path)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot make the control socket {path} ({error.strerror}): the directory of the SQLite file "
            "must be writable and on a local file system."
        ) from error
    server = await asyncio.start_unix_server(_Desk(operations).serve, sock=listener, limit=_MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240  a local name, gone at once
        server.close()
        await server.wait_closed()


class _Desk:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                line = await reader.readline()
                if line:
                    writer.write(dumps(await self._answer(line)) + b"\n")
                    await writer.drain()
        except (TimeoutError, OSError, ValueError) as error:
            log.warning("control_request_dropped", error=type(error).__name__)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = loads(line)
            name, arguments = request["op"], request["args"]
            return {"result": await self._operation(name)(**arguments)}
        except WorkerError as error:
            kinds = [kind for kind, known in _ERRORS.items() if isinstance(error, known)]
            return {"error": kinds[0] if kinds else "failed", "message": str(error)}
        except (ValueError, TypeError, KeyError) as error:
            return {"error": "bad_request", "message": f"not a request: {type(error).__name__}"}
        except Exception as error:
            log.exception("control_request_broke")
            return {
                "error": "failed",
                "message": f"The worker met a fault of its own ({type(error).__name__}): see its log.",
            }

    def _operation(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in _OPERATIONS:
            raise BadRequest(f"There is no operation {name}.")
        operation: Callable[..., Awaitable[Any]] = getattr(self._operations, name)
        return operation


class RemoteOperations:
    """`Operations` of the worker behind a control socket; raises what they raise."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def answers(self) -> bool:
        """Whether a worker listens there."""
        try:
            _, writer = await self._connect()
        except OSError:
            return False
        writer.close()
        return True

    async def status(self, name: str, source: str | None = None) -> dict[str, Any]:
        """See `Operations.status`."""
        return dict(await self._ask("status", name=name, source=source))

    async def commands(
        self, states: Sequence[str] = (), limit: int = 100, *, user_id: str | None = None, source: str | None = None
    ) -> Any:
        """See `Operations.commands`."""
        return await self._ask("commands", states=list(states), limit=limit, user_id=user_id, source=source)

    async def invoices(
        self, wanted: Mapping[str, str | None] | None = None, limit: int = 100, offset: int = 0
    ) -> dict[str, Any]:
        """See `Operations.invoices`."""
        return dict(await self._ask("invoices", wanted=wanted, limit=limit, offset=offset))

    async def files(self, names: Sequence[str]) -> dict[str, Any]:
        """See `Operations.files`."""
        return dict(await self._ask("files", names=list(names)))

    async def prune(self, before: str, *, dry_run: bool = False) -> dict[str, int]:
        """See `Operations.prune`."""
        return dict(await self._ask("prune", before=before, dry_run=dry_run))

    async def resolve(
        self, command_id: str, source: str | None = None, *, issued: str | None = None, not_issued: bool = False
    ) -> dict[str, Any]:
        """See `Operations.resolve`."""
        answer = await self._ask("resolve", command_id=command_id, source=source, issued=issued, not_issued=not_issued)
        return dict(answer)

    async def cancel(self, command_id: str, source: str | None = None) -> dict[str, Any]:
        """See `Operations.cancel`."""
        return dict(await self._ask("cancel", command_id=command_id, source=source))

    async def replay(self, command_id: str, source: str | None = None) -> dict[str, Any]:
        """See `Operations.replay`."""
        return dict(await self._ask("replay", command_id=command_id, source=source))

    async def replies(self, limit: int = 100) -> Any:
        """See `Operations.replies`."""
        return await self._ask("replies", limit=limit)

    async def resend_replies(self, numbers: Sequence[int] = ()) -> dict[str, Any]:
        """See `Operations.resend_replies`."""
        return dict(await self._ask("resend_replies", numbers=list(numbers)))

    async def discard_replies(self, numbers: Sequence[int] = ()) -> dict[str, Any]:
        """See `Operations.discard_replies`."""
        return dict(await self._ask("discard_replies", numbers=list(numbers)))

    async def accounts(self, limit: int = 100) -> Any:
        """See `Operations.accounts`."""
        return await self._ask("accounts", limit=limit)

    async def resume_accounts(self, ids: Sequence[str] = ()) -> dict[str, Any]:
        """See `Operations.resume_accounts`."""
        return dict(await self._ask("resume_accounts", ids=list(ids)))

    async def rekey(self) -> dict[str, Any]:
        """See `Operations.rekey`."""
        return dict(await self._ask("rekey"))

    async def _ask(self, operation: str, **arguments: Any) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                reader, writer = await self._connect()
                try:
                    writer.write(dumps({"op": operation, "args": arguments}) + b"\n")
                    await writer.drain()
                    answer = loads(await reader.readline() or b"{}")
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError) as error:
            raise JournalUnavailable(
                f"The worker behind {self._path} did not answer ({type(error).__name__}); it may be shutting down."
            ) from error
        if "result" in answer:
            return answer["result"]
        raise _ERRORS.get(answer.get("error", ""), WorkerError)(answer.get("message", "the worker gave no answer"))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with _address(self._path) as address:
            return await asyncio.open_unix_connection(address, limit=_MAX_ANSWER_BYTES)


def _listen(path: Path) -> socket.socket:
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mask, not a chmod afterwards: the socket must never be open to others, not for a moment.
    mask = os.umask(0o177)
    try:
        with _address(path) as address:
            listener.bind(address)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A socket address for a path of any length: a long one is reached through its directory's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
