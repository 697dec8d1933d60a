"""What surrounds a worker: passwords, addresses, open files, mistyped names, logs; on as few workers as can show it."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import asyncpg
from pamqp.common import FieldTable

from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from tests.scenarios.test_least_privilege import GRANT_FILE, amqp_user, role, run_script, url_as
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.amqp.connections import Address, open_link
from worker.amqp.topology import Topology, declare_over
from worker.servers.processes import free_port
from worker.servers.rabbitmq import BrokerControl

__all__ = ["amqp_user"]


def mount(directory: Path, amqp_url: str, database_url: str) -> None:
    """Write the secrets as a mounted Secret has them."""
    directory.mkdir(exist_ok=True)
    (directory / "fapiao_amqp_url").write_text(amqp_url)
    (directory / "fapiao_database_url").write_text(database_url)


async def test_a_worker_lives_through_rotated_passwords_and_says_what_is_odd(
    amqp_url: str,
    amqp_prefix: str,
    amqp_user: str,
    amqp_control: BrokerControl,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    run_script(amqp_control, amqp_user, amqp_prefix)
    async with contextlib.AsyncExitStack() as opened:
        stack = await opened.enter_async_context(Stack(amqp_url, amqp_prefix, postgres_url, tmp_path))
        await stack.prepare()
        name, database = await opened.enter_async_context(role(postgres_url))
        mount(tmp_path / "secrets", url_as(amqp_user, amqp_url), database)
        environment = stack.environment(
            FAPIAO_SECRETS_DIR=str(tmp_path / "secrets"),
            FAPIAO_MAX_LANE="5",
            FAPIAO_LOG_LEVEL="INFO",
            FAPIAO_HTTP_PORT=str(port := free_port()),
            FAPIAO_WORKER_PORT_8080_TCP="tcp://10.0.0.1:8080",
        )
        for mounted in ("FAPIAO_AMQP_URL", "FAPIAO_DATABASE_URL"):
            del environment[mounted]
        run = "ulimit -Sn 256; exec .venv/bin/python -m worker run"
        worker = stack.start_process(["sh", "-c", run], environment)
        await stack.worker_is_consuming()
        before = await stack.publish_order("u-before")
        await stack.until([before], ["completed"])

        await worker.logged("FAPIAO_MAX_LANES")
        assert "FAPIAO_WORKER_PORT" not in worker.log()
        limits = Path(f"/proc/{worker.process.pid}/limits").read_text()
        soft = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
        assert int(soft) > 1024
        assert (await stack.ask(port, "/livez", "[::1]")).status_code == 200
        await until_ready_says(stack, port, "ok\n")

        await rotate(stack, amqp_control, amqp_user, name, postgres_url)
        await asyncio.sleep(1)
        await stack.worker_is_consuming()
        after = await stack.publish_order("u-after")
        await stack.until([after], ["completed"])

        withdrawn = await withdraw_rights(stack, amqp_control, amqp_user, name, port)

        assert worker.process.poll() is None
        await worker.logged("settings_read_anew")
        assert "rotated-" not in worker.log()
        stack.check_promises([before, after, withdrawn])


async def withdraw_rights(stack: Stack, control: BrokerControl, user: str, role_name: str, port: int) -> str:
    """All that the worker may do at the broker is taken away, but to read, and all at the database; then both are given
    back. What came meanwhile was not begun, for nobody would have been told. Returns an order that came then."""
    told = stack.workers[0].log().count("nothing_begun")
    await asyncio.to_thread(control.ctl, "set_permissions", "-p", "/", user, "^$", "^$", ".*")
    await asyncio.to_thread(control.ctl, "close_all_user_connections", user, "withdrawn")
    await until_ready_says(stack, port, "not publishing")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while stack.workers[0].log().count("nothing_begun") == told:
            await asyncio.sleep(0.05)
    untold = await stack.publish_order("u-untold")

    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role_name}")
        await until_ready_says(stack, port, "no lease")
        untaken = await stack.publish_order("u-untaken")
        assert (stack.submissions(untold), stack.submissions(untaken)) == (0, 0)
        await connection.execute(GRANT_FILE.read_text(encoding="utf-8").replace("fapiao_worker", role_name))
    finally:
        await connection.close()
    await asyncio.to_thread(run_script, control, user, stack.prefix)
    await stack.until([untold, untaken], ["completed"])
    await until_ready_says(stack, port, "ok\n")
    stack.check_promises([untold])
    return untaken


async def until_ready_says(stack: Stack, port: int, what: str) -> None:
    """Wait until `/readyz` says this."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while what not in (await stack.ask(port, "/readyz")).text:
            await asyncio.sleep(0.2)


async def rotate(stack: Stack, control: BrokerControl, user: str, role_name: str, owner_url: str) -> None:
    """Both passwords change, the Secret is mounted a moment later, and all connections are closed."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(f"ALTER ROLE {role_name} PASSWORD 'rotated-{role_name}'")
        await asyncio.to_thread(control.ctl, "change_password", user, f"rotated-{user}")
        await asyncio.to_thread(control.ctl, "close_all_user_connections", user, "rotated")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
        await connection.execute(end, role_name)
        await asyncio.sleep(1)
        amqp, database = url_as(user, stack.amqp_url), url_as(role_name, owner_url)
        mount(
            stack.folder / "secrets",
            amqp.replace(f":{user}@", f":rotated-{user}@"),
            database.replace(f":{role_name}@", f":rotated-{role_name}@"),
        )
    finally:
        await connection.close()


@contextlib.contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing more, for nobody reads it: its two ends. They are closed afterwards."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    try:
        yield reading, writing
    finally:
        for end in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(end)


async def expire_an_order(stack: Stack) -> str:
    """Publish one that dies in the queue before any worker runs."""
    async with open_link(Address(stack.amqp_url), "test", 10, 1) as link:
        await declare_over(link, Topology(stack.prefix))
    order = stack.new_id()
    await stack.publish(order, make_order(order, "u-expired"), expiration=0.2)
    await asyncio.sleep(1)
    return order


async def full_queue(stack: Stack) -> str:
    """A queue that refuses whatever comes."""
    name = f"{stack.prefix}.full"
    arguments: FieldTable = {"x-max-length": 1, "x-overflow": "reject-publish"}
    await stack.channel.declare_queue(name, durable=True, arguments=arguments)
    await stack.channel.default_exchange.publish(aio_pika.Message(b"full"), name)
    return name


async def test_a_worker_whose_log_nobody_reads_does_its_work(
    amqp_url: str, amqp_prefix: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Beside: what expired in the broker is told, and a reply to a queue that stays full is set aside."""
    async with Stack(amqp_url, amqp_prefix, sqlite_url, tmp_path) as stack:
        expired = await expire_an_order(stack)
        port = free_port()
        environment = stack.environment(FAPIAO_HTTP_PORT=str(port), FAPIAO_REPLY_TTL_SECONDS="3")
        with full_pipe() as (reading, writing):
            process = subprocess.Popen([sys.executable, "-m", "worker", "run"], env=environment, stderr=writing)  # noqa: ASYNC220
            try:
                os.close(writing)
                await stack.worker_is_consuming()
                await stack.until([expired], ["failed"])
                assert stack.last(expired, "failed")["code"] == "deadline_exceeded"
                assert stack.submissions(expired) == 0

                unheard = stack.new_id()
                await stack.publish(unheard, make_order(unheard, "u-full"), reply_to=await full_queue(stack))
                heard = await stack.publish_order("u-heard")
                await stack.until([heard], ["completed"])

                os.close(reading)  # now each line is refused, and a repeated command is a line that intake logs
                await stack.publish(heard, make_order(heard, "u-heard"))
                after = await stack.publish_order("u-after")
                await stack.until([after], ["completed"])
                assert process.poll() is None
                assert (await stack.ask(port, "/readyz")).status_code == 200
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await lines_dropped(stack, port) == 0:
                        await asyncio.sleep(0.2)
                await until_set_aside(stack, unheard)
                stack.check_promises([heard, after])
            finally:
                process.kill()
                process.wait(60)


async def lines_dropped(stack: Stack, port: int) -> float:
    """How many lines of its log the worker could not write."""
    told = (await stack.ask(port, "/metrics")).text
    (lost,) = re.findall(r"^fapiao_log_lines_dropped (\S+)$", told, re.MULTILINE)
    return float(lost)


async def until_set_aside(stack: Stack, command_id: str) -> None:
    """Wait until `replies list` names a reply of this command."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while command_id not in (await stack.command_line("replies", "list", "--json")).stdout:
            await asyncio.sleep(0.5)
