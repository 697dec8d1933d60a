"""Refusals in a row, of an order's seller and of a run's login: who is refused too often rests.

A seller's quota that is used up would cost every order a login and somebody's face, so after some refusals its orders
wait and one at a time tries. An account whose logins are refused would be locked by the tax bureau. Both are kept in
the journal, sellers for every source apart. Knows nothing of why the gateway refuses.
"""

from datetime import timedelta

import structlog

from worker.crashpoints import crashpoint
from worker.lanes.lane_session import Insist
from worker.lanes.runs.order import LOGIN_PASSWORD
from worker.lanes.services import LaneServices
from worker.records import AccountLogin, AccountState, Command

log = structlog.get_logger(__name__)


class SellerOf:
    """The refusals of this order's seller, as they are counted for the order's source."""

    def __init__(self, services: LaneServices, command: Command, insist: Insist) -> None:
        self._services = services
        self._command = command
        self._insist = insist
        self._name = command.source, command.seller or ""
        self._had_refusals = False

    async def is_resting(self, *, session_is_open: bool) -> bool:
        """Whether the order must wait. Where the session is open, the order before it was issued: the store is asked
        only if this worker has seen a refusal since, which saves a round trip for each of many orders."""
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


async def forget_refusals(services: LaneServices, command: Command, insist: Insist) -> None:
    """An order of the seller was issued, whoever found that out: its others need not wait any more."""
    source, seller = command.source, command.seller or ""
    await insist(lambda: services.journal.forget_refusals(source, seller, services.clock.now()))
    crashpoint("seller.forgotten")
    services.refused_sellers.discard((source, seller))


class LoginRefusals:
    """The refusals of one run's login, and those of look-ups with its account."""

    def __init__(self, services: LaneServices, insist: Insist, said: structlog.typing.FilteringBoundLogger) -> None:
        self._services = services
        self._insist = insist
        self._log = said
        self._had_some = False
        self._had_refused_look_ups = False

    async def read(self, login: AccountLogin) -> AccountState:
        """How logins with it went lately."""
        account: AccountState = await self._insist(lambda: self._services.journal.account(login))
        self._had_some = account.refusals > 0
        self._had_refused_look_ups = account.has_refused_look_ups
        return account

    async def count(self, login: AccountLogin, *, accepted: bool, threshold: int, suspend: timedelta) -> None:
        """It was answered. After so many refusals in a row the account rests for so long."""
        if accepted and self._had_refused_look_ups:
            await self._renew_password(login)
        if accepted and not self._had_some:
            return
        services = self._services
        if not accepted:
            services.hooks.login_refused()
        self._had_some = not accepted
        account = await self._insist(
            lambda: services.journal.count_login(
                login, accepted=accepted, now=services.clock.now(), threshold=threshold, suspend=suspend
            )
        )
        crashpoint("login.counted")
        if account.suspended_until is not None and not accepted:
            self._log.error(
                "look_ups_rest" if login.is_look_up else "account_suspended",
                refusals=account.refusals,
                until=account.suspended_until.isoformat(),
            )

    async def _renew_password(self, login: AccountLogin) -> None:
        """Look-ups of this account were refused, and this login works: they may take its password."""
        self._had_refused_look_ups = False
        services = self._services
        count = await self._insist(lambda: services.journal.renew_password(login, LOGIN_PASSWORD, services.clock.now()))
        crashpoint("login.renewed")
        self._log.info("look_ups_take_new_password", commands=count)
