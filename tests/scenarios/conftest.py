"""The stack of a scenario, on either store."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
async def stack(new_stack: Callable[..., Stack]) -> AsyncIterator[Stack]:
    """A stack whose gateway issues without a scan, with one worker that consumes."""
    async with new_stack() as made:
        await made.prepare()
        made.start_worker()
        await made.worker_is_consuming()
        yield made
