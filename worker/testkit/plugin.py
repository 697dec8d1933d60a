"""The pytest plugin: `pip install 'fapiao-worker[qr,sandbox,testkit]'`, and these fixtures are there.

Guarantees: nothing starts before a test asks for it, nothing is left running afterwards, not even after a SIGKILL, and
without a broker a test fails with the sentence that says what to do. Loaded by every pytest of the environment, so it
imports nothing of the worker before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from worker.testkit.broker import KitBroker
    from worker.testkit.processes import KitSandbox, KitWorker
    from worker.testkit.scenario import Scenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """A broker of one's own choice."""
    text = "RabbitMQ for the fapiao_… fixtures, as amqp://user:password@host:port/vhost; without it one is started"
    parser.getgroup("fapiao").addoption("--fapiao-broker", metavar="URL", help=text)
    parser.addini("fapiao_broker", text, default="")


@pytest.fixture(scope="session")
def fapiao_settings() -> dict[str, str]:
    """Override it: FAPIAO_* settings for the worker, beside the kit's own, which are short waits."""
    return {}


@pytest.fixture(scope="session")
def fapiao_sandbox_options() -> list[str]:
    """Override it: what `fapiao-worker sandbox` is started with. By default scans confirm themselves."""
    return ["--auto-scan", "0.2"]


@pytest.fixture(scope="session")
def fapiao_broker(request: pytest.FixtureRequest) -> Iterator[KitBroker]:
    """A RabbitMQ: the one named by `--fapiao-broker`, the ini `fapiao_broker` or FAPIAO_AMQP_URL, else one that is
    started for this run: installed, or in a container."""
    from worker.servers import CannotProvisionError
    from worker.testkit.broker import obtained

    named = request.config.getoption("--fapiao-broker") or request.config.getini("fapiao_broker")
    try:
        with obtained(named or None) as broker:
            yield broker
    except CannotProvisionError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def _fapiao_gateway(fapiao_sandbox_options: list[str]) -> Iterator[KitSandbox]:
    from worker.testkit.processes import KitSandbox

    with KitSandbox(fapiao_sandbox_options) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def _fapiao_process(
    fapiao_broker: KitBroker, _fapiao_gateway: KitSandbox, fapiao_settings: dict[str, str]
) -> Iterator[KitWorker]:
    from worker.testkit.processes import KitWorker

    with KitWorker(fapiao_broker, _fapiao_gateway.url, fapiao_settings) as worker:
        yield worker


@pytest.fixture
def fapiao_sandbox(_fapiao_gateway: KitSandbox) -> KitSandbox:
    """The stand-in for the gateway, with empty books and no armed fault."""
    _fapiao_gateway.reset()
    return _fapiao_gateway


@pytest.fixture
def fapiao_worker(_fapiao_process: KitWorker, fapiao_sandbox: KitSandbox) -> KitWorker:
    """A worker between broker and sandbox, running; one that a test has stopped or killed is started again."""
    del fapiao_sandbox
    _fapiao_process.start()
    return _fapiao_process


@pytest.fixture
def fapiao(fapiao_worker: KitWorker) -> Iterator[Scenario]:
    """Publishes orders, and hears every event from the beginning of the test on."""
    from worker.testkit.scenario import Scenario

    with Scenario(fapiao_worker.amqp_url, fapiao_worker.prefix) as scenario:
        yield scenario
