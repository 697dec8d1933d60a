"""`fapiao-worker dev`: one command for a day of work, with a broker that it starts itself."""

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.scenarios.beside_dev import Dev
from tests.scenarios.worker_process import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("amqp_server")  # which installs RabbitMQ where need be


def test_an_order_ends_under_the_addresses_printed_and_the_data_outlast_a_kill(tmp_path: Path) -> None:
    """Other commands in the folder find it by themselves; a second one is refused; after SIGKILL nothing runs on, and
    the next start goes on with the same journal, broker and books."""
    with Dev(tmp_path, "--auto-scan", "0.5") as dev:
        assert "amqp://guest:guest@127.0.0.1:" in dev.said
        assert "/%2f" in dev.said
        command = dev.call("example").stdout
        (tmp_path / "order.json").write_text(command)

        sent = dev.call("send", "--json", "--wait-confirmed", "order.json")
        outcomes = [json.loads(line)["type"].rpartition(".")[2] for line in sent.stdout.splitlines()]
        second = dev.call("dev")

        assert (sent.returncode, outcomes) == (0, ["qr_required", "completed", "confirmed"])
        assert second.returncode == 1
        assert "It runs here already" in second.stderr
        assert "confirmed" in dev.said, "it shows the events of others"
        started = dev.descendants()
        assert len(started) > 3
        dev.end(signal.SIGKILL)
        psutil.wait_procs(started, timeout=PATIENCE_SECONDS)

    with Dev(tmp_path, "--quiet") as dev:  # at once: it waits for what the killed one started
        assert json.loads(command)["id"] in dev.call("list").stdout
        started = dev.descendants()
        assert dev.end(signal.SIGTERM) == 0
        assert psutil.wait_procs(started, timeout=PATIENCE_SECONDS)[1] == [], "nothing runs on"
    assert dev.call("list").returncode == 2, "no dev here any more, and no journal where one is by default"


def test_the_sandboxs_clock_moves_the_schedules_of_the_worker_beside_it(tmp_path: Path) -> None:
    """A confirmation that is hours away comes when the clock is moved there, and not before; a worker that was
    started anew goes on from there."""
    (tmp_path / ".env").write_text("FAPIAO_CONFIRM_DELAY_SECONDS=7200\n")
    with Dev(tmp_path, "--auto-scan", "0.5") as dev:
        (tmp_path / "order.json").write_text(dev.call("example").stdout)
        sent = dev.call("send", "--json", "order.json")
        assert sent.returncode == 0, sent.stderr
        issued = ask(dev, "GET", "wait?event=invoice.issued&timeout=20")
        assert "invoice.confirmed" not in dev.said
        asked = ask(dev, "GET", "sessions")["users"]
        assert sum(user["queries"] for user in asked.values()) == 0, "nothing is looked for yet"
        ask(dev, "POST", "clock/advance?seconds=7300")
        ask(dev, "GET", f"wait?event=query.answered&after={issued['number']}&timeout=20")
        told = dev.call("send", "--json", "--wait-confirmed", "order.json")  # the same order: its events again
        confirmed = [
            event for event in map(json.loads, told.stdout.splitlines()) if event["type"].endswith("confirmed")
        ]
        ahead = datetime.fromisoformat(confirmed[0]["time"]) - datetime.now(UTC)  # noqa: TID251  the machine's own
        assert timedelta(hours=1.9) < ahead < timedelta(hours=2.2), "the worker's events are of that time"


def ask(dev: Dev, method: str, path: str) -> Any:
    answer = httpx.request(method, f"{dev.note['sandbox']}/_sandbox/{path}", timeout=PATIENCE_SECONDS, trust_env=False)
    assert answer.is_success, answer.text
    return answer.json()


def test_another_workers_queue_is_left_alone(tmp_path: Path, amqp_url: str, amqp_prefix: str) -> None:
    """Its commands would be answered from the sandbox."""
    shared = {"FAPIAO_AMQP_URL": amqp_url, "FAPIAO_PREFIX": amqp_prefix}
    python = [sys.executable, "-m", "worker"]
    dev = Dev(tmp_path)
    declare = (
        "import asyncio, aio_pika\n"
        "async def main():\n"
        f"    async with await aio_pika.connect({amqp_url!r}) as link:\n"
        "        channel = await link.channel()\n"
        f"        queue = await channel.declare_queue({amqp_prefix + '.issue'!r}, durable=True)\n"
        "        await channel.default_exchange.publish(aio_pika.Message(b'{}'), queue.name)\n"
        "asyncio.run(main())\n"
    )
    assert dev.run([python[0], "-c", declare]).returncode == 0

    refused = dev.run([*python, "dev"], shared)

    assert refused.returncode == 2
    assert f"{amqp_prefix}.issue is there already, with 1 commands. It looks like another worker's" in refused.stderr
