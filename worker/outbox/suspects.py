"""Which row it is that ends channels: those that were in flight when one was lost go again in ever smaller groups,
until the one that does is alone. Knows nothing of links.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from aiormq.exceptions import AMQPChannelError, ChannelNotFoundEntity

from worker.amqp.confirms import Batch, Verdict
from worker.records import OutboxRow

PARTS: Final = 4
"""What was in flight when a channel was lost goes again in so many groups (count), and each that is lost too in as many
again. One by one, 256 rows would take 256 answers of the broker, and everybody's events wait behind them: where it
answers in 0.4 s, two commands a second."""
LOSSES_ALONE: Final = 3
"""A row that was alone in flight at so many losses of the connection in a row is taken for their cause (count)."""
SUSPECTS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Suspicion:
    most: int
    """In a group of so many it goes next (count)."""
    losses: int
    """At which it was alone in flight, in a row, once it was suspected (count)."""


class Suspects:
    """Rows that were in flight when a channel was lost, by `seq`."""

    def __init__(self) -> None:
        self._rows: dict[int, _Suspicion] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def groups(self, rows: Sequence[OutboxRow]) -> list[Sequence[OutboxRow]]:
        """What may be in flight together: first all that is not suspected."""
        others = [row for row in rows if row.seq not in self._rows]
        return [*([others] if others else []), *self._small_groups(rows)]

    def _small_groups(self, rows: Sequence[OutboxRow]) -> Iterator[Sequence[OutboxRow]]:
        suspected = [(self._rows[row.seq].most, row) for row in rows if row.seq in self._rows]
        for most, some in groupby(sorted(suspected, key=itemgetter(0), reverse=True), itemgetter(0)):
            alike = [row for _, row in some]
            yield from (alike[first : first + most] for first in range(0, len(alike), most))

    def judge(self, row: OutboxRow, verdict: Verdict, batch: Batch) -> Verdict:
        """Tell a row that ends channels from the rows of its batch that were only beside it. Where the right to publish
        was missing, nobody asks."""
        if verdict is not Verdict.LOST:
            if verdict is not Verdict.PENDING:
                self._rows.pop(row.seq, None)
            return verdict
        ended_by, together = batch.ended_by, len(batch.verdicts)
        if isinstance(ended_by, ChannelNotFoundEntity) or not batch.was_sent:
            return Verdict.LOST
        if len(self._rows) >= SUSPECTS_MAX:
            self._rows.clear()
        before = self._rows.pop(row.seq, None)
        losses = before.losses + 1 if before is not None and together == 1 else 0
        if together == 1 and (isinstance(ended_by, AMQPChannelError) or losses >= LOSSES_ALONE):
            return Verdict.UNSENDABLE
        self._rows[row.seq] = _Suspicion(max(1, together // PARTS), losses)
        return Verdict.LOST
