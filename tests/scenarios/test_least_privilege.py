"""The worker runs with just the rights that `deploy/permissions` gives, and `doctor` names each one that is missing."""

import contextlib
import json
import os
import re
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.scenarios.messages import make_order
from tests.scenarios.stack import ROOT, Stack
from worker.amqp.topology import RIGHTS, Topology, needs, patterns
from worker.journal.postgres.schema import GRANTS
from worker.servers.rabbitmq import BrokerControl

SCRIPT = ROOT / "deploy" / "permissions" / "rabbitmq"
GRANT_FILE = ROOT / "deploy" / "permissions" / "postgres.sql"


@pytest.fixture
def amqp_user(amqp_control: BrokerControl) -> Iterator[str]:
    """A user of the shared broker without any right."""
    name = f"u{uuid.uuid4().hex[:10]}"
    amqp_control.ctl("add_user", name, name)
    yield name
    amqp_control.ctl("delete_user", name)


def url_as(user: str, url: str) -> str:
    """The same address, as another user whose password is its name."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{user}:{user}@{parts.hostname}:{parts.port}{parts.path}"


def script_patterns(prefix: str, *, declares: bool = True) -> list[str]:
    """What the script in `deploy/` would set."""
    told = subprocess.run(
        ["sh", str(SCRIPT), "worker", "/", prefix],
        env=os.environ | {"RABBITMQCTL": "printf %s\\n", "DECLARE": str(declares).lower()},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return told.stdout.splitlines()[4:]


@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("prefix", ["fapiao", "a.b-c_1"])
def test_the_script_sets_the_patterns_that_the_code_derives(prefix: str, declares: bool) -> None:
    assert script_patterns(prefix, declares=declares) == list(patterns(Topology(prefix), declares=declares))


@contextlib.asynccontextmanager
async def role(owner_url: str) -> AsyncIterator[tuple[str, str]]:
    """A role that the grant file was run for; yields its name and its address."""
    name = f"r{uuid.uuid4().hex[:10]}"
    connection = await asyncpg.connect(owner_url)
    await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    await connection.execute(GRANT_FILE.read_text(encoding="utf-8").replace("fapiao_worker", name))
    try:
        yield name, url_as(name, owner_url)
    finally:
        await connection.execute(f"DROP OWNED BY {name}")
        await connection.execute(f"DROP ROLE {name}")
        await connection.close()


async def doctor(stack: Stack, **settings: str) -> list[dict[str, Any]]:
    """What `doctor` finds."""
    done = await stack.command_line("doctor", "--json", **settings)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def told(found: list[dict[str, Any]], subject: str) -> list[str]:
    """What is said of a subject, verdict first."""
    return [f"{finding['verdict']} {finding['says']}" for finding in found if finding["subject"] == subject]


async def use_it_all(stack: Stack) -> None:
    """Every statement and every exchange that a worker in operation uses, as far as a caller can bring it about."""
    issued = await stack.publish_order("u-issued", orderNo="SO-1")
    refused = await stack.publish_order("u-login", password="refuse-login")
    rejected = stack.new_id()
    await stack.publish(rejected, b"no command")
    doubt = await stack.publish_order("u-doubt", fault="dropped_after_issuing")
    stray = await stack.publish_order("u-stray", fault="other_invoice_first")
    unheard = stack.new_id()
    await stack.publish(unheard, make_order(unheard, "u-reply"), reply_to=f"{stack.prefix}.nowhere")
    await stack.until_submitted(unheard)
    await stack.until([issued, stray], ["completed"])
    await stack.until([refused], ["failed"])
    await stack.until([rejected], ["rejected"])
    await stack.until([doubt], ["in_doubt"])
    repeat, other = stack.new_id(), await stack.publish_order("u-issued", orderNo="SO-1")
    await stack.publish(repeat, make_order(issued, "u-issued", orderNo="SO-1"))
    await stack.publish(issued, make_order(issued, "u-issued", orderNo="SO-1"), reply_to=f"{stack.prefix}.elsewhere")
    await stack.until([repeat], ["completed"])
    await stack.until([other], ["rejected"])
    freed = await stack.publish_order("u-login", password="refuse-login", orderNo="SO-2")
    await stack.publish(after := stack.new_id(), make_order(freed, "u-login", orderNo="SO-2"))
    await stack.until([after], ["completed"])
    stack.check_promises([issued, refused, doubt, stray])


async def operate(stack: Stack, amqp_control: BrokerControl, amqp_url: str, folder: Path) -> None:
    """The operators' commands with the rights that `deploy/README.md` prints; without them, what is missing is told."""
    name = f"u{uuid.uuid4().hex[:10]}"
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    [printed] = re.findall(r"set_permissions -p / operator '(.*)' '(.*)' '(.*)'", guide)
    order = folder / "order.json"
    order.write_text(json.dumps(make_order("operated")))
    send = ["send", str(order), "--type", "invoice.check"]
    amqp_control.ctl("add_user", name, name)
    try:
        set_rights(amqp_control, name, ["^$", "^$", "^$"])
        rights = {"amqp_url": url_as(name, amqp_url)}
        refused = await stack.command_line(*send, **rights)
        assert (refused.returncode, "may not declare queues" in refused.stderr) == (2, True)
        refused = await stack.command_line("dead", "list", **rights)
        assert (refused.returncode, "may not read queue" in refused.stderr) == (2, True), refused.stderr
        set_rights(amqp_control, name, [each.replace("fapiao", re.escape(stack.prefix)) for each in printed])
        sent = await stack.command_line(*send, **rights)
        assert sent.returncode == 0, sent.stderr
        listed = await stack.command_line("dead", "list", **rights)
        assert listed.returncode == 0, listed.stderr
    finally:
        amqp_control.ctl("delete_user", name)


async def test_a_worker_runs_with_just_these_rights_on_rabbitmq_and_postgresql(
    amqp_url: str,
    amqp_prefix: str,
    amqp_user: str,
    amqp_control: BrokerControl,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """It declares everything itself; issues, refuses, rejects, doubts, keeps strays, dead-letters and follows."""
    run_script(amqp_control, amqp_user, amqp_prefix)
    async with Stack(amqp_url, amqp_prefix, postgres_url, tmp_path) as stack:
        await stack.prepare()
        async with role(postgres_url) as (_, worker_database):
            rights = {"amqp_url": url_as(amqp_user, amqp_url), "database_url": worker_database}
            worker = await stack.begin(**rights)
            await use_it_all(stack)
            found = await doctor(stack, **rights)
            all_rights = len(needs(Topology(amqp_prefix), declares=True))
            assert told(found, "permissions") == [f"ok all {all_rights} that the worker needs, replies among them"]
            assert told(found, "grants") == [f"ok all that the worker needs on {len(GRANTS)} tables"]
            await operate(stack, amqp_control, amqp_url, tmp_path)
            assert worker.process.poll() is None
            assert "InsufficientPrivilege" not in worker.log()
            assert "ACCESS_REFUSED" not in worker.log()
            worker.kill()


async def test_a_worker_that_declares_nothing_needs_less(
    amqp_url: str, amqp_prefix: str, amqp_user: str, amqp_control: BrokerControl, sqlite_url: str, tmp_path: Path
) -> None:
    """Another worker, or an operator, has declared the objects."""
    async with Stack(amqp_url, amqp_prefix, sqlite_url, tmp_path) as stack:
        first = await stack.begin()
        first.kill()
        set_rights(amqp_control, amqp_user, script_patterns(amqp_prefix, declares=False))
        stack.start_worker(amqp_url=url_as(amqp_user, amqp_url), declare="false")
        await stack.worker_is_consuming()
        await use_it_all(stack)


def run_script(control: BrokerControl, user: str, prefix: str) -> None:
    """Run the script in `deploy/` as an operator would, with the node's own rabbitmqctl."""
    environment = os.environ | control.environment | {"RABBITMQCTL": f"{control.scripts}/rabbitmqctl --silent"}
    subprocess.run(["sh", str(SCRIPT), user, "/", prefix], env=environment, check=True, capture_output=True, timeout=60)


def set_rights(control: BrokerControl, user: str, three: "list[str] | tuple[str, ...]") -> None:
    """Set a user's patterns on the virtual host of the tests."""
    control.ctl("set_permissions", "-p", "/", user, *three)


async def test_doctor_names_each_right_that_is_missing_at_rabbitmq(
    amqp_url: str, amqp_prefix: str, amqp_user: str, amqp_control: BrokerControl, sqlite_url: str, tmp_path: Path
) -> None:
    """Without any right each need is named; with one pattern taken away, just the needs of that pattern."""
    topology = Topology(amqp_prefix)
    wanted = needs(topology, declares=True)
    async with Stack(amqp_url, amqp_prefix, sqlite_url, tmp_path) as stack:
        await stack.begin()
        stack.workers[0].kill()
        for without in range(3):
            three = list(patterns(topology, declares=True))
            three[without] = "^$"
            set_rights(amqp_control, amqp_user, three)
            found = await doctor(stack, amqp_url=url_as(amqp_user, amqp_url))
            lacking = {
                f"FAIL the user may not {n.right} {n.kind} {n.name}" for n in wanted if n.right == RIGHTS[without]
            }
            assert set(told(found, "permissions")) == lacking
            assert all(pattern in found_fix(found) for pattern in patterns(topology, declares=True))


def found_fix(found: list[dict[str, Any]]) -> str:
    """The fix that goes with the first missing right."""
    return str(next(finding["fix"] for finding in found if finding["subject"] == "permissions"))


async def test_doctor_names_each_grant_that_is_missing_in_postgresql(
    amqp_url: str, amqp_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    async with Stack(amqp_url, amqp_prefix, postgres_url, tmp_path) as stack:
        await stack.prepare()
        async with role(postgres_url) as (name, worker_database):
            connection = await asyncpg.connect(postgres_url)
            await connection.execute(f"REVOKE DELETE ON outbox FROM {name}; REVOKE UPDATE ON lane FROM {name}")
            await connection.close()
            found = await doctor(stack, database_url=worker_database)
            assert told(found, "grants") == ["FAIL the role lacks update on lane, delete on outbox"]
