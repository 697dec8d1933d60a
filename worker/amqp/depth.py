"""How many messages a queue holds, looked at again and again."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from worker.amqp.connections import Link, ask
from worker.errors import BrokerLost

LOOK_SECONDS: Final = 15.0


async def watch_depth(link: Link, queue: str, tell: Callable[[int], None]) -> None:
    """Tell the depth of a queue until cancelled; nothing while it cannot be asked. Costs one channel."""
    while True:
        with contextlib.suppress(BrokerLost):  # not there, not allowed, or the link is ending: its owner sees to that
            channel = await link.open_channel(confirms=False)
            try:
                while True:
                    declared = await ask(channel.queue_declare(queue, passive=True))
                    tell(declared.message_count or 0)
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                with contextlib.suppress(BrokerLost):
                    await ask(channel.close(), 1)
        await asyncio.sleep(LOOK_SECONDS)
