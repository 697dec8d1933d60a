"""Says once a minute what the settings leave unprotected, so that nobody forgets a switch that was set for an hour."""

import asyncio
from collections.abc import Sequence

import structlog

log = structlog.get_logger()

EVERY_SECONDS = 60.0


class Insecurity:
    """Warns until cancelled; without anything to warn of it is quiet."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences

    async def run(self) -> None:
        """Warn at once, and each minute."""
        while True:
            self.run_once()
            await asyncio.sleep(EVERY_SECONDS)

    def run_once(self) -> int:
        """Returns how many warnings were logged."""
        for sentence in self._sentences:
            log.warning("insecure", reason=sentence)
        return len(self._sentences)
