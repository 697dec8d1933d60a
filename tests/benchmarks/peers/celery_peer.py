"""The exchange as a task of Celery, in threads, acknowledged after completion."""

from typing import Any

from celery import Celery
from kombu import Queue

from tests.benchmarks.peers.exchange import AMQP_URL, PREFETCH, QUEUE, issue_blocking

app = Celery(broker=AMQP_URL)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_queues=[Queue(QUEUE, no_declare=True, queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    broker_transport_options={"confirm_publish": True},
)


@app.task(name="issue")
def handle(order: dict[str, Any], command_id: str, replies: str) -> None:
    """One command."""
    told = issue_blocking(order, command_id)
    with app.producer_pool.acquire(block=True) as producer:
        producer.publish(told, routing_key=replies, content_type="application/json", content_encoding="utf-8")


app.Worker(
    pool="threads",
    concurrency=min(PREFETCH, 200),
    without_gossip=True,
    without_mingle=True,
    without_heartbeat=True,
    loglevel="WARNING",
).start()
