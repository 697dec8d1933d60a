"""No secret leaves: every flow and every fault of the gateway is run with marked secrets through real processes, and
every output is searched for the marks; personal numbers are searched for in the logs.

What a dead letter's body holds is what its sender wrote, untouched; its headers are searched.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from tests.plain_http import NO_TLS
from tests.scenarios.messages import make_order
from tests.scenarios.stack import JOURNAL_KEY, Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.sandbox.faults import FAULTS
from worker.sandbox.server import SandboxOptions
from worker.servers.processes import free_port
from worker.servers.rabbitmq import BrokerControl

MARK = "MARKED5ecret"
"""Part of every secret of this test: a command's passwords, a credential's, the broker's, the database's, a header."""
PERSONAL = {
    "citizen id": "11010519491231002X",
    "phone": "13800138000",
    "bank account": "6222020200112233445",
    "seller's account": "9876543210987654321",
}
ENDS = ("completed", "failed", "rejected", "in_doubt")
WAITS = {
    "FAPIAO_LOGIN_TIMEOUT_SECONDS": "2",
    "FAPIAO_ANSWER_TIMEOUT_SECONDS": "2",
    "FAPIAO_SCAN_TIMEOUT_SECONDS": "2",
    "FAPIAO_RESULT_TIMEOUT_SECONDS": "1",
    "FAPIAO_LOGIN_ATTEMPTS": "1",
    "FAPIAO_LOG_LEVEL": "debug",
}
SHORT = {"login_slow": "=0.5", "slow": "=0.5", "result_late": "=0.5"}
"""Faults that wait, for less time."""


@pytest.fixture
def broker_url(amqp_url: str, amqp_control: BrokerControl) -> Iterator[str]:
    """The broker as a user whose password is marked."""
    name, parts = f"m{uuid.uuid4().hex[:10]}", urlsplit(amqp_url)
    amqp_control.ctl("add_user", name, f"{MARK}-broker")
    amqp_control.ctl("set_permissions", "-p", "/", name, ".*", ".*", ".*")
    yield f"amqp://{name}:{MARK}-broker@{parts.hostname}:{parts.port}/"
    amqp_control.ctl("delete_user", name)


def marked_order(name: str, user: str, **changes: Any) -> dict[str, Any]:
    """An order full of secrets and of personal numbers."""
    order = make_order(name, user, password=changes.pop("password", f"{MARK}-login"), **changes)
    order["login"]["phone"] = PERSONAL["phone"]
    order["invoice"] |= {
        "sellerLoginPassword": f"{MARK}-seller",
        "buyerType": 1,
        "buyerIndentification": PERSONAL["citizen id"],
        "buyerBank": "招商银行",
        "buyerBankAccount": PERSONAL["bank account"],
    }
    return order


def credentials_in(folder: Path) -> Path:
    """A directory with a login whose password is marked."""
    directory = folder / "credentials"
    directory.mkdir()
    login = make_order("x")["login"] | {"phone": PERSONAL["phone"], "password": f"{MARK}-credential"}
    (directory / "shop.json").write_text(json.dumps(login), encoding="utf-8")
    return directory


async def publish_every_fault(stack: Stack) -> list[str]:
    """An order for each fault of the sandbox, each on a lane and with a login of its own."""
    sent: list[str] = []
    for name, fault in FAULTS.items():
        command_id, asked = stack.new_id(), name + SHORT.get(name, "")
        if "invoice" in fault.phases:
            order = marked_order(command_id, f"u-{name}", fault=asked)
        elif "login" in fault.phases:
            order = marked_order(command_id, f"u-{name}", password=f"{MARK}-login#fault={asked}")
        else:
            kind = name.removeprefix("handshake_")
            order = marked_order(command_id, f"deny-{kind}-x")
        if "invoice" not in fault.phases:  # it would be tried again for half an hour
            order["deadline"] = stack.in_seconds(8)
        order["login"]["companyCode"] = f"9133070{len(sent):03d}MA2M37T"[:18]
        await stack.publish(command_id, order)
        sent.append(command_id)
    return sent


async def publish_every_flow(stack: Stack) -> list[str]:
    """Good and bad commands: by credential, repeated, reused, rejected for a secret in a wrong place, unreadable."""
    good, reused = stack.new_id(), stack.new_id()
    named = marked_order(stack.new_id(), "u-credential", credential="shop")
    missing = marked_order(stack.new_id(), "u-missing", credential="nobody")
    del named["login"], missing["login"]
    misplaced = marked_order("x", "u-bad") | {"password": f"{MARK}-top", "credential": f"{MARK}-name"}
    misspelt = marked_order("x", "u-bad")
    misspelt["login"]["pasword"] = f"{MARK}-misspelt"
    wrong_kind = marked_order("x", "u-bad")
    wrong_kind["login"]["password"] = [f"{MARK}-list"]
    bodies: list[Any] = [named, missing, misplaced, misspelt, wrong_kind]
    bodies += [f'{{"login": {{"password": "{MARK}-torn'.encode(), f'["{MARK}"]'.encode(), f'"{MARK}"'.encode()]
    sent = [good, reused]
    await stack.publish(good, marked_order(good, "u-good", orderNo="SO-1"))
    await stack.publish(reused, marked_order(reused, "u-good"))
    await stack.publish(reused, marked_order("other", "u-good"))
    for body in bodies:
        sent.append(stack.new_id())
        await stack.publish(sent[-1], body)
    await stack.publish_without_id(marked_order("x", "u-bad"))
    await stack.publish(good, marked_order(good, "u-good", orderNo="SO-1", password=f"{MARK}-other"))
    return sent


async def outputs(stack: Stack, port: int, commands: list[str], folder: Path) -> dict[str, bytes]:
    """Everything that the worker and the command line let out."""
    words = [
        ("status", commands[0], "--json"), ("list", "--json"), ("settings", "--json"), ("doctor", "--json"),
        ("dead", "list", "--json"), ("status", commands[0]),
    ]  # fmt: skip
    async with httpx.AsyncClient(verify=NO_TLS, timeout=PATIENCE_SECONDS) as client:
        ledger = (await client.get(f"{stack.sandbox.http_url}/_sandbox/ledger")).content
    found = {
        "events": json.dumps(stack.events, ensure_ascii=False).encode(),
        "events' properties": repr([(m.properties, m.headers) for m in stack.messages]).encode(),
        "metrics": (await stack.ask(port, "/metrics")).content,
        "readiness": (await stack.ask(port, "/readyz")).content,
        "ledger": ledger,
        "database": await database_bytes(stack, folder),
    }
    for number, worker in enumerate(stack.workers):
        found[f"log {number}"] = worker.log().encode()
    for line in words:
        done = await stack.command_line(*line)
        found[" ".join(line)] = (done.stdout + done.stderr).encode()
    found["dead letters' headers"] = repr([m.headers for m in await dead_letters(stack)]).encode()
    return found


async def dead_letters(stack: Stack) -> list[Any]:
    """What was dead-lettered, taken off the queue."""
    queue = await stack.channel.get_queue(f"{stack.prefix}.dead", ensure=False)
    taken = []
    while (message := await queue.get(no_ack=True, fail=False, timeout=60)) is not None:
        taken.append(message)
    return taken


async def test_no_mark_is_found_in_any_output(new_stack: Callable[..., Stack], broker_url: str, tmp_path: Path) -> None:
    """Logs at DEBUG, events, dead letters' headers, metrics, the command line, the sandbox's books, the files of the
    database; with a crash and a takeover in between."""
    settings = WAITS | {
        "FAPIAO_AMQP_URL": broker_url,
        "FAPIAO_CREDENTIALS_DIR": str(credentials_in(tmp_path)),
        "FAPIAO_GATEWAY_HEADERS": json.dumps({"X-Access": f"{MARK}-header"}),
    }
    options = SandboxOptions(qr="always", auto_scan_seconds=0.2)
    async with new_stack(options=options, settings=settings) as stack:
        await stack.prepare()
        if stack.database_url.startswith("postgres"):
            stack.settings["FAPIAO_DATABASE_URL"] = stack.database_url.replace("@", f":{MARK}-database@", 1)
        port = free_port()
        first = stack.start_worker(http_port=str(port))
        await stack.worker_is_consuming()
        assert "Max core file size        0                    0" in limits_of(first.process.pid)
        flows = await publish_every_flow(stack)
        await stack.until(flows[:1], ENDS)
        faults = await publish_every_fault(stack)
        await stack.until_submitted(faults[-1])
        first.kill()
        stack.start_worker(http_port=str(port))
        await stack.until(flows + faults, ENDS)
        await asyncio.sleep(1)

        found = await outputs(stack, port, flows, tmp_path)

        assert flows[0].encode() in found["database"]
        assert flows[0].encode() in found["log 0"]
        empty = [where for where, content in found.items() if len(content) < 2]
        assert empty == []
        assert [where for where, content in found.items() if MARK.encode() in content] == []
        assert [where for where, content in found.items() if JOURNAL_KEY.encode() in content] == []
        logs = b"".join(content for where, content in found.items() if where.startswith("log "))
        assert [name for name, number in PERSONAL.items() if number.encode() in logs] == []
        told = {outcome for command in flows + faults for outcome in stack.said(command)}
        assert {"qr_required", *ENDS} <= told


def limits_of(pid: int) -> str:
    """The limits of a process, as the kernel tells them."""
    return Path(f"/proc/{pid}/limits").read_text(encoding="ascii")


async def database_bytes(stack: Stack, folder: Path) -> bytes:
    """SQLite's files as they are, the write-ahead log among them; for PostgreSQL every row of every table as text, and
    the cluster's own files, its write-ahead log too, where they lie on this machine."""
    if stack.database_url.startswith("sqlite"):
        files = [path for path in sorted(folder.glob("journal.db*")) if path.is_file() and path.suffix != ".key"]
        return b"".join(path.read_bytes() for path in files)
    connection = await asyncpg.connect(stack.database_url)
    dump = [str(row[0]).encode() for row in await connection.fetch("SELECT name FROM pg_settings LIMIT 1")]
    for (table,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for row in await connection.fetch(f'SELECT * FROM "{table}"'):  # noqa: S608  names from the catalogue
            dump += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    await connection.execute("CHECKPOINT")
    home = Path(await connection.fetchval("SHOW data_directory"))
    database = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
    await connection.close()
    for part in (home / "base" / str(database), home / "pg_wal"):
        if part.exists():
            dump += [file.read_bytes() for file in part.iterdir() if file.is_file()]
    return b"\n".join(dump)
