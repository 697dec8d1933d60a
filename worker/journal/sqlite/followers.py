"""Commands that name the number of an earlier one, on SQLite: they listen to it, or take its place."""

import sqlite3
from datetime import datetime

from worker.journal.rows import found, micros, to_event
from worker.journal.sqlite.readiness import offer
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import Command, Following, Heard


class SqliteFollowers(SqliteStore):
    """See `LaneJournal`."""

    @one_transaction
    def followers(self, statements: Statements, limit: int = 100) -> list[Following]:
        """See `LaneJournal.followers`."""
        return [_following(statements, row) for row in statements.all("nudged_followers", limit=limit)]

    @one_transaction
    def heed(self, statements: Statements, following: Following, *, is_over: bool) -> None:
        """See `LaneJournal.heed`."""
        note_heard(statements, following.follower.key, Heard(following.nudges, following.heard, is_over))

    @one_transaction
    def succeed(self, statements: Statements, following: Following, now: datetime) -> bool:
        """See `LaneJournal.succeed`."""
        follower = following.follower
        holder = statements.one("find_claim", claim=following.claim)
        if holder is not None:
            statements.run("follow_another", key=follower.key, first=holder["key"])
            statements.run("listen_to_another", key=follower.key, first=holder["key"])
            return True
        if not statements.run("take_order", key=follower.key, claim=following.claim):
            return False
        statements.run("forget_follower", key=follower.key)
        if follower.lane is not None:
            offer(statements, follower.lane, follower.source, micros(now))
        return True


def note_heard(statements: Statements, key: int, heard: Heard) -> None:
    """What a follower has heard; one whose first is over listens no more."""
    if heard.is_over:
        statements.run("forget_follower", key=key)
    else:
        statements.run("heed_nudges", key=key, nudges=heard.nudges, heard=heard.sequence)


def nudge_followers(statements: Statements, command: Command) -> None:
    """Whoever follows this command is to look at it."""
    statements.run("nudge_followers", first=command.key)


def _following(statements: Statements, row: sqlite3.Row) -> Following:
    follower, first = row["key"], row["first_key"]
    return Following(
        follower=statements.command(found(statements.one("read_command", key=follower), follower)),
        first=statements.command(found(statements.one("read_command", key=first), first)),
        events=tuple(map(to_event, statements.all("events_since", key=first, heard=row["heard"]))),
        claim=row["claim"],
        heard=row["heard"],
        nudges=row["nudges"],
    )
