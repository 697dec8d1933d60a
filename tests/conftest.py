"""Fixtures for every level: addresses of real servers, and names that no other test uses.

Guarantees that a test sees nothing of another: its own AMQP prefix, its own database. What a test makes under its
prefix is removed after it. A server that cannot be had is an error, never a skip.
"""

import asyncio
import concurrent.futures
import gc
import json
import os
import uuid
from collections.abc import Coroutine, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import servers
from tests.examples import IS_FAST, MOST_WHEN_FAST
from tests.logs import use_plain_logs

ROOT = Path(__file__).resolve().parents[1]
QUEUES = ("issue", "query", "dead", "unrouted")
NOTABLE_SECONDS = 0.1
SHORT = ("conformance", "golden", "unit")
LONGEST = (
    "scenarios/test_store_faults.py",
    "integration/test_amqp_outages.py",
    "scenarios/test_broker_faults.py",
    "generated/test_models.py",
    "scenarios/test_clients.py",
    "scenarios/test_chaos.py",
    "model/test_model.py",
)
"""Modules that one process goes through in a minute or more, for their tests share what is dear, and the longest test.
They come before all others: one that begins last leaves the other processes without work."""
EXCHANGES = ("commands", "events", "unrouted", "dead")
# Only where a Docker engine is: `tests/run --docker` sets this and says when it is left out.
collect_ignore = [] if os.environ.get("TEST_DOCKER") else ["images"]


# A machine that is slow or busy is no fault of what is tested.
hypothesis.settings.register_profile("whole", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("fast", hypothesis.settings.get_profile("whole"), max_examples=MOST_WHEN_FAST)
hypothesis.settings.load_profile("fast" if IS_FAST else "whole")
use_plain_logs()
for setting in [name for name in os.environ if name.startswith("FAPIAO_")]:
    del os.environ[setting]  # of the developer's shell
gc.disable()  # until all is collected, which lives to the end


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for garbage in what the tests make, and not again and again in all the tests themselves."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """As pytest does it, without a report of each fixture that went well at once: two of three reports, which are
    packed, sent and counted, and told nothing."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration > NOTABLE_SECONDS:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell `tests/run` how many there were of each outcome."""
    if place := os.environ.get("TEST_NUMBERS"):
        numbers = {outcome: len(reports) for outcome, reports in terminalreporter.stats.items()}
        Path(place).write_text(json.dumps(numbers), encoding="utf-8")


def pytest_report_header() -> list[str]:
    """Say so where a part is left out."""
    return [f"tests/{part} is left out: it needs a Docker engine (tests/run --docker)" for part in collect_ignore]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that what is short fills the cores while the last of it waits."""
    items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0]))


def _turn(path: str) -> tuple[int, bool, bool]:
    longest = next((turn for turn, name in enumerate(LONGEST) if path == f"tests/{name}"), len(LONGEST))
    return longest, _part(path) in SHORT, _part(path) != "scenarios"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Of `--dist loadgroup`, whose own groups come to nothing with pytest 9.2."""
    return Scheduler(config, log) if config.getoption("dist") == "loadgroup" else None


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests singly, but a module as a whole where its tests share what is dear (it names a group, or a broker
    of its own), or are many and short: handing each out takes longer than most of them."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if _is_handed_out_whole(path) else nodeid


@cache
def _is_handed_out_whole(path: str) -> bool:
    if _part(path) in SHORT:
        return True
    text = (ROOT / path).read_text(encoding="utf-8")
    return "xdist_group" in text or "own_rabbit" in text


def _part(path: str) -> str:
    return path.split("/")[1]


@pytest.fixture(scope="session")
def amqp_server() -> Iterator[dict[str, str]]:
    """The broker that tests share, as the environment that describes it."""
    server, described = servers.shared_rabbit(print)
    yield described
    server.close()


@pytest.fixture(scope="session")
def amqp_url(amqp_server: dict[str, str]) -> str:
    """Address of the shared broker. Do not break it: `own_rabbit` is there for that."""
    return amqp_server[servers.AMQP_URL]


@pytest.fixture(scope="session")
def amqp_control(amqp_server: dict[str, str]) -> servers.Control:
    """`rabbitmqctl` on the shared broker, where that was started here. A call takes a second or two."""
    if servers.AMQP_CONTROL not in amqp_server:
        pytest.fail("The shared broker was given by address only; use the fixture own_rabbit for rabbitmqctl.")
    return servers.read_control(amqp_server[servers.AMQP_CONTROL])


@pytest.fixture
def amqp_prefix(amqp_url: str) -> Iterator[str]:
    """A value for FAPIAO_PREFIX that is this test's own. What is declared under it is deleted afterwards."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    yield prefix
    aside(delete_amqp_objects(amqp_url, prefix))


@pytest.fixture
def reply_queue(amqp_url: str, amqp_prefix: str) -> str:
    """A durable queue of this test's own, to name as `reply_to`."""
    name = f"{amqp_prefix}.replies"
    aside(_declare_queue(amqp_url, name))
    return name


@pytest.fixture(scope="module")
def own_node() -> Iterator[servers.Broker]:
    """The broker behind `own_rabbit`, one start per module."""
    broker = servers.start_rabbit(print)
    yield broker
    broker.close()


@pytest.fixture
def own_rabbit(own_node: servers.Broker) -> servers.Broker:
    """A broker that the test may stop, kill, restart and reconfigure. It runs when the test begins."""
    try:
        aside(_open_and_close(own_node.url()))
    except OSError:  # the test before left it stopped
        own_node.start()
    return own_node


@pytest.fixture(scope="module")
def own_database() -> Iterator[servers.Database]:
    """A PostgreSQL that the tests of a module may stop, kill and reconfigure."""
    database = servers.start_postgres(print)
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of the shared PostgreSQL's maintenance database."""
    server, described = servers.shared_postgres(print)
    yield described[servers.DATABASE_URL]
    server.close()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Address of an empty database that is this test's own."""
    name = f"t{uuid.uuid4().hex[:12]}"
    aside(_execute(postgres_server, f'CREATE DATABASE "{name}"'))
    before, _, _ = postgres_server.rpartition("/")
    yield f"{before}/{name}"
    aside(_execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Address of a SQLite file that is this test's own and does not exist yet."""
    return f"sqlite:///{tmp_path / 'journal.db'}"


def aside(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on a loop of its own in another thread, so that the test's loop is left alone."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def _open_and_close(url: str) -> None:
    async with await aio_pika.connect(url):
        pass


async def _declare_queue(url: str, name: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(name, durable=True)


async def delete_amqp_objects(url: str, prefix: str) -> None:
    """Delete what carries the prefix. Deleting what is not there is no error in RabbitMQ."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in (*QUEUES, "replies"):
            await channel.queue_delete(f"{prefix}.{queue}")
        for exchange in EXCHANGES:
            await channel.exchange_delete(f"{prefix}.{exchange}")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
