"""Renders what a release installs on Kubernetes, each into one file, so that one address is enough for kubectl.

    .venv/bin/python -m deploy.release.manifests dist --image ghcr.io/OWNER/fapiao-worker --tag 0.1.0

kubectl renders them, by the kustomize that it carries. In the files for production nothing is left to be edited: the
gateway's address comes from the Secret, like every other that is not the same everywhere.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

KUBERNETES: Final = Path(__file__).resolve().parents[1] / "kubernetes"
FILES: Final = {
    "fapiao-worker-dev.yaml": "overlays/dev",
    "fapiao-worker.yaml": "overlays/production",
    "fapiao-worker-operators.yaml": "overlays/operators",
    "fapiao-upgrade.yaml": "upgrade",
}
"""The artefact's name to what is rendered into it."""
_FOR_PRODUCTION: Final = {"overlays/production", "overlays/operators"}
_GATEWAY: Final = "FAPIAO_GATEWAY_URL"
_RENDER_SECONDS: Final = 120


def rendered(folder: str, image: str, tag: str) -> str:
    """The manifests of a folder under `deploy/kubernetes`, with this image. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="fapiao-manifests-") as place:
        base = os.path.relpath(KUBERNETES / folder, Path(place).resolve())
        overlay: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [base],
            "images": [{"name": name, "newName": image, "newTag": tag} for name in _names()],
        }
        if folder in _FOR_PRODUCTION:
            removal = [{"op": "remove", "path": f"/data/{_GATEWAY}"}]
            target = {"kind": "ConfigMap", "name": "fapiao-worker"}
            overlay["patches"] = [{"target": target, "patch": yaml.safe_dump(removal)}]
        (Path(place) / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        done = subprocess.run(
            [_kubectl(), "kustomize", place], capture_output=True, text=True, timeout=_RENDER_SECONDS, check=True
        )
    return f'# {folder} of fapiao-worker {tag}. How to install it: deploy/README.md, "From a release".\n{done.stdout}'


def main(arguments: list[str]) -> int:
    """Write all files."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.manifests")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--image", required=True, help="without a tag")
    parser.add_argument("--tag", required=True)
    asked = parser.parse_args(arguments)
    asked.directory.mkdir(parents=True, exist_ok=True)
    for name, folder in FILES.items():
        (asked.directory / name).write_text(rendered(folder, asked.image, asked.tag), encoding="utf-8")
    return 0


def _names() -> tuple[str, str]:
    """What the image is called in the manifests: as it is built, and where production's overlay looks for it."""
    return "fapiao-worker", "registry.example/fapiao-worker"


def _kubectl() -> str:
    """Of this environment (the development lock has it), else the installed one."""
    own = Path(sys.executable).parent / "kubectl"
    return str(own) if own.exists() else shutil.which("kubectl") or "kubectl"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
