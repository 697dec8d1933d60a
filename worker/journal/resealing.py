"""Rotation of the journal's keys: all secrets of commands that are unfinished or sought are sealed anew.

Guarantees short transactions, so that workers go on meanwhile, and an honest answer: `is_complete` only where no
secret of another key is left. Knows neither store: each hands in its own steps.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from worker.journal.sealing import Sealer
from worker.records import FINAL, CommandState, Resealing

BATCH: Final = 500
"""Commands in one transaction (count)."""
_PASSES: Final = 5
"""A command that moves between states may slip past a pass; one that another worker seals with its own key, always."""

RESEALED: Final = (*(state for state in CommandState if state not in FINAL), CommandState.COMPLETED)
"""Ended commands have secrets only where they are completed and their invoice is still sought."""

Step = Callable[[CommandState, int, int], Awaitable[tuple[int, int | None]]]
"""State, key to begin after, limit: how many were sealed anew, and the key to go on after, if any."""


async def reseal_all(sealer: Sealer, step: Step, key_ids: Callable[[], Awaitable[Collection[bytes]]]) -> Resealing:
    """Seal anew until nothing is left that another key sealed, or until that no longer helps."""
    count = 0
    for _ in range(_PASSES):
        for state in RESEALED:
            count += await _reseal_state(step, state)
        if set(await key_ids()) <= {sealer.sealing_id}:
            return Resealing(count, sealer.sealing_id.hex(), is_complete=True)
    return Resealing(count, sealer.sealing_id.hex(), is_complete=False)


async def _reseal_state(step: Step, state: CommandState) -> int:
    count, after = 0, 0
    while True:
        done, last = await step(state, after, BATCH)
        count += done
        if last is None:
            return count
        after = last
