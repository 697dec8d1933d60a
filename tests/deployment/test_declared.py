"""What the manifests declare for the worker: its exchanges and queues, its user's rights, what scales it."""

import os
import re
import tomllib

import pytest

from tests.deployment.manifests import (
    KUBERNETES,
    SAMPLES,
    WORKLOADS,
    config_of,
    of_kind,
    one,
    pods,
    render,
    specs,
)
from worker.amqp.topology import Topology
from worker.settings import Settings


def test_the_topology_operator_declares_what_the_worker_would() -> None:
    """Word for word, for an object that is there with other arguments is refused."""
    topology = Topology("fapiao")

    assert {e["name"]: (e["type"], e["durable"], e.get("arguments", {})) for e in specs("Exchange")} == {
        exchange.name: (exchange.kind, True, dict(exchange.arguments)) for exchange in topology.exchanges
    }
    assert {q["name"]: {"x-queue-type": q["type"]} | q.get("arguments", {}) for q in specs("Queue")} == {
        queue.name: dict(queue.arguments) for queue in topology.queues
    }
    assert {(b["source"], b["destination"], b.get("routingKey", "")) for b in specs("Binding")} == {
        (queue.exchange, queue.name, key) for queue in topology.queues for key in queue.routing_keys
    }


def test_deleting_the_manifests_deletes_nobodys_messages() -> None:
    for spec in specs("Vhost") + specs("Queue"):
        assert spec["deletionPolicy"] == "retain"


def test_the_workers_user_may_do_its_work_and_no_more() -> None:
    topology = Topology("fapiao")
    (permission,) = specs("Permission")
    allowed = permission["permissions"]
    names = {e.name for e in topology.exchanges} | topology.own_queues | {"amq.default", "amq.topic", "other.issue"}

    def matching(what: str) -> set[str]:
        return {name for name in names if re.search(allowed[what], name)}

    assert matching("configure") == set()
    assert matching("write") == {topology.events_exchange, topology.dead_exchange, "amq.default"}
    assert matching("read") == {*topology.command_queues, topology.returned_queue}
    assert config_of("overlays/operators")["FAPIAO_DECLARE"] == "false"


def test_policies_meet_the_queues_they_mean() -> None:
    queues = {queue.name for queue in Topology("fapiao").queues}
    met = {p["name"]: {name for name in queues if re.search(p["pattern"], name)} for p in specs("Policy")}

    assert met == {
        "fapiao-commands": {"fapiao.issue", "fapiao.query"},
        "fapiao-returned": {"fapiao.returned"},
        "fapiao-evidence": {"fapiao.dead"},
    }
    for policy in specs("Policy"):
        for queue in Topology("fapiao").queues:
            if queue.name in met[policy["name"]]:  # an argument would win
                assert {f"x-{name}" for name in policy["definition"]} & set(queue.arguments) == set()


def test_where_keda_scales_nobody_else_says_how_many() -> None:
    assert "replicas" not in one(render("overlays/operators"), "Deployment", "fapiao-worker")["spec"]
    assert one(render("overlays/production"), "Deployment", "fapiao-worker")["spec"]["replicas"] == 3
    (scaled,) = specs("ScaledObject")
    assert scaled["minReplicaCount"] >= 1  # at none, nobody takes commands in
    assert float(scaled["triggers"][0]["metadata"]["targetQueryValue"]) < Settings(_env_file=None).max_lanes
    named = {trigger["authenticationRef"]["name"] for trigger in scaled["triggers"]}
    assert named == {m["metadata"]["name"] for m in of_kind(render("overlays/operators"), "TriggerAuthentication")}


TRIGGER_MEMBERS = {
    "postgresql": {"query", "targetQueryValue", "activationTargetQueryValue"},
    "rabbitmq": {"protocol", "mode", "queueName", "vhostName", "value", "excludeUnacknowledged", "timeout"},
}
"""What KEDA 2.20 reads of a trigger's `metadata`, which its schema leaves open; not all of it, but what may be used."""


def test_triggers_say_what_their_scalers_read() -> None:
    (scaled,) = specs("ScaledObject")
    for trigger in scaled["triggers"]:
        assert set(trigger["metadata"]) <= TRIGGER_MEMBERS[trigger["type"]]
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
    (queue,) = [trigger["metadata"] for trigger in scaled["triggers"] if trigger["type"] == "rabbitmq"]
    assert queue["queueName"] == Topology("fapiao").issue_queue
    assert {queue["vhostName"]} == {vhost["name"] for vhost in specs("Vhost")}


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_the_image_is_this_versions(overlay: str) -> None:
    version = tomllib.loads((KUBERNETES.parents[1] / "pyproject.toml").read_text())["project"]["version"]
    images = {container["image"] for _, pod in pods(render(overlay)) for container in pod["spec"]["containers"]}

    assert {image.rpartition(":")[2] for image in images if "fapiao-worker" in image} == {version}


def test_the_guide_builds_the_image_that_the_overlay_for_trying_out_names() -> None:
    """Nothing else would: it is in no registry."""
    (image,) = {
        container["image"]
        for _, pod in pods(render("overlays/dev"))
        for container in pod["spec"]["containers"]
        if container["image"].startswith("fapiao-worker")
    }
    assert f"--tag {image} ." in (KUBERNETES.parent / "README.md").read_text("utf-8")


def test_the_policy_lets_servers_outside_of_the_cluster_be_reached() -> None:
    """A managed database has an address of its own, and no namespace."""
    for policy in of_kind(render("overlays/production"), "NetworkPolicy"):
        anywhere = {port["port"] for rule in policy["spec"]["egress"] if "to" not in rule for port in rule["ports"]}
        needed = {"fapiao-upgrade": {5432}, "fapiao-audit": {5671, 5672}}
        assert needed.get(policy["metadata"]["name"], {5432, 5671, 5672}) <= anywhere


def test_every_file_is_part_of_something() -> None:
    """None lies there that nothing renders, no sample that no test reads, and no program that writes none of them."""
    assert {path.stem for path in (KUBERNETES / "samples").iterdir()} == set(SAMPLES)
    manifests = {*KUBERNETES.rglob("*.yaml")}
    used = {path for path in manifests if path.name == "kustomization.yaml"}
    text = "".join(path.read_text() for path in used)
    for path in KUBERNETES.rglob("*.py"):
        assert any(f"Written by deploy/kubernetes/{path.name} " in each.read_text() for each in manifests), path
    for path in KUBERNETES.rglob("*"):
        is_elsewhere = path.suffix in {".sql", ".py", ".pyc"} or path.parent.name == "samples"
        if path.is_file() and path not in used and not is_elsewhere:
            assert os.path.basename(path) in text, path  # noqa: PTH119
