"""What surrounds a worker: rotated passwords, IPv6 probes, few open files, mistyped names; all on one worker."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.scenarios.stack import Stack
from tests.scenarios.test_least_privilege import amqp_user, role, run_script, url_as
from worker.servers.rabbitmq import BrokerControl

__all__ = ["amqp_user"]

pytestmark = pytest.mark.timeout(180)


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
        port = stack.free_port()
        mount(tmp_path / "secrets", url_as(amqp_user, amqp_url), database)
        environment = stack.environment(
            FAPIAO_SECRETS_DIR=str(tmp_path / "secrets"),
            FAPIAO_MAX_LANE="5",
            FAPIAO_LOG_LEVEL="INFO",
            FAPIAO_HTTP_PORT=str(port),
            FAPIAO_WORKER_PORT_8080_TCP="tcp://10.0.0.1:8080",
        )
        for mounted in ("FAPIAO_AMQP_URL", "FAPIAO_DATABASE_URL"):
            del environment[mounted]
        run = "ulimit -Sn 256; exec .venv/bin/python -m worker run"
        worker = stack.start_process(["sh", "-c", run], environment)
        await stack.worker_is_consuming()
        before = await stack.publish_order("u-before")
        await stack.until([before], ["completed"])

        assert "FAPIAO_MAX_LANES" in worker.log()
        assert "FAPIAO_WORKER_PORT" not in worker.log()
        limits = Path(f"/proc/{worker.process.pid}/limits").read_text()
        soft = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
        assert int(soft) > 1024
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://[::1]:{port}/livez")).status_code == 200
            assert (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200

        await rotate(stack, amqp_control, amqp_user, name, postgres_url)
        await asyncio.sleep(1)
        await stack.worker_is_consuming(60)
        after = await stack.publish_order("u-after")
        await stack.until([after], ["completed"])

        assert worker.process.poll() is None
        assert "addresses_read_anew" in worker.log()
        assert "rotated-" not in worker.log()
        stack.check_promises([before, after])


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
