"""Which ready lanes a claim takes next, on SQLite: by turn, and within what the worker has room for.

Costs the same however many lanes wait; where bounds bind, a few statements for each tenant that waits.
"""

import sqlite3
from collections import Counter

from worker.journal.sqlite.statements import Statements
from worker.records import ClaimBounds


class Picking:
    """The lanes of one claim, a handful at a time."""

    def __init__(self, statements: Statements, limit: int, within: ClaimBounds | None) -> None:
        self._statements = statements
        self._within = within if within is not None and within.bind(limit) else None
        self._connecting = limit if within is None else within.connecting
        self._taken = Counter[str]()

    def next(self, limit: int) -> list[sqlite3.Row]:
        """At most so many ready lanes, in turn; what needs no gateway first where bounds bind. Each counts as taken."""
        if self._within is None:
            return self._statements.all("pick_lanes", limit=limit)
        rows = self._of_kind(self._within, limit, connects=False)
        connecting = self._of_kind(self._within, min(limit - len(rows), self._connecting), connects=True)
        self._connecting -= len(connecting)
        return rows + connecting

    def _of_kind(self, within: ClaimBounds, limit: int, *, connects: bool) -> list[sqlite3.Row]:
        if limit <= 0:
            return []
        offered: list[sqlite3.Row] = []
        for row in self._statements.all("ready_tenants", connects=connects):
            tenant = row["tenant"]
            room = min(limit, within.room_of(tenant) - self._taken[tenant])
            if room > 0:
                offered += self._statements.all("pick_lanes_of", tenant=tenant, connects=connects, limit=room)
        picked = sorted(offered, key=lambda row: (row["turn"], row["lane"]))[:limit]
        self._taken.update(row["tenant"] for row in picked)
        return picked
