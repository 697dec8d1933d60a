"""Builds every file of a release into one folder: what the workflow publishes, and what can be looked at before.

    .venv/bin/python -m deploy.release.build dist --image ghcr.io/OWNER/fapiao-worker

Guarantees: the version is that of pyproject.toml, which `--tag` (vX.Y.Z) must name; the contract breaks no caller of
the last release; SHA256SUMS names every file. The image is the workflow's: it needs a registry.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Final

from contracts import asyncapi
from contracts.compatibility import compare
from contracts.export import freeze, messages, read, rendered
from deploy.provisioning import sbom
from deploy.release import manifests, page

ROOT: Final = Path(__file__).resolve().parents[2]
_BUILD_SECONDS: Final = 300


class UnfitError(Exception):
    """This checkout is no release. The message says why."""


def check(directory: Path, tag: str | None) -> str:
    """The version that is to be released. Raises UnfitError."""
    if directory.exists() and any(directory.iterdir()):
        raise UnfitError(f"{directory} is not empty")
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if tag is not None and tag != f"v{version}":
        raise UnfitError(f"the tag {tag} is not v{version}, the version in pyproject.toml")
    broken = [
        change for change in compare(read(ROOT / "contracts" / "released.json"), messages()) if change.is_breaking
    ]
    if broken:
        raise UnfitError(f"the contract breaks callers of the last release: {broken[0].message} {broken[0].place}")
    return version


def contract(target: Path) -> None:
    """The contract as files for any language, as one archive; the same contract gives the same bytes."""
    file = target / f"fapiao-contract-{asyncapi.CONTRACT_VERSION}.tar.gz"
    frozen = target / "released.json"
    freeze(frozen)
    files = rendered() | {"released.json": frozen.read_bytes()}
    files |= {name: (ROOT / "contracts" / name).read_bytes() for name in ("README.md", "README.zh-CN.md")}
    frozen.unlink()
    with (
        file.open("wb") as sink,
        gzip.GzipFile(fileobj=sink, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, body in sorted(files.items()):
            entry = tarfile.TarInfo(f"fapiao-contract-{asyncapi.CONTRACT_VERSION}/{name}")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))


def distributions(target: Path) -> None:
    """Wheels and source distributions of the worker and of fapiao-contracts. Raises CalledProcessError."""
    for place in (ROOT, ROOT / "contracts" / "distribution"):
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target.absolute())]
        subprocess.run(command, cwd=place, check=True, timeout=_BUILD_SECONDS)


def bill_of_materials(target: Path) -> None:
    """What the worker is made of, as CycloneDX."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "deploy" / "requirements.lock").read_text()
    text = json.dumps(sbom.bill(lock, project), ensure_ascii=False, indent=2)
    (target / "fapiao-worker.cdx.json").write_text(f"{text}\n", encoding="utf-8")


def sums(target: Path) -> None:
    """SHA256SUMS, as `sha256sum --check` reads it."""
    files = sorted(path for path in target.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (target / "SHA256SUMS").write_text("".join(lines))


def main(arguments: list[str]) -> int:
    """Build all of it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.build")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--image", required=True, help="where the image is published, without a tag")
    parser.add_argument("--tag", help="the tag that is released: it must be this version's")
    asked = parser.parse_args(arguments)
    try:
        version = check(asked.directory, asked.tag)
    except UnfitError as error:
        print(f"deploy.release.build: {error}", file=sys.stderr)
        return 65
    asked.directory.mkdir(parents=True, exist_ok=True)
    distributions(asked.directory)
    contract(asked.directory)
    bill_of_materials(asked.directory)
    manifests.main([os.fspath(asked.directory), "--image", asked.image, "--tag", version])
    code = page.main([os.fspath(asked.directory / "contract.html")])
    sums(asked.directory)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
