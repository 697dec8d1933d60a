"""The exchange as an actor of Dramatiq, in threads, acknowledged after completion."""

import threading
from typing import Any

import dramatiq
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from tests.benchmarks.peers.exchange import AMQP_URL, PREFETCH, QUEUE, issue_blocking

broker = RabbitmqBroker(url=AMQP_URL, confirm_delivery=True)
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="issue", queue_name=QUEUE)
def handle(order: dict[str, Any], command_id: str, replies: str) -> None:
    """One command."""
    told = issue_blocking(order, command_id)
    broker.channel.basic_publish("", replies, told, pika.BasicProperties(delivery_mode=2))


broker.declare_queue(QUEUE, ensure=True)
dramatiq.Worker(broker, worker_threads=min(PREFETCH, 200)).start()
threading.Event().wait()
