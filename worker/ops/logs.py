"""Logs: one JSON object per line on stderr (coloured text on a terminal), redacted, and never in the worker's way.

Guarantees: structlog's and the standard library's loggers go through the same redactor; tracebacks carry no
local variables; the client libraries never log below INFO, where they would show frames. A `userId` appears
only as a digest (`lane`). Knows nothing of what is worth logging.

Writing a line neither raises nor waits, whatever is at the other end: a line that cannot be written (a closed pipe, a
full disk) is dropped and counted, and while the other end takes nothing, lines wait in bounded memory. Lines that can
go at once do, in order, so that the last ones before a crash are there. A regular file never says that it would make
its writer wait (its disk may hang), so its lines are written on a thread.
"""

import atexit
import io
import logging
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol, TextIO, cast

import structlog

from contracts.envelope import dumps
from worker.ops.redaction import Redactor, known_secrets
from worker.settings import Settings

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_QUIET_LOGGERS: Final = {
    # Below INFO they log frames and messages; aiormq cries, with a traceback, at every lost connection, which
    # the supervisor reports in one line; at INFO websockets logs a line per connection.
    "aio_pika": logging.CRITICAL,
    "aiormq": logging.CRITICAL,
    "pamqp": logging.WARNING,
    "websockets": logging.WARNING,
    "asyncpg": logging.INFO,
    "asyncpg.pool": logging.CRITICAL,  # a traceback each time that it cannot connect, which the journal says
    "asyncio": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "urllib3": logging.WARNING,
}

_FIRST: Final = ("timestamp", "level", "event")

_Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


_writers: "list[LineWriter]" = []


def to_stderr() -> TextIO:
    """Where the worker's log goes: lines that cannot be written are dropped and counted, and nobody waits for them."""
    try:
        _writers.append(LineWriter(sys.stderr))
    except (AttributeError, OSError, ValueError):  # no file behind it, or none at all
        return sys.stderr or io.StringIO()
    return cast("TextIO", _writers[-1])


def dropped_lines() -> int:
    """Lines of the log that were lost since the start (count)."""
    return sum(writer.dropped for writer in _writers)


def configure(settings: Settings, stream: TextIO | None = None, *, level: str | None = None) -> Redactor:
    """Set logging up for the whole process; may be called again. Returns the redactor in use.

    `level` overrides the setting: short commands are quieter than `run`.
    """
    stream = stream or sys.stderr
    redactor = Redactor(known_secrets(settings))
    least = _LEVELS[level or settings.log_level]
    console = settings.log_format == "console" or (settings.log_format == "auto" and stream.isatty())
    shared = _processors(redactor, console=console)
    renderer = _console_renderer(stream) if console else _json_renderer
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=level is None,  # a short command has no hot path, and its stderr may change
    )
    _capture_standard_library(stream, least, shared, renderer)
    return redactor


def _processors(redactor: Redactor, *, console: bool) -> list[Any]:
    if console:
        exceptions: Any = structlog.processors.format_exc_info
    else:
        exceptions = structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        )
    return [
        exceptions,
        _redacting(redactor),  # it sees tracebacks too; no caller's text is in what follows
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _redacting(redactor: Redactor) -> _Processor:
    def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not redactor.may_all_be_shown(event):
            for key, value in event.items():
                if not key.startswith("_"):  # structlog's own, removed before rendering
                    event[key] = redactor.value(key, value)
        return event

    return redact


def _json_renderer(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    first = {name: event.pop(name) for name in _FIRST if name in event}
    return dumps({**first, **event}).decode()


def _console_renderer(stream: TextIO) -> _Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=28
    )


def _capture_standard_library(stream: TextIO, least: int, shared: list[Any], renderer: _Processor) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.INFO))
    for name, floor in _QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(least, floor))
    logging.captureWarnings(True)


WAITING_BYTES_MAX: Final = 4 * 1024 * 1024
"""So much waits for a slow other end (bytes)."""
AT_ONCE_BYTES: Final = 4096
"""A pipe that can take anything takes so much without making its writer wait (POSIX: PIPE_BUF)."""
END_SECONDS: Final = 2.0
"""How long the end of the process waits for what is still to be written."""
GATHERING_SECONDS: Final = 0.005
"""Between two writes of the thread: one that was woken for each line took a tenth of the worker's throughput."""


class Terminal(Protocol):
    """A stream with a file behind it."""

    def fileno(self) -> int: ...

    def isatty(self) -> bool: ...


class LineWriter:
    """Stands in for stderr."""

    encoding = "utf-8"

    def __init__(self, stream: Terminal, put: Callable[[int, bytes], int] = os.write) -> None:
        self._stream = stream
        self._put_bytes = put
        self._file = stream.fileno()
        self._may_hang = stat.S_ISREG(os.fstat(self._file).st_mode)
        self._is_cut = False
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLOUT)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._has_some = threading.Condition(self._lock)
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Lines that could not be written, since the start (count)."""
        atexit.register(self.finish)

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write one line, now or soon. Never raises, never waits for the other end."""
        data = text.encode(errors="backslashreplace")
        with self._lock:
            if not self._waiting and not self._is_writing and len(data) < AT_ONCE_BYTES and self._can_take():
                self._put_all(data)
            elif self._waiting_bytes + len(data) > WAITING_BYTES_MAX:
                self.dropped += 1
            else:
                self._waiting.append(data)
                self._waiting_bytes += len(data)
                self._start()
                self._has_some.notify()
        return len(text)

    def flush(self) -> None:
        """Nothing to do: a line waits only where the other end makes it."""

    def finish(self, seconds: float = END_SECONDS) -> None:
        """Give what waits a little more time."""
        with self._lock:
            self._has_some.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    def _can_take(self) -> bool:
        """Whether a write would return at once. What is broken is found by writing."""
        if self._may_hang:
            return False
        try:
            return bool(self._poll.poll(0))
        except OSError:
            return True

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._has_some.wait_for(lambda: bool(self._waiting))
                lines = [*self._waiting]
                self._waiting.clear()
                self._is_writing = True
            self._put_all(b"".join(lines))
            with self._lock:
                self._waiting_bytes -= sum(map(len, lines))
                self._is_writing = False
                self._has_some.notify_all()
            time.sleep(GATHERING_SECONDS)

    def _put_all(self, data: bytes) -> None:
        """Waits as long as the other end makes it. The lines that a full disk did not take to their end are lost, and
        counted; the next one begins anew."""
        if self._is_cut:
            data = b"\n" + data
        left = data
        try:
            while left:
                left = left[self._put_bytes(self._file, left) :]
        except OSError:
            self.dropped += max(1, left.removeprefix(b"\n").count(b"\n"))
            self._is_cut = self._is_cut or left is not data
        else:
            self._is_cut = False
