"""`doctor`: is everything there that the worker needs? One line per matter, with the fix.

Guarantees: changes nothing that matters (it compares the worker's own queues and bindings by declaring them as they
should be, where the queues already are); never opens a lane's socket at the gateway.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from worker.cli.doctor.diagnosis import Diagnosis, Grade, ok, warn
from worker.cli.terminal import FAILED, note, quiet_settings, run, say, say_json
from worker.configuration import unknown_names
from worker.settings import Settings

_STYLES = {Grade.OK: "good", Grade.WARN: "warn", Grade.FAIL: "bad"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check broker, queues, permissions, database, gateway, clock, credentials and vault. Exit code 1 if one fails."""

    async def work() -> list[Diagnosis]:
        settings = quiet_settings()
        found: list[Diagnosis] = []
        for check in _checks():
            for finding in await check(settings):
                found.append(finding)
                if not as_json:
                    _show(finding)
        return found

    found = run(work())
    if as_json:
        say_json([asdict(finding) for finding in found])
    failures = sum(finding.verdict is Grade.FAIL for finding in found)
    if failures:
        note(f"{failures} of {len(found)} checks failed.")
        raise typer.Exit(FAILED)


def _checks() -> list[Callable[[Settings], Awaitable[Sequence[Diagnosis]]]]:
    from worker.cli.doctor.broker import check_broker
    from worker.cli.doctor.gateway import check_credentials, check_gateway, check_tls
    from worker.cli.doctor.store import check_store, check_vault

    return [check_names, check_broker, check_store, check_gateway, check_tls, check_credentials, check_vault]


def _show(finding: Diagnosis) -> None:
    say(f"{finding.verdict:<4}  {finding.subject:<12} {finding.says}", style=_STYLES[finding.verdict])
    if finding.fix:
        say(f"{'':19}fix: {finding.fix}")


async def check_names(_: Settings) -> Sequence[Diagnosis]:
    """What is set and has no effect."""
    unknown = unknown_names()
    if not unknown:
        return [ok("settings", "every FAPIAO_* name is one")]
    return [warn("settings", str(name), "`fapiao-worker settings` lists all") for name in unknown]
