"""Puts on a machine what the two commands of a newcomer need: Python packages, RabbitMQ, PostgreSQL.

Standard library only, because it runs before any package is installed. It guarantees that every server it starts is
private (own ports on loopback, own directory, own node name), ends with the process that started it, however that
process ends, and leaves no file and no process behind. It knows nothing of the worker.
"""


class CannotProvisionError(Exception):
    """Something needed is missing and cannot be had here. The message is one sentence that says what to do."""
