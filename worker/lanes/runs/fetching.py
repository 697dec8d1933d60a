"""Items and files over HTTP for a run, as one answer, past the breaker. Knows nothing of what becomes of them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from contracts.failures import FailureCode
from worker.errors import Permanent, Transient, Unreachable
from worker.flows.vocabulary import Details, DetailsFailed, DetailsFetched, FetchDetails
from worker.lanes.breaker import GatewayBreaker
from worker.lanes.lane_session import LaneSession
from worker.lanes.services import LaneServices
from worker.ports import InvoiceDetails
from worker.records import FoundRow

log = structlog.get_logger(__name__)


async def fetch_details(
    services: LaneServices,
    lane_session: LaneSession,
    wanted: FetchDetails,
    lacking: tuple[FoundRow, ...],
    said: structlog.typing.FilteringBoundLogger,
) -> DetailsFetched | DetailsFailed:
    """What was asked for, or why not. Raises `Interruption`."""
    breaker, at = services.details_breaker, services.clock.monotonic()
    if (wanted.items_of or wanted.files_of) and not breaker.may_begin(1, at):
        message = "The gateway's HTTP look-ups do not answer anybody; this one waits for those that try."
        return DetailsFailed(message, retry_after=timedelta(seconds=breaker.seconds_closed(at)))
    breaker.probed(at)
    try:
        details = await lane_session.during(_fetched(services.details, wanted))
    except Permanent as fault:
        breaker.succeeded()
        return DetailsFailed(str(fault), code=fault.code)
    except Transient as fault:
        count_failure(breaker, fault, services, lane_session)
        said.warning("details_unavailable", reason=str(fault))
        return DetailsFailed(str(fault), retry_after=fault.retry_after)
    breaker.succeeded()
    return DetailsFetched(details, lacking)


def count_failure(breaker: GatewayBreaker, fault: Transient, services: LaneServices, lane_session: LaneSession) -> None:
    """Nobody answered this lane."""
    at, chance = services.clock.monotonic(), services.chance()
    breaker.failed(lane_session.lane, at, chance, concerns_all=isinstance(fault, Unreachable))


async def _fetched(look_ups: InvoiceDetails, wanted: FetchDetails) -> Details:
    """All that is asked for, as much at once as the port allows. Raises `Transient`, and `Permanent` where no look-up
    at all will be answered."""
    answers = await asyncio.gather(
        look_ups.files(wanted.files_of, wanted.types) if wanted.files_of and wanted.types else _none(),
        *(_items(look_ups, invoice_id, may_lack=wanted.may_lack_items) for invoice_id in wanted.items_of),
        return_exceptions=True,
    )
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    files, *items = [answer for answer in answers if not isinstance(answer, BaseException)]
    return Details(dict(zip(wanted.items_of, items, strict=True)), _distinct(files))


async def _none() -> tuple[dict[str, Any], ...]:
    return ()


async def _items(look_ups: InvoiceDetails, invoice_id: str, *, may_lack: bool) -> tuple[dict[str, Any], ...]:
    try:
        return await look_ups.items(invoice_id)
    except Permanent as fault:
        if not may_lack or fault.code is not FailureCode.HTTP_ERROR:
            raise
        log.warning("items_refused", reason=str(fault))
        return ()


def _distinct(files: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """One address per invoice and type: the last one told."""
    return tuple({(file["invoiceBasicInfoId"], file["type"]): dict(file) for file in files}.values())
