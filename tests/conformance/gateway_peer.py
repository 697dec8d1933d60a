"""What the gateway's conformance tests share: an impatient client, an order, and ears."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pydantic import SecretStr

from worker.gateway.client import WebSocketGateway
from worker.ports import GatewaySession, LoginFields, SessionEvent, Submission
from worker.settings import Settings

USER_ID = "用户/1 &2"
PASSWORD = "Geheim-4711"


def settings_for(url: str, **changes: Any) -> Settings:
    """Settings of an impatient client."""
    chosen = {"connect_timeout_seconds": 2, "close_timeout_seconds": 1, **changes}
    return Settings(_env_file=None, gateway_url=url, **chosen)


def login(password: str = PASSWORD) -> LoginFields:
    return LoginFields("91330000SANDBOX001", "13900000000", SecretStr(password), "zhejiang", "法定代表人")


def submission(fault: str = "", lines: int = 1) -> Submission:
    """An invoice that asks the sandbox for a fault by a magic value."""
    line = {"name": "咨询费", "quantity": "2", "spec": "", "unit": "次", "unitPrice": "100.50"}
    return Submission(
        {
            "buyerName": "买方有限公司",
            "buyerIndentification": "91330000SANDBOX002",
            "buyerInvoiceType": 0,
            "buyerType": 0,
            "invoiceItems": [line] * lines,
            "remark": f"#fault={fault}" if fault else "订单号:7",
            "sellerName": "卖方有限公司",
            "sellerIndentification": "91330000SANDBOX001",
            "sellerBank": "招商银行",
            "sellerBankAccount": "9876543210",
        },
        "13900000000",
        SecretStr(PASSWORD),
    )


@contextlib.asynccontextmanager
async def session_with(url: str, user_id: str = USER_ID, **changes: Any) -> AsyncIterator[GatewaySession]:
    """An open session, closed at the end."""
    gateway = WebSocketGateway(settings_for(url, **changes))
    session = await gateway.connect(user_id)
    try:
        yield session
    finally:
        await session.close()
        gateway.close()


async def heard(session: GatewaySession) -> SessionEvent:
    async with asyncio.timeout(5):
        return await session.receive()
