"""Commands that name the number of an earlier one, on PostgreSQL: they listen to it, or take its place."""

from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from worker.journal.postgres.lanes import offer_lanes
from worker.journal.postgres.statements import Statements
from worker.journal.postgres.store import PostgresStore, one_snapshot, without_transaction
from worker.journal.rows import found, to_event
from worker.records import Following, Heard

if TYPE_CHECKING:
    from asyncpg import Record


class PostgresFollowers(PostgresStore):
    """See `LaneJournal`."""

    @one_snapshot
    async def followers(self, statements: Statements, limit: int = 100) -> list[Following]:
        """See `LaneJournal.followers`."""
        return [await _following(statements, row) for row in await statements.all("nudged_followers", limit)]

    @without_transaction
    async def heed(self, statements: Statements, following: Following, *, is_over: bool) -> None:
        """See `LaneJournal.heed`."""
        await note_heard(statements, following.follower.key, Heard(following.nudges, following.heard, is_over))

    async def succeed(self, following: Following, now: datetime) -> bool:
        """See `LaneJournal.succeed`."""
        try:
            moved = await self._transact(lambda statements: _succeed(statements, following, now))
        except asyncpg.UniqueViolationError:
            # Another command has just come with this number: the next look finds it.
            return False
        if moved:
            self._hints.send()
        return moved


async def note_heard(statements: Statements, key: int, heard: Heard) -> None:
    """What a follower has heard; one whose first is over listens no more."""
    if heard.is_over:
        await statements.run("forget_follower", key)
    else:
        await statements.run("heed_nudges", key, heard.nudges, heard.sequence)


async def _succeed(statements: Statements, following: Following, now: datetime) -> bool:
    follower = following.follower
    holder = await statements.one("find_claim", following.claim)
    if holder is not None:
        # Both in the order of their keys, as a batch does in which both come again: else the two could deadlock.
        await statements.all("lock_commands_in_order", [follower.key, holder["key"]])
        await statements.run("follow_another", follower.key, holder["key"])
        await statements.run("listen_to_another", follower.key, holder["key"])
        return True
    lane = follower.lane
    if lane is None:
        raise ValueError("a command that waits must name its lane")
    # The lane before the command and its number, as an admission of the same number does: else the two could deadlock.
    delayed = await offer_lanes(statements, {lane: follower.source})
    if await statements.one("take_order", follower.key, following.claim) is None:
        return False
    await statements.run("forget_follower", follower.key)
    if delayed:
        await statements.run("refresh_lanes", delayed, now)
    return True


async def _following(statements: Statements, row: "Record") -> Following:
    follower, first = row["key"], row["first_key"]
    return Following(
        follower=statements.command(found(await statements.one("read_command", follower), follower)),
        first=statements.command(found(await statements.one("read_command", first), first)),
        events=tuple(map(to_event, await statements.all("events_since", first, row["heard"]))),
        claim=row["claim"],
        heard=row["heard"],
        nudges=row["nudges"],
    )
