"""Items and files over HTTP for a run, as one answer. Knows nothing of what becomes of them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from contracts.failures import FailureCode
from worker.errors import Permanent
from worker.flows.vocabulary import Details, FetchDetails
from worker.ports import InvoiceDetails

log = structlog.get_logger(__name__)


async def fetch(look_ups: InvoiceDetails, wanted: FetchDetails) -> Details:
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
