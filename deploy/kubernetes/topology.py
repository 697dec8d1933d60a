"""Writes what the topology operator declares in the worker's stead, from what the worker would declare.

    .venv/bin/python -m deploy.kubernetes.topology [--check]

With `--check` nothing is written; the exit code is 1 if the file is not what it should be.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from worker.amqp.topology import Topology

FILE: Final = Path(__file__).parent / "components" / "rabbitmq" / "topology.yaml"
_HEAD: Final = """\
# What `fapiao-worker run` declares elsewhere, declared by the topology operator: the worker may then configure nothing.
# Written by deploy/kubernetes/topology.py from worker/amqp/topology.py. `retain`: deleting these files must not delete
# anybody's messages; exchanges hold none, and go.
"""
_KEPT: Final = {"deletionPolicy": "retain"}
_LASTING: Final = {"durable": True, "autoDelete": False}


def manifests(topology: Topology) -> str:
    """All of it, in the order in which it must be declared."""
    name = topology.prefix
    objects = [_object("Vhost", name, {"name": name, "defaultQueueType": "quorum", **_KEPT})]
    for exchange in topology.exchanges:
        arguments = {"arguments": dict(exchange.arguments)} if exchange.arguments else {}
        spec = {"name": exchange.name, "vhost": name, "type": exchange.kind, **_LASTING, **arguments}
        objects.append(_object("Exchange", exchange.name, spec))
    for queue in topology.queues:
        others = {key: value for key, value in queue.arguments.items() if key != "x-queue-type"}
        spec = {"name": queue.name, "vhost": name, "type": queue.arguments["x-queue-type"], **_LASTING}
        objects.append(_object("Queue", queue.name, spec | ({"arguments": others} if others else {}) | _KEPT))
        for key in queue.routing_keys:
            of_several = f".{key.rpartition('.')[2]}" if len(queue.routing_keys) > 1 else ""
            spec = {"vhost": name, "source": queue.exchange, "destination": queue.name, "destinationType": "queue"}
            objects.append(_object("Binding", queue.name + of_several, spec | ({"routingKey": key} if key else {})))
    return _HEAD + "---\n".join(objects)


def _object(kind: str, name: str, spec: dict[str, Any]) -> str:
    told = {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": kind,
        "metadata": {"name": name.replace(".", "-")},
        "spec": {**spec, "rabbitmqClusterReference": {"name": "fapiao-rabbitmq"}},
    }
    return yaml.safe_dump(told, sort_keys=False)


def main(arguments: Sequence[str]) -> int:
    """Write, or compare."""
    wanted = manifests(Topology("fapiao"))
    if FILE.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in arguments:
        print(f"differs: {FILE.name}")
        return 1
    FILE.write_text(wanted, encoding="utf-8")
    print(f"written: {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
