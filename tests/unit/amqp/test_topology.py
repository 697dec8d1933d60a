"""The names and arguments of the AMQP contract."""

from contracts.commands import CommandType
from worker.amqp.topology import Topology


def test_the_names_begin_with_the_prefix() -> None:
    """As section 4 of the design lists them."""
    topology = Topology("fapiao")

    assert {exchange.name: exchange.kind for exchange in topology.exchanges} == {
        "fapiao.dead": "fanout",
        "fapiao.unrouted": "fanout",
        "fapiao.commands": "direct",
        "fapiao.events": "topic",
    }
    assert {queue.name for queue in topology.queues} == {
        "fapiao.issue",
        "fapiao.query",
        "fapiao.dead",
        "fapiao.unrouted",
        "fapiao.returned",
    }


def test_every_queue_is_a_quorum_queue_bound_to_a_declared_exchange() -> None:
    """Nothing is declared that could not hold a message durably or be reached."""
    topology = Topology("p")
    exchanges = {exchange.name for exchange in topology.exchanges}

    for queue in topology.queues:
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.exchange in exchanges


def test_the_command_queue_dead_letters_at_least_once() -> None:
    """Which needs reject-publish; with another overflow the broker silently does less."""
    (issue,) = [queue for queue in Topology("p").queues if queue.name == "p.issue"]

    assert issue.routing_keys == ("invoice.issue",)
    assert issue.arguments["x-dead-letter-exchange"] == "p.dead"
    assert issue.arguments["x-dead-letter-strategy"] == "at-least-once"
    assert issue.arguments["x-overflow"] == "reject-publish"


def test_the_query_queue_takes_every_other_command_and_dead_letters_alike() -> None:
    """One queue would let a flood of queries stand before an invoice."""
    issue, query = [queue for queue in Topology("p").queues if queue.name in {"p.issue", "p.query"}]

    assert {*issue.routing_keys, *query.routing_keys} == set(CommandType)
    assert query.arguments == issue.arguments


def test_unrouted_events_are_bounded_in_number_and_age() -> None:
    """Nobody may ever read them."""
    (unrouted,) = [queue for queue in Topology("p").queues if queue.name == "p.unrouted"]

    assert unrouted.arguments["x-max-length"] == 100_000
    assert unrouted.arguments["x-message-ttl"] == 7 * 24 * 3600 * 1000


def test_own_queues_are_all_queues() -> None:
    """No reply may ever go there."""
    topology = Topology("p")

    assert topology.own_queues == {"p.issue", "p.query", "p.dead", "p.unrouted", "p.returned"}
    assert set(topology.command_queues) <= topology.own_queues
