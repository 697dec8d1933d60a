"""How the worker's log lines look in a test's captured output, wherever the test configures no log of its own."""

import structlog


def use_plain_logs() -> None:
    """As structlog does by default, but for tracebacks: with rich at hand it draws each with all its variables, which
    takes as long as a hundred other tests where a test is about errors that come again and again."""
    structlog.reset_defaults()
    *before, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, renderer])
