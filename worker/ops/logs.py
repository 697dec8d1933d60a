"""Logs: one JSON object per line on stderr (coloured text on a terminal), redacted.

Guarantees: structlog's and the standard library's loggers go through the same redactor; tracebacks carry no
local variables; the client libraries never log below INFO, where they would show frames. A `userId` appears
only as a digest (`lane`). Knows nothing of what is worth logging.
"""

import io
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from contracts.envelope import dumps
from worker.ops.lines import LineWriter
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
    "asyncio": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "urllib3": logging.WARNING,
}

_FIRST: Final = ("timestamp", "level", "event")
_OUR_OWN: Final = frozenset({"timestamp", "level"})
"""Written by the processors before the redactor: no caller's text is in them."""

_Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


_writers: list[LineWriter] = []


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
        processors=[structlog.contextvars.merge_contextvars, *shared, renderer],
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
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exceptions,
        _redacting(redactor),  # last but the renderer: it sees tracebacks too
    ]


def _redacting(redactor: Redactor) -> _Processor:
    def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            # Keys with an underscore are structlog's own, removed before rendering.
            if key not in _OUR_OWN and not key.startswith("_"):
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
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, structlog.stdlib.add_logger_name],
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
