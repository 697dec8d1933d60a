"""The run of commands that need no session: items, files, and what the journal holds.

Knows no gateway session: the lane is the command's own.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from contracts.envelope import loads
from contracts.failures import FailureCode
from worker.flows import details
from worker.flows.invoices import parts_of, stored_invoice
from worker.flows.vocabulary import Begin, DetailsFailed, Effect, FetchDetails, Input, ReadStored, StoredRead
from worker.lanes.runs.order import Access
from worker.lanes.runs.run import Run
from worker.records import Command, StoredFilter


class DetailsRun(Run):
    """`invoice.items`, `invoice.files` and `invoice.stored`."""

    name: ClassVar[str] = "details"

    @override
    def _read(self) -> None:
        self._data: Mapping[str, Any] = loads(self._command.data)
        self._state = details.DetailsState.read(self._command.progress)

    @override
    def _decide(self, given: Input) -> details.Next:
        at = self._situation(self._state, self._data, self._services.queries)
        decision = details.decide(at, given)
        self._state = decision.state
        return decision

    @override
    async def _first_input(self) -> Input:
        return Begin(session_is_open=False)

    @override
    def _access(self) -> Access:
        raise AssertionError("these commands need no session")

    async def _fetch_known(self, wanted: FetchDetails) -> Input:
        """Ids alone reach every customer's invoices (trap 86): an operator may limit them to what the source knows."""
        if self._services.settings.known_invoices_only:
            asked = {*wanted.items_of, *wanted.files_of}
            source, journal = self._command.source, self._services.journal
            if not asked <= await self._insist(lambda: journal.brought(source, tuple(asked))):
                message = "Not every one of these invoices was issued or queried by this source before."
                return DetailsFailed(message, code=FailureCode.HTTP_ERROR)
        return await self._fetch(wanted)

    @override
    async def _perform_one(self, effect: Effect) -> Input | None:
        match effect:
            case FetchDetails():
                return await self._fetch_known(effect)
            case ReadStored():
                return await self._read_stored()
            case _:
                return await super()._perform_one(effect)

    async def _read_stored(self) -> StoredRead:
        """Among what the command's own source issued or brought."""
        data, source = self._data, self._command.source
        named = None if "invoiceNumber" in data else await self._insist(self._find_named)
        if named is None and "invoiceNumber" not in data:
            return StoredRead(0, ())
        wanted = StoredFilter(
            source=source,
            number=data.get("invoiceNumber"),
            command_key=None if named is None else named.key,
            limit=data["limit"],
            offset=data["offset"],
        )
        total, stored = await self._insist(lambda: self._services.journal.stored(wanted))
        # The event must stay a message that everybody takes: the caller goes on at the next offset.
        told = parts_of([stored_invoice(each) for each in stored], self._services.queries.event_bytes)[0]
        return StoredRead(total, tuple(told), None if named is None else named.state)

    async def _find_named(self) -> Command | None:
        """The command that `commandId` or `orderNo` names."""
        data, source, journal = self._data, self._command.source, self._services.journal
        if "commandId" in data:
            found = await journal.find(data["commandId"], source)
            return found[0] if found else None
        return await journal.find_order(source, data["sellerIndentification"], data["orderNo"])
