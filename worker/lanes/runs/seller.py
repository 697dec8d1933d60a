"""The seller of one order: after some refusals in a row it rests, and one order at a time tries. A quota that is used
up would cost every order a login and somebody's face. Kept in the journal, for every source apart.

Knows nothing of why the gateway refuses.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog

from worker.crashpoints import crashpoint
from worker.lanes.services import LaneServices
from worker.records import Command

log = structlog.get_logger(__name__)


class SellerOf:
    """This order's seller, as far as its source has to do with it."""

    def __init__(
        self, services: LaneServices, command: Command, insist: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
    ) -> None:
        self._services = services
        self._command = command
        self._insist = insist
        """Until the store answers."""
        self._name = command.source, command.seller or ""
        self._had_refusals = False

    async def is_resting(self, *, session_is_open: bool) -> bool:
        """Whether the order must wait. An open session had its order issued: then only what this worker saw counts,
        and the store is not asked."""
        if self._threshold == 0 or (session_is_open and self._name not in self._services.refused_sellers):
            return False
        state = await self._insist(lambda: self._services.journal.seller(*self._name))
        self._had_refusals = state.refusals > 0
        return bool(state.holds(self._command.key))

    async def refused(self) -> None:
        """The gateway refused the order."""
        if self._threshold == 0:
            return
        services, rest = self._services, timedelta(seconds=self._services.settings.refusal_rest_seconds)
        state = await self._insist(
            lambda: services.journal.count_refusal(
                *self._name, now=services.clock.now(), threshold=self._threshold, rest=rest
            )
        )
        crashpoint("seller.counted")
        services.refused_sellers.add(self._name)
        if state.resting_until is not None:
            log.error(
                "seller_rests",
                refusals=state.refusals,
                until=state.resting_until.isoformat(),
                command_id=self._command.id,
                command_source=self._command.source,
            )

    async def issued(self) -> None:
        """The gateway issued an order: the rest, if there is one, is over."""
        if not self._had_refusals and self._name not in self._services.refused_sellers:
            return
        await forget_refusals(self._services, self._command, self._insist)

    @property
    def _threshold(self) -> int:
        return self._services.settings.refusals_in_row


async def forget_refusals(
    services: LaneServices, command: Command, insist: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
) -> None:
    """An order of the seller was issued, whoever found that out: its others need not wait any more."""
    source, seller = command.source, command.seller or ""
    await insist(lambda: services.journal.forget_refusals(source, seller, services.clock.now()))
    crashpoint("seller.forgotten")
    services.refused_sellers.discard((source, seller))
