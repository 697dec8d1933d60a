"""Traces are there for those who ask, and cost nobody else anything."""

import subprocess
import sys

from worker.bootstrap import open_tracing
from worker.ops.tracing import Tracing
from worker.settings import Settings


def test_without_being_asked_every_part_stays_as_it_is() -> None:
    tracing, part = open_tracing(Settings(_env_file=None), "w"), object()

    assert type(tracing) is Tracing
    for wrap in (tracing.intake, tracing.lanes, tracing.gateway, tracing.publisher):
        assert wrap(part) is part


def test_the_worker_imports_nothing_of_opentelemetry() -> None:
    """Neither its time nor its memory, whether it is installed or not."""
    said = _python(
        "import sys, worker.bootstrap",
        "print([name for name in sys.modules if name.startswith('opentelemetry')])",
    )

    assert said == "[]"


def test_traces_without_the_extra_are_refused_with_what_to_install() -> None:
    said = _python(
        "import sys; sys.modules['opentelemetry'] = None  # as where it is not installed",
        "from worker.errors import ConfigurationError",
        "from worker.bootstrap import open_tracing",
        "from worker.settings import Settings",
        "try: open_tracing(Settings(_env_file=None, otel=True), 'w')",
        "except ConfigurationError as error: print(error)",
    )

    assert "install fapiao-worker[otel]" in said


def _python(*lines: str) -> str:
    """What such a program prints, in a process that has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    return done.stdout.strip()
