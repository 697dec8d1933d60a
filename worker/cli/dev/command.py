"""`dev`: broker, sandbox and worker for a day of work, and every event as it comes."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from worker.cli.terminal import FAILED, INTERRUPTED, explained, quiet_settings, said, say

AUTO_SCAN_SECONDS: Final = 2.0


def dev(
    auto_scan: Annotated[
        float | None,
        typer.Option(
            "--auto-scan", metavar="SECONDS", min=0, help="Scans confirm themselves after so long; else open the link."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the events as they come.")] = False,
) -> None:
    """Run broker, sandbox and worker beside your own program, until Ctrl-C.

    Its data stay in the folder .fapiao: a second start goes on with them. Waits are cut to seconds; FAPIAO_* variables
    change that as anywhere. In the same folder, every other command finds it by itself.
    """
    with explained():
        raise typer.Exit(_run(auto_scan, quiet=quiet))


def _run(auto_scan_seconds: float | None, *, quiet: bool) -> int:
    from worker.cli.dev.broker import obtained
    from worker.cli.dev.home import Home

    settings, home = quiet_settings(beside_dev=False), Home(Path.cwd())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    with contextlib.suppress(KeyboardInterrupt), home.locked(), obtained(settings, home) as broker:
        code = asyncio.run(_play(settings, home, broker, auto_scan_seconds, quiet=quiet))
        # A broker of ours takes a moment to end, and a second Ctrl-C would leave that to its guard.
        say(said("Stopping …", "正在结束 …") if broker.is_ours else said("Stopped.", "已结束。"))
        return code
    return INTERRUPTED


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


async def _play(settings: Any, home: Any, broker: Any, auto_scan_seconds: float | None, *, quiet: bool) -> int:
    from worker.cli.dev.broker import refuse_somebody_elses
    from worker.cli.parts import stop_once_on_a_signal
    from worker.cli.stages import DevStage

    stop_once_on_a_signal()
    stage = DevStage(settings, home, broker, auto_scan_seconds)
    try:
        await refuse_somebody_elses(stage.settings, broker, home)
        async with stage:
            for line in stage.described():
                say(line)
            return await _stay(stage, quiet=quiet)
    except asyncio.CancelledError:
        return 0


async def _stay(stage: Any, *, quiet: bool) -> int:
    watching = None if quiet else asyncio.create_task(stage.show_events())
    try:
        ended: str = await stage.until_one_ends()
    finally:
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
    say(ended, style="bad")
    return FAILED
