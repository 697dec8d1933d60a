"""A bare client of the sandbox that speaks the manual."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.plain_http import NO_TLS
from worker.sandbox.server import Sandbox

PASSWORD = "pw"


def order(**changes: Any) -> dict[str, Any]:
    return {
        "buyerAddress": "浙江省杭州市西湖区文一西路 123 号",
        "buyerBank": "工商银行杭州分行",
        "buyerBankAccount": "1234567890",
        "buyerEmail": "",
        "buyerIndentification": "91330000SANDBOX001",
        "buyerName": "甲公司",
        "buyerPhone": "",
        "buyerInvoiceType": 0,
        "buyerBankShow": 1,
        "buyerType": 0,
        "invoiceItems": [{"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": 100.1}],
        "remark": "command-1",
        "sellerBank": "招商银行",
        "sellerBankAccount": "987",
        "sellerIndentification": "91330000SANDBOX002",
        "sellerLoginAccount": "seller",
        "sellerLoginPassword": "top-secret",
        "sellerName": "乙公司",
        "sellerBankShow": 1,
        **changes,
    }


class Client:
    """A bare client that speaks the manual."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, type_word: str, data: Any) -> None:
        await self.socket.send(json.dumps({"type": type_word, "data": data}, ensure_ascii=False))

    async def hear(self, seconds: float = 60) -> Any:
        return json.loads(await self.hear_raw(seconds))

    async def hear_raw(self, seconds: float = 60) -> str | bytes:
        async with asyncio.timeout(seconds):
            return await self.socket.recv()

    async def hears_nothing(self) -> bool:
        try:
            await self.hear_raw(0.15)
        except TimeoutError:
            return True
        return False

    async def log_in(self, password: str = PASSWORD) -> Any:
        data = {"companyCode": "c", "phone": "p", "password": password, "area": "zhejiang", "role": "法定代表人"}
        await self.say("login", data)
        return await self.hear()

    async def issue(self, **changes: Any) -> None:
        await self.say("invoice_info", order(**changes))


@asynccontextmanager
async def client(sandbox: Sandbox, user_id: str = "1111") -> AsyncIterator[Client]:
    address = f"{sandbox.url}/invoice?userId={user_id}"
    async with connect(address, compression=None, max_size=None, close_timeout=1) as socket:
        yield Client(socket)


@asynccontextmanager
async def logged_in(sandbox: Sandbox, user_id: str = "1111") -> AsyncIterator[Client]:
    async with client(sandbox, user_id) as speaker:
        assert await speaker.log_in() == {"type": "login", "sendToId": user_id, "data": "1"}
        yield speaker


async def get(sandbox: Sandbox, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=60) as http:
        return await http.request(method, sandbox.http_url + path)


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)
