"""Servers of one's own on this machine: a RabbitMQ that is installed or comes as a container, started privately.

Standard library only, because `deploy/quickstart` and `tests/run` use it before any package is installed; here, in the
wheel, so that `fapiao-worker dev` can start a broker without a checkout. Guarantees that every server it starts has its
own ports on loopback, its own directory and node name, and ends with the process that started it, however that process
ends. It knows nothing of the worker.
"""


class CannotProvisionError(Exception):
    """Something needed is missing and cannot be had here. The message is one sentence that says what to do."""
