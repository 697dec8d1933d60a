"""`prune`: forget by age what nobody needs any more."""

import re
from collections import Counter
from datetime import timedelta
from typing import Annotated, Final

import typer

from worker.cli.records import AsJson
from worker.cli.terminal import USAGE, Stop, explained, load_settings, note, quiet_logs, run, say, say_json
from worker.durations import UNIT_SECONDS

_MOST_ROUNDS: Final = 10_000
"""Each is a short transaction, so that a running worker hardly notices."""
_AGE: Final = re.compile(r"([0-9]{1,6})([smhd])")
_LONGEST_AGE_SECONDS: Final = 1000 * 365 * 86_400
_WORDS: Final = {
    "commands": "commands with their events",
    "payloads": "issues' data and earlier events; who sent what, how it ended and its number stay",
    "invoices": "invoices",
    "items": "lists of items",
    "files": "file addresses",
    "strays": "replies that settled nothing",
}


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="What ended longer ago than this: 400d, 36h.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be forgotten.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget ended commands and stored invoices by age, in small steps, beside a running worker if there is one.

    Nothing that still waits, is looked for or is not published yet goes. An issue's identity, end, order number and
    invoice number stay for ever: a repeat must not issue again.
    """
    with explained():
        age = age_of(older_than)

    async def work() -> dict[str, int]:
        from contracts.envelope import timestamp
        from worker.cli.desk import desk
        from worker.clock import SystemClock

        settings = load_settings()
        quiet_logs(settings)
        before = timestamp(SystemClock().now() - age)
        counts = Counter(dict.fromkeys(_WORDS, 0))
        async with desk(settings, writes=not dry_run) as operations:
            for _ in range(1 if dry_run else _MOST_ROUNDS):
                forgotten = await operations.prune(before, dry_run=dry_run)
                counts.update(forgotten)
                if dry_run or not any(forgotten.values()):
                    break
            else:
                note("There is more to forget: run it again.")
        return dict(counts)

    counts = run(work())
    if as_json:
        say_json({"dryRun": dry_run, "forgotten": counts})
        return
    verb = "Would be forgotten" if dry_run else "Forgotten"
    say(f"{verb}, of what ended more than {older_than} ago:", style="strong")
    for name, words in _WORDS.items():
        say(f"{counts[name]:>10}  {words}")


def age_of(text: str) -> timedelta:
    """400d, 36h, 90m or 30s. Raises `Stop`."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise Stop("An age is a number with a unit: 400d, 36h, 90m or 30s.", USAGE)
    seconds = int(found[1]) * UNIT_SECONDS[found[2]]
    if seconds > _LONGEST_AGE_SECONDS:
        raise Stop("An age is at most a thousand years.", USAGE)
    return timedelta(seconds=seconds)
