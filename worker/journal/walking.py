"""A walk over the pairs of lane and account with something sought: a bounded part of them in each round.

Guarantees that each round costs the same however much is sought, and that every pair has its turn. Knows no SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from worker.journal.rows import Row

Pair = tuple[str, str]
"""A lane and an account."""
START: Final[Pair] = ("", "")
"""Before every pair."""
MOST: Final = 1000
"""Pairs that are looked at in one round (count). A hundred thousand took a second of the server in every round."""


@dataclass(slots=True)
class Walk:
    """Where the last round stopped, in this process. Nothing durable: whoever starts anew begins at the start."""

    after: Pair = START

    def take(self, rows: Sequence[Row], limit: int) -> list[Pair]:
        """Of the rows of `walk_sought`: the pairs that are due, at most so many. Moves on behind them, or
        to the start where no more came."""
        due: list[Pair] = []
        for row in rows:
            if len(due) == limit:
                return due
            self.after = (row["lane"], row["account"])
            if row["is_due"]:
                due.append(self.after)
        if len(rows) < MOST:
            self.after = START
        return due
