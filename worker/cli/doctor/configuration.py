"""`doctor` on names that look like settings and are none."""

from collections.abc import Sequence

from worker.cli.doctor.findings import Finding, ok, warn
from worker.configuration import unknown_names
from worker.settings import Settings


async def check_names(_: Settings) -> Sequence[Finding]:
    """What is set and has no effect."""
    unknown = unknown_names()
    if not unknown:
        return [ok("settings", "every FAPIAO_* name is one")]
    return [warn("settings", str(name), "`fapiao-worker settings` lists all") for name in unknown]
