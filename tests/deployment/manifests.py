"""What kubectl makes of `deploy/kubernetes`, and whether the API's and the operators' schemas take it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
OLDEST, NEWEST = "1.33", "1.37"
"""Kubernetes versions that the manifests are held to."""
WORKLOADS = ("overlays/dev", "overlays/production", "overlays/operators", "upgrade", "audit")
"""Folders whose manifests run something."""
SAMPLES = ("external-secrets", "cloudnative-pg")

Manifest = dict[str, Any]


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    """The manifests of one folder under `deploy/kubernetes`."""
    return _render(KUBERNETES / overlay)


@cache
def sample(name: str) -> tuple[Manifest, ...]:
    """The manifests of one file under `samples`."""
    return tuple(yaml.safe_load_all((KUBERNETES / "samples" / f"{name}.yaml").read_text()))


def render_with(components: Sequence[str], folder: Path) -> tuple[Manifest, ...]:
    """Production with these components alone, as an operator's own overlay would have it."""

    def relative(path: str) -> str:
        return os.path.relpath(KUBERNETES / path, folder)

    overlay = {
        "resources": [relative("overlays/production")],
        "components": [relative(f"components/{component}") for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return _render(folder)


def _render(folder: Path) -> tuple[Manifest, ...]:
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # kustomize warns of what it will refuse one day
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """Those of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def one(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """The one of that name; a generated name may go on with a hash."""
    (found,) = [
        manifest
        for manifest in of_kind(manifests, kind)
        if manifest["metadata"]["name"] == name or manifest["metadata"]["name"][: -len("-0123456789")] == name
    ]
    return found


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod template, with its owner's name."""
    for kind in ("Deployment", "Job", "StatefulSet", "DaemonSet", "CronJob"):
        for owner in of_kind(manifests, kind):
            spec = owner["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else owner["spec"]
            yield owner["metadata"]["name"], spec["template"]


def faults(manifest: Manifest) -> list[str]:
    """What the cluster would refuse: unknown members too, as `kubectl apply --validate=strict` does."""
    kind, api_version = manifest["kind"], manifest["apiVersion"]
    own = _operator_schema(api_version, kind)
    validators = [_api_validator(version, api_version, kind) for version in (OLDEST, NEWEST)] if own is None else [own]
    return [
        f"{'/'.join(map(str, error.path))}: {error.message}"
        for validator in validators
        for error in validator.iter_errors(manifest)
    ]


@cache
def _api_validator(version: str, api_version: str, kind: str) -> Draft202012Validator:
    """Of the API itself, by the strict schemas that kubernetes-validate brings."""
    home = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
    folder = home / f"v{version}.0-local-strict"
    group, _, number = api_version.rpartition("/")
    name = f"{kind.lower()}-{group.partition('.')[0]}-{number}" if group else f"{kind.lower()}-{number}"
    definitions = DRAFT202012.create_resource(_json(folder / "_definitions.json"))
    registry = Registry().with_resource("_definitions.json", definitions).crawl()
    return Draft202012Validator(_json(folder / f"{name}.json"), registry=registry)


@cache
def _json(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(file.read_text())
    return read


@cache
def _operator_schema(api_version: str, kind: str) -> Draft202012Validator | None:
    file = SCHEMAS / f"{api_version.partition('/')[0]}_{kind}.json"
    if not file.exists():
        return None
    held = json.loads(file.read_text())
    assert held["apiVersion"] == api_version
    return Draft202012Validator(_closed(held["schema"], is_top=True))


def _closed(schema: Any, *, is_top: bool = False) -> Any:
    """A structural schema as JSON Schema that knows no member beyond those named."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        name: {member: _closed(part) for member, part in value.items()} if name == "properties" else _closed(value)
        for name, value in schema.items()
    }
    if schema.get("x-kubernetes-int-or-string"):
        closed = {"type": ["integer", "string"]}
    elif schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        closed["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    if is_top:
        closed["properties"]["metadata"] = {"type": "object"}
    return closed


def config_of(overlay: str) -> dict[str, str]:
    """The worker's settings there."""
    data: dict[str, str] = one(render(overlay), "ConfigMap", "fapiao-worker")["data"]
    return data


def specs(kind: str) -> list[Manifest]:
    """Of everything of this kind that an operator acts on."""
    return [manifest["spec"] for manifest in of_kind(render("overlays/operators"), kind)]
