"""What `doctor` finds on a real broker."""

import pytest

from worker.amqp.connections import Address, open_link
from worker.amqp.topology import Topology, declare_over
from worker.cli.broker import answered
from worker.cli.doctor.broker import check_broker
from worker.cli.doctor.diagnosis import Diagnosis, Grade
from worker.settings import Settings


async def look(amqp_url: str, prefix: str, *, declare: bool = True) -> dict[str, Diagnosis]:
    """The findings on queues, by the queue's short name."""
    findings = await check_broker(Settings(_env_file=None, amqp_url=amqp_url, prefix=prefix, declare=declare))
    names = [queue.name for queue in Topology(prefix).queues]
    assert len([finding for finding in findings if finding.subject == "queue"]) == len(names)
    return {
        name.removeprefix(f"{prefix}."): finding
        for name in names
        for finding in findings
        if finding.subject == "queue" and name in finding.says
    }


@pytest.fixture
def topology(amqp_prefix: str) -> Topology:
    return Topology(amqp_prefix)


async def test_every_queue_is_named_with_what_it_is_bound_to(amqp_url: str, topology: Topology) -> None:
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        await declare_over(link, topology)

    found = await look(amqp_url, topology.prefix)

    assert {finding.verdict for finding in found.values()} == {Grade.OK}
    assert found["issue"].says.endswith("0 waiting, 0 consumers; bound to invoice.issue")
    assert found["query"].says.endswith(
        "bound to invoice.query, invoice.download, invoice.items, invoice.files, invoice.stored, invoice.check, "
        "invoice.audit"
    )


async def test_where_the_worker_declares_nothing_doctor_binds_nothing(amqp_url: str, topology: Topology) -> None:
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        await declare_over(link, topology)

    found = await look(amqp_url, topology.prefix, declare=False)

    assert "bound" not in found["query"].says


async def test_a_queue_that_is_missing_is_a_failure_only_where_the_worker_does_not_declare_it(
    amqp_url: str, topology: Topology
) -> None:
    assert (await look(amqp_url, topology.prefix))["query"].verdict is Grade.OK
    assert (await look(amqp_url, topology.prefix, declare=False))["query"].verdict is Grade.FAIL


async def test_commands_that_nobody_takes_are_a_warning(amqp_url: str, topology: Topology) -> None:
    """One waiting and no consumers was called ok."""
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        await declare_over(link, topology)
        channel = await link.open_channel(confirms=True)
        await channel.basic_publish(b"{}", exchange=topology.commands_exchange, routing_key="invoice.issue")

    findings = await check_broker(Settings(_env_file=None, amqp_url=amqp_url, prefix=topology.prefix))

    (found,) = [finding for finding in findings if finding.subject == "consumers"]
    assert found.verdict is Grade.WARN
    assert found.says == f"no worker takes from {topology.issue_queue}, where 1 commands wait"


async def test_an_exchange_that_is_gone_is_a_failure(amqp_url: str, topology: Topology) -> None:
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        await declare_over(link, topology)
        channel = await link.open_channel(confirms=False)
        await answered(channel.exchange_delete(topology.commands_exchange))

    found = await look(amqp_url, topology.prefix)

    assert found["query"].verdict is Grade.FAIL
    assert f"exchange {topology.commands_exchange} is missing" in found["query"].says
    assert found["unrouted"].verdict is Grade.OK
