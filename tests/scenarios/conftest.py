"""The stack of a scenario, on either store.

`new_stack` makes one for a test that needs settings of its own or breaks something; `stack` is one worker per store
and test process, shared by the tests that only send it messages: each uses user ids and command ids of its own.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import aside, delete_amqp_objects
from tests.scenarios.stack import Stack


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty store of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def new_stack(amqp_url: str, amqp_prefix: str, database_url: str, tmp_path: Path) -> Callable[..., Stack]:
    """Makes the test's stack; options go to `Stack`. PostgreSQL gets its schema by `prepare`."""

    def make(**options: Any) -> Stack:
        return Stack(amqp_url, amqp_prefix, database_url, tmp_path, **options)

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def shared_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for the shared worker; its server's end takes it away."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'journal.db'}"
    server: str = request.getfixturevalue("postgres_server")
    name = f"t{uuid.uuid4().hex[:12]}"
    aside(_create(server, name))
    return f"{server.rpartition('/')[0]}/{name}"


async def _create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


@pytest.fixture(scope="session")
def shared_prefix(amqp_url: str, shared_database_url: str) -> Iterator[str]:
    """A FAPIAO_PREFIX for the shared worker of this store."""
    assert shared_database_url
    prefix = f"t{uuid.uuid4().hex[:12]}"
    yield prefix
    aside(delete_amqp_objects(amqp_url, prefix))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(
    amqp_url: str, shared_prefix: str, shared_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack whose gateway issues without a scan, with one worker that consumes."""
    settings = {"FAPIAO_ANSWER_TIMEOUT_SECONDS": "6", "FAPIAO_LOGIN_FAILURES": "5"}
    folder = tmp_path_factory.mktemp("stack")
    async with Stack(amqp_url, shared_prefix, shared_database_url, folder, settings=settings) as made:
        await made.begin()
        yield made
