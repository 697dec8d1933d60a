"""Verdicts, worked out a few milliseconds at a time: leases, heartbeats and all other lanes share this loop."""

import asyncio
import gc
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.evidence.verdicts import Verdict, judge


async def judged(  # noqa: PLR0913  the evidence, and how far it goes
    subjects: Sequence[Subject],
    candidates: Sequence[Listed],
    bound: Collection[str],
    skew: timedelta,
    *,
    rivals: Sequence[Subject],
    are_all_rivals: bool,
) -> Mapping[int, Verdict]:
    """As `judge`, by the command's key."""
    steps = judge(subjects, candidates, bound, skew, rivals=rivals, are_all_rivals=are_all_rivals)
    was_collecting = gc.isenabled()
    # Thousands of small things are made here, none in a circle: looking for circles among all that the process
    # holds would stop the loop for longer than all else.
    gc.disable()
    try:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                told: Mapping[int, Verdict] = end.value
                return told
            await asyncio.sleep(0)
    finally:
        if was_collecting:
            gc.enable()
