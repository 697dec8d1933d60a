"""What the worker is made of, read off its lock: a CycloneDX 1.6 document.

Guarantees one component for each pin of the runtime lock, with every hash that pip would accept, and the same bytes for
the same lock and environment. The lock is the truth: nothing is looked up anywhere. It does not know vulnerabilities.
"""

import importlib.metadata
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\\n(?P<rest>(?:    .*\n)+)",
    re.MULTILINE,
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMESPACE = uuid.UUID("5f2a1f0e-9d0b-5b1e-8a43-2d0f4c1b7a90")


def bill(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """The document for the text of a lock and the `project` table of pyproject.toml."""
    components = [_component(pin) for pin in _PIN.finditer(lock)]
    reference = f"pkg:pypi/{project['name']}@{project['version']}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": reference,
            }
        },
        "components": components,
        "dependencies": [
            {"ref": reference, "dependsOn": [component["bom-ref"] for component in components]},
            *({"ref": component["bom-ref"]} for component in components),
        ],
    }


def _component(pin: re.Match[str]) -> dict[str, Any]:
    name, version, marker = pin["name"], pin["version"], pin["marker"]
    reference = f"pkg:pypi/{name}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(pin["rest"])],
    }
    licence = _licence(name, version)
    if licence:
        component["licenses"] = [licence]
    if marker:
        component["properties"] = [{"name": "pip:marker", "value": marker}]
    return component


def _licence(name: str, version: str) -> dict[str, Any] | None:
    """As the installed package says itself; None where it is not installed in this version, or does not say."""
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if told["Version"] != version:
        return None
    if "License-Expression" in told:
        return {"expression": told["License-Expression"]}
    classifiers = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License")]
    return {"license": {"name": classifiers[0]}} if classifiers else None


def main() -> None:
    """Write the document to stdout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8")
    json.dump(bill(lock, project), sys.stdout, ensure_ascii=False, indent=2)
    print()


if __name__ == "__main__":
    main()
