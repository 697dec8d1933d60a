"""How much is forgotten at once, the same on both stores."""

from collections.abc import Sequence

from worker.journal.rows import Row


def first_of(commands: Sequence[Row], limit: int) -> list[int]:
    """The keys of as many of these commands as have `limit` events between them, at least one: a query may have
    hundreds, and a transaction must stay short."""
    chosen: list[int] = []
    events = 0
    for row in commands:
        if chosen and events + row["last_sequence"] > limit:
            break
        chosen.append(row["key"])
        events += row["last_sequence"]
    return chosen
