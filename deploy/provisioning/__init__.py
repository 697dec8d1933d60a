"""Puts on a machine what the two commands of a newcomer need: Python packages, RabbitMQ, PostgreSQL.

Standard library only, because it runs before any package is installed; so is `worker.servers`, which starts the
private servers. It guarantees that every server it starts ends with the process that started it and leaves no file and
no process behind. It knows nothing of the rest of the worker.
"""

from worker.servers import CannotProvisionError

__all__ = ["CannotProvisionError"]
