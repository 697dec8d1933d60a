"""The manifests render, the cluster's schemas take them, and what they say fits the worker.

Not shown: that a cluster admits them (webhooks, CEL rules), for there is none here.
"""

import copy
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.deployment.manifests import (
    KUBERNETES,
    SAMPLES,
    WORKLOADS,
    Manifest,
    config_of,
    faults,
    of_kind,
    one,
    pods,
    render,
    render_with,
    sample,
    specs,
)
from worker.bootstrap import _Worker
from worker.cli import app
from worker.cli.records import age_of
from worker.cli.terminal import load_settings
from worker.settings import Settings

EXPECTED_SECRETS = {"fapiao-worker", "fapiao-credentials", "fapiao-worker-owner"}
"""Made by whoever runs it; the README says how."""


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_every_manifest_fits_its_schema_strictly(overlay: str) -> None:
    assert {m["metadata"]["name"]: wrong for m in render(overlay) if (wrong := faults(m))} == {}


@pytest.mark.parametrize("component", ["keda", "prometheus-operator", "rabbitmq", "network-policy", "prune"])
def test_each_component_goes_with_production_alone(component: str, tmp_path: Path) -> None:
    components = [component] if component != "network-policy" else []  # it is in production already
    manifests = render_with(components, tmp_path)

    assert [wrong for manifest in manifests for wrong in faults(manifest)] == []
    assert len(of_kind(manifests, "Deployment")) == 1


EVERYTHING = [m for overlay in WORKLOADS for m in render(overlay)] + [m for name in SAMPLES for m in sample(name)]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_fits_its_operators_schema_strictly(name: str) -> None:
    assert {m["metadata"]["name"]: wrong for m in sample(name) if (wrong := faults(m))} == {}


@pytest.mark.parametrize("kind", sorted({m["kind"] for m in EVERYTHING}))
def test_a_member_misspelt_anywhere_is_found(kind: str) -> None:
    """That the schemas are strict at all depths: each member of each object, renamed one by one."""
    manifest = next(m for m in EVERYTHING if m["kind"] == kind)
    missed = [path for path, broken in _misspelt(manifest) if not faults(broken)]

    assert missed == []


FREE = {
    "labels", "annotations", "matchLabels", "data", "limits", "requests", "parameters",
    "arguments", "definition",  # RabbitMQ's own
}  # fmt: skip
"""Objects whose members anybody may name; likewise a trigger's `metadata` and a Service's `selector`."""


def _misspelt(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    for *above, name in _members(manifest, ()):
        broken = copy.deepcopy(manifest)
        part: Any = broken
        for step in above:
            part = part[step]
        part[f"{name}x"] = part.pop(name)
        yield "/".join(map(str, (*above, name))), broken


def _members(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The path of each member that has a name of its own in a schema."""
    if isinstance(part, list):
        for place, inner in enumerate(part):
            yield from _members(inner, (*path, place))
    elif isinstance(part, dict):
        for name, inner in part.items():
            if path or name not in {"apiVersion", "kind", "metadata"}:
                yield (*path, name)
                is_free = name in FREE or (name == "metadata" and "triggers" in path)
                is_flat = name == "selector" and all(isinstance(value, str) for value in inner.values())
                if not is_free and not is_flat:
                    yield from _members(inner, (*path, name))


# ---- pods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_every_pod_is_restricted(overlay: str) -> None:
    """The restricted Pod Security Standard, rule by rule; the namespaces enforce it."""
    found = list(pods(render(overlay)))
    assert found
    for name, pod in found:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert {"hostNetwork", "hostPID", "hostIPC"} & set(spec) == set(), name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"], name
            assert "cpu" not in container["resources"]["limits"], name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= {"secret", "emptyDir", "persistentVolumeClaim", "configMap"}, name
    for namespace in of_kind(render(overlay), "Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_our_own_containers_can_write_nowhere_but_where_they_must(overlay: str) -> None:
    for _, pod in pods(render(overlay)):
        for container in pod["spec"]["containers"]:
            if "fapiao-worker" in container["image"]:
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                writable = {m["mountPath"] for m in container.get("volumeMounts", []) if not m.get("readOnly")}
                assert writable <= {"/tmp", "/var/lib/fapiao"}  # noqa: S108  names in a pod


@pytest.mark.parametrize("overlay", ["overlays/dev", "overlays/production"])
def test_the_grace_period_is_longer_than_the_way_down(overlay: str) -> None:
    """Each stage may use up its time before Kubernetes kills the process."""
    spec = one(render(overlay), "Deployment", "fapiao-worker")["spec"]["template"]["spec"]
    drain = float(config_of(overlay).get("FAPIAO_DRAIN_SECONDS", Settings(_env_file=None).drain_seconds))
    settings = Settings(_env_file=None, drain_seconds=drain, database_url="sqlite:///unused.db")
    way_down = sum(stage.stop_seconds for stage in _Worker(settings, "w")._stages() if stage.stop)

    assert way_down < spec["terminationGracePeriodSeconds"] <= way_down + 60


def test_in_production_a_scan_that_has_begun_may_end() -> None:
    settings = Settings(_env_file=None)
    exchange = settings.scan_timeout_seconds + settings.result_timeout_seconds

    assert float(config_of("overlays/production")["FAPIAO_DRAIN_SECONDS"]) >= exchange


def test_probes_ask_what_the_worker_answers() -> None:
    (container,) = one(render("overlays/production"), "Deployment", "fapiao-worker")["spec"]["template"]["spec"][
        "containers"
    ]
    assert {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")} == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    assert container["ports"] == [{"name": "http", "containerPort": Settings(_env_file=None).http_port}]
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > 30  # as long as a loop may be silent (ops.health)


# ---- settings and secrets ----------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_every_setting_named_is_one(overlay: str) -> None:
    known = {f"FAPIAO_{name.upper()}" for name in Settings.model_fields} | {"FAPIAO_SECRETS_DIR"}
    for manifest in render(overlay):
        if manifest["kind"] in {"ConfigMap", "Secret"} and not manifest["metadata"]["name"].endswith("dashboard"):
            assert set(manifest["data"]) <= known
    for _, pod in pods(render(overlay)):
        for container in pod["spec"]["containers"]:
            named = {variable["name"] for variable in container.get("env", [])}
            assert {name for name in named if name.startswith("FAPIAO_")} <= known


def test_the_worker_reads_its_settings_from_what_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ConfigMap as variables, the Secret as Kubernetes lays it out: links to a folder that is swapped."""
    data = tmp_path / "..2026_11_27"
    data.mkdir()
    for name, value in {
        "FAPIAO_AMQP_URL": "amqp://worker:pass@fapiao-rabbitmq:5672/fapiao",
        "FAPIAO_DATABASE_URL": "postgresql://worker:pass@database/fapiao\n",
        "FAPIAO_JOURNAL_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    }.items():
        (data / name).write_text(value)
        (tmp_path / name).symlink_to(f"..data/{name}")
    (tmp_path / "..data").symlink_to(data.name)
    for name, value in config_of("overlays/operators").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FAPIAO_SECRETS_DIR", str(tmp_path))

    settings = load_settings()

    assert settings.amqp_urls == ["amqp://worker:pass@fapiao-rabbitmq:5672/fapiao"]
    assert settings.database_url.get_secret_value() == "postgresql://worker:pass@database/fapiao"
    assert len(settings.journal_keys) == 1
    assert (settings.gateway_url, settings.declare, settings.drain_seconds) == ("wss://gateway.example", False, 420)


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_secrets_are_files_that_others_cannot_read(overlay: str) -> None:
    for name, pod in pods(render(overlay)):
        for volume in pod["spec"].get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == stat.S_IRUSR | stat.S_IRGRP, name
        for container in pod["spec"]["containers"]:
            assert "secretRef" not in str(container.get("envFrom")), name
            assert "secretKeyRef" not in str(container.get("env")), name


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_what_a_pod_names_is_there(overlay: str) -> None:
    manifests = render(overlay)
    made = {(m["kind"], m["metadata"]["name"]) for m in manifests} | {("Secret", name) for name in EXPECTED_SECRETS}
    for _, pod in pods(manifests):
        for volume in pod["spec"].get("volumes", []):
            if "secret" in volume:
                assert ("Secret", volume["secret"]["secretName"]) in made
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made
        for container in pod["spec"]["containers"]:
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in made
            volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


@pytest.mark.parametrize("overlay", WORKLOADS)
def test_every_selector_finds_a_pod(overlay: str) -> None:
    manifests = render(overlay)
    labels = [pod["metadata"]["labels"] for _, pod in pods(manifests)]
    for apart in ("upgrade", "audit"):  # their policies are with the others
        labels += [pod["metadata"]["labels"] for _, pod in pods(render(apart))]
    selectors = [m["spec"]["selector"] for m in of_kind(manifests, "Service")]
    selecting = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector", "PodMonitor": "selector"}
    for kind, member in selecting.items():
        selectors += [m["spec"][member]["matchLabels"] for m in of_kind(manifests, kind)]
    for selector in selectors:
        assert any(selector.items() <= pod.items() for pod in labels), selector


@pytest.mark.parametrize(
    ("overlay", "namespace"),
    [("overlays/dev", "fapiao-dev"), ("overlays/operators", "fapiao"), ("upgrade", "fapiao"), ("audit", "fapiao")],
)
def test_all_of_it_lies_in_one_namespace(overlay: str, namespace: str) -> None:
    for manifest in render(overlay):
        assert manifest["metadata"]["name" if manifest["kind"] == "Namespace" else "namespace"] == namespace


# ---- pruning and the samples -------------------------------------------------------------------------


def test_what_is_pruned_is_called_as_the_command_line_takes_it() -> None:
    """And an age that is one."""
    (job,) = specs("CronJob")
    (container,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    words = container["args"]

    asked = CliRunner().invoke(app, [*words[:1], "--help"])
    assert asked.exit_code == 0
    assert [word for word in words if word.startswith("--") and word not in asked.output] == []
    assert age_of(words[words.index("--older-than") + 1]) >= timedelta(days=366)
    assert job["concurrencyPolicy"] == "Forbid"


def test_external_secrets_make_what_the_pods_mount() -> None:
    made = {m["spec"]["target"]["name"]: m["spec"] for m in sample("external-secrets")}
    known = {f"FAPIAO_{name.upper()}" for name in Settings.model_fields}

    assert made.keys() == EXPECTED_SECRETS
    keys = {name: {entry["secretKey"] for entry in spec.get("data", [])} for name, spec in made.items()}
    assert keys["fapiao-worker"] >= {"FAPIAO_AMQP_URL", "FAPIAO_DATABASE_URL", "FAPIAO_JOURNAL_KEYS"}
    assert keys["fapiao-worker-owner"] == {"FAPIAO_DATABASE_URL"}
    assert set().union(*keys.values()) <= known


def test_the_sample_database_loses_no_commit_and_has_the_role_that_is_granted() -> None:
    (cluster,) = [m["spec"] for m in sample("cloudnative-pg")]

    assert cluster["instances"] >= 3
    assert cluster["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    (role,) = cluster["managed"]["roles"]
    grants = (KUBERNETES.parent / "permissions" / "postgres.sql").read_text()
    assert f"TO {role['name']};" in grants
    assert cluster["bootstrap"]["initdb"]["owner"] != role["name"]
