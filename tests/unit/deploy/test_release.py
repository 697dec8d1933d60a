"""What a release is made of, but for what needs other programs (`tests/deployment`, `tests/generated`)."""

import hashlib
import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from contracts.asyncapi import CONTRACT_VERSION
from contracts.export import messages
from deploy.release import build

VERSION = tomllib.loads((build.ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_only_a_tag_of_this_version_is_released_and_only_into_an_empty_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.check(tmp_path, f"v{VERSION}") == build.check(tmp_path / "new", None) == VERSION
    assert build.main([str(tmp_path), "--image", "x", "--tag", "v0.0.0"]) == 65
    assert f"the tag v0.0.0 is not v{VERSION}" in capsys.readouterr().err
    (tmp_path / "left").touch()
    assert build.main([str(tmp_path), "--image", "x"]) == 65
    assert "is not empty" in capsys.readouterr().err


def test_a_contract_that_breaks_callers_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = messages()
    monkeypatch.setattr(build, "messages", lambda: {name: now[name] for name in now if name != "invoice.check"})

    with pytest.raises(build.UnfitError, match=r"breaks callers of the last release: invoice\.check"):
        build.check(tmp_path, None)


def test_the_contract_is_one_archive_whose_bytes_are_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    build.contract(tmp_path)
    build.contract(tmp_path / "again")

    file = tmp_path / f"fapiao-contract-{CONTRACT_VERSION}.tar.gz"
    assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"asyncapi.yaml", "released.json", "README.md", "README.zh-CN.md", "texts/zh-CN.json"} <= names
    assert {"schemas/bundle.json", "schemas/invoice.issue.json", "examples/invoice.issue.json"} <= names


def test_every_file_is_named_with_its_digest(tmp_path: Path) -> None:
    build.bill_of_materials(tmp_path)
    build.sums(tmp_path)

    assert json.loads((tmp_path / "fapiao-worker.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    digest = hashlib.sha256((tmp_path / "fapiao-worker.cdx.json").read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  fapiao-worker.cdx.json\n"
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=False).returncode == 0
