"""A bare client of the sandbox's query side, which builds its frames from the vendor's models."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect

from contracts.gateway import Login, dumps
from contracts.gateway_query import DownloadZipRequest, QueryCondition, QueryInvoice, QueryInvoiceRequest, QueryPage
from tests.conformance.sandbox_client import Client
from worker.sandbox.server import Sandbox, SandboxOptions

COMPANY = "91330000SANDBOX002"
PAST = SandboxOptions(qr="never", archive_count=25, archive_company=COMPANY)
SECRET = "top-secret"
NOTICE = "query_invoice_download_zip"


def query(number: int = 1, size: int = 10, password: str = SECRET, **filters: Any) -> str:
    login = Login(
        companyCode=COMPANY, phone="p", password=password, area="zhejiang", role="法定代表人", companyName="乙"
    )
    days = {"queryType": 0, "startInvoiceDate": "2024-01-01", "endInvoiceDate": "2099-12-31"}
    condition = QueryCondition(**{**days, **filters})
    page = QueryPage(pageSize=size, pageNumber=number)
    return dumps(QueryInvoiceRequest(data=QueryInvoice(login=login, condition=condition, page=page)))


@asynccontextmanager
async def querying(sandbox: Sandbox, user_id: str = "1111") -> AsyncIterator[Client]:
    address = f"{sandbox.url}/web/invoice?userId={user_id}"
    async with connect(address, compression=None, max_size=None, close_timeout=1) as socket:
        yield Client(socket)


async def ask(speaker: Client, number: int = 1, size: int = 10, **filters: Any) -> Any:
    """Ask for a page; returns its data and swallows its notice."""
    await speaker.socket.send(query(number, size, **filters))
    page = await speaker.hear()
    assert await speaker.hear() == {"type": NOTICE, "sendToId": "1111", "data": "1"}
    return page["data"]


async def first_row(sandbox: Sandbox) -> Any:
    async with querying(sandbox) as speaker:
        return (await ask(speaker))["data"][0]


async def retry(speaker: Client, date: str) -> Any:
    await speaker.socket.send(dumps(DownloadZipRequest(data=date)))
    return await speaker.hear()


def files_of(*ids: Any, types: str = "pdf,ofd,xml") -> str:
    return f"/web/invoice/file?invoiceIdList={','.join(map(str, ids))}&typeList={types}"
