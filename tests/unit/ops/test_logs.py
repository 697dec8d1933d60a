"""Log lines as they reach stderr."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from tests.logs import use_plain_logs
from worker.ops import logs
from worker.settings import Settings

SECRET = "hunter22"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._QUIET_LOGGERS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    logging.captureWarnings(False)
    use_plain_logs()


def _configure(log_format: str = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    settings = Settings(
        _env_file=None,
        amqp_url=f"amqp://u:{SECRET}@h/",
        log_format=log_format,
        log_level=level,
    )
    logs.configure(settings, stream)
    return stream


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_and_utc_time() -> None:
    stream = _configure()

    structlog.get_logger().info("lane_claimed", count=3)

    (line,) = _lines(stream)
    assert (line["event"], line["level"], line["count"]) == ("lane_claimed", "info", 3)
    assert line["timestamp"].endswith("Z")


def test_the_standard_librarys_loggers_go_through_the_same_redactor() -> None:
    stream = _configure()

    logging.getLogger("aiormq.connection").critical("cannot reach %s", f"amqp://u:{SECRET}@h/")
    logging.getLogger("somebody").warning("said %s", SECRET)

    first, second = _lines(stream)
    assert first["logger"] == "aiormq.connection"
    assert first["level"] == "critical"
    assert SECRET not in stream.getvalue()
    assert second["event"] == "said [redacted]"


@pytest.mark.parametrize("name", ["aio_pika", "aiormq", "websockets.client", "asyncpg", "httpcore"])
def test_client_libraries_never_log_frames_whatever_the_level(name: str) -> None:
    stream = _configure(level="debug")

    logging.getLogger(name).debug("> TEXT 'frame with a password'")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_carry_no_local_variables_and_no_secret(log_format: str) -> None:
    stream = _configure(log_format)

    def fail(local: str) -> None:
        raise ValueError(f"amqp://u:{SECRET}@h/ is gone ({len(local)})")

    try:
        fail("a-local-" + "value")
    except ValueError:
        structlog.get_logger().exception("connection_failed")
        logging.getLogger("somebody").exception("failed too")

    text = stream.getvalue()
    assert "is gone" in text
    assert "a-local-value" not in text
    assert SECRET not in text


def test_a_value_that_json_does_not_know_becomes_text() -> None:
    stream = _configure()

    structlog.get_logger().info("odd", value=object, moment=datetime(2026, 1, 1, tzinfo=UTC), seconds=float("inf"))

    (line,) = _lines(stream)
    assert line["moment"].startswith("2026-01-01")
    assert line["seconds"] == "inf"


def test_the_level_of_the_settings_holds_and_a_command_may_be_quieter() -> None:
    stream = _configure(level="warning")
    structlog.get_logger().info("unheard")
    assert stream.getvalue() == ""

    quieter = io.StringIO()
    logs.configure(Settings(_env_file=None, log_format="json"), quieter, level="error")
    structlog.get_logger().warning("unheard")
    assert quieter.getvalue() == ""


def test_warnings_are_logged_not_printed() -> None:
    stream = _configure()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("something old", stacklevel=1)

    assert "something old" in stream.getvalue()
    assert all(line["logger"] == "py.warnings" for line in _lines(stream))


def test_a_stream_that_is_no_terminal_gets_json_by_itself() -> None:
    stream = _configure("auto")

    structlog.get_logger().info("plain")

    assert _lines(stream)[0]["event"] == "plain"
