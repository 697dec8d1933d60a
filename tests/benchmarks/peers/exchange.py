"""What every peer does with a command: the exchange of the bare consumer, and the one event of its end.

Frameworks that run tasks in threads get the same over the client's blocking side.
"""

import json
import os
from typing import Any

from websockets.sync.client import connect

from tests.benchmarks.bare_consumer import exchange as in_the_loop

AMQP_URL = os.environ["FAPIAO_AMQP_URL"]
GATEWAY = os.environ["FAPIAO_GATEWAY_URL"]
QUEUE = os.environ["BARE_QUEUE"]
PREFETCH = int(os.environ["FAPIAO_PREFETCH"])


async def issue(order: dict[str, Any], command_id: str) -> bytes:
    """Issue, and tell of it."""
    return _completed(command_id, await in_the_loop(GATEWAY, order, None))


def issue_blocking(order: dict[str, Any], command_id: str) -> bytes:
    """The same for a thread."""
    login = order["login"]
    credentials = {"sellerLoginAccount": login["phone"], "sellerLoginPassword": login["password"]}
    with connect(f"{GATEWAY}/invoice?userId={order['userId']}", max_size=2**20, proxy=None) as socket:
        socket.send(json.dumps({"type": "login", "data": login}))
        assert json.loads(socket.recv())["data"] == "1"
        socket.send(json.dumps({"type": "invoice_info", "data": order["invoice"] | credentials}))
        return _completed(command_id, json.loads(socket.recv())["data"])


def _completed(command_id: str, invoice: object) -> bytes:
    event = {"type": "invoice.issue.completed", "subject": command_id, "data": {"invoice": invoice}}
    return json.dumps(event).encode()
