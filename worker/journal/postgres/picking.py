"""Which ready lanes a claim takes next, on PostgreSQL: by turn, and within what the worker has room for.

Costs the same however many lanes wait; where bounds bind, a probe for each tenant that waits. Lanes that another
worker is taking are left to it.
"""

from collections import Counter
from typing import TYPE_CHECKING

from worker.journal.postgres.statements import Statements, columns
from worker.records import ClaimBounds

if TYPE_CHECKING:
    from asyncpg import Record


class Picking:
    """The lanes of one claim, a handful at a time."""

    def __init__(self, statements: Statements, worker: str, limit: int, within: ClaimBounds | None) -> None:
        self._statements = statements
        self._worker = worker
        self._within = within if within is not None and within.bind(limit) else None
        self._connecting = limit if within is None else within.connecting
        self._taken = Counter[str]()

    async def take(self, limit: int) -> "list[Record]":
        """Lease at most so many ready lanes, in turn; what needs no gateway first where bounds bind."""
        if self._within is None:
            return await self._statements.all("take_lanes", self._worker, limit)
        rows = await self._of_kind(self._within, limit, connects=False)
        connecting = await self._of_kind(self._within, min(limit - len(rows), self._connecting), connects=True)
        self._connecting -= len(connecting)
        return rows + connecting

    async def _of_kind(self, within: ClaimBounds, limit: int, *, connects: bool) -> "list[Record]":
        if limit <= 0:
            return []
        left = [(tenant, within.room_of(tenant) - self._taken[tenant]) for tenant in {*within.left, *self._taken}]
        rows = await self._statements.all(
            "take_lanes_of_kind", self._worker, limit, connects, within.of_tenant, *columns(left, 2)
        )
        self._taken.update(row["tenant"] for row in rows)
        return rows
