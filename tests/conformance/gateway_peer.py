"""What the gateway's conformance tests share: an impatient client, an order, a query, and ears."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from worker.clock import SystemClock
from worker.gateway.client import WebSocketGateway
from worker.gateway.rest import HttpInvoiceDetails
from worker.ports import GatewaySession, LoginFields, QueryEvent, QueryOrder, QuerySession, SessionEvent, Submission
from worker.settings import Settings

SessionT = TypeVar("SessionT", GatewaySession, QuerySession)
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
    async with _closed_after(gateway, await gateway.connect(user_id)) as session:
        yield session


@contextlib.asynccontextmanager
async def query_session_with(url: str, **changes: Any) -> AsyncIterator[QuerySession]:
    """An open session on the query side, closed at the end."""
    gateway = WebSocketGateway(settings_for(url, **changes))
    async with _closed_after(gateway, await gateway.connect_query(USER_ID)) as session:
        yield session


@contextlib.asynccontextmanager
async def _closed_after(gateway: WebSocketGateway, session: SessionT) -> AsyncIterator[SessionT]:
    try:
        yield session
    finally:
        await session.close()
        gateway.close()


@contextlib.asynccontextmanager
async def details_of(url: str, **changes: Any) -> AsyncIterator[HttpInvoiceDetails]:
    """The HTTP look-ups, closed at the end. They repeat at once: nobody waits in a test."""
    chosen = {"retry_min_seconds": 0.001, "retry_max_seconds": 0.01, **changes}
    details = HttpInvoiceDetails(settings_for(url, **chosen))
    try:
        yield details
    finally:
        await details.aclose()


def query_order(fault: str = "", page: int = 1, size: int = 10, **condition: Any) -> QueryOrder:
    """A query of one year that asks the sandbox for a fault by a magic value."""
    chosen = {"queryType": 0, "startInvoiceDate": "2024-01-01", "endInvoiceDate": "2024-12-31", **condition}
    password = f"{PASSWORD}#fault={fault}" if fault else PASSWORD
    return QueryOrder(login(password), chosen, size, page)


async def heard(session: GatewaySession) -> SessionEvent:
    async with asyncio.timeout(60):
        return await session.receive()


async def heard_of_query(session: QuerySession) -> QueryEvent:
    async with asyncio.timeout(60):
        return await session.receive()


@contextlib.asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
) -> AsyncIterator[str]:
    """A TCP server that is no gateway."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SystemClock().now() - timedelta(days=1))
        .not_valid_after(SystemClock().now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "gateway.pem"
    path.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return path
