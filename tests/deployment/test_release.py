"""What a release installs: each file alone is what its overlay is, with nothing left to edit."""

from pathlib import Path

import pytest
import yaml

from deploy.release import manifests
from tests.deployment.manifests import Manifest, faults, one, pods, render

IMAGE, TAG = "ghcr.io/example/fapiao-worker", "9.8.7"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    folder = tmp_path_factory.mktemp("release")
    assert manifests.main([str(folder), "--image", IMAGE, "--tag", TAG]) == 0
    return {path.name: list(yaml.safe_load_all(path.read_text())) for path in folder.iterdir()}


def test_every_overlay_is_a_file_of_its_own(written: dict[str, list[Manifest]]) -> None:
    overlays = {f"overlays/{path.name}" for path in (manifests.KUBERNETES / "overlays").iterdir()}

    assert set(manifests.FILES.values()) == overlays | {"upgrade"}
    assert written.keys() == manifests.FILES.keys()


@pytest.mark.parametrize("name", manifests.FILES)
def test_a_file_holds_what_its_overlay_does_with_the_releases_image(
    name: str, written: dict[str, list[Manifest]]
) -> None:
    def named(found: object) -> list[tuple[str, str]]:
        return sorted((m["kind"], m["metadata"]["name"].rpartition("-")[0]) for m in found)  # type: ignore[attr-defined]

    own = [container["image"] for _, pod in pods(written[name]) for container in pod["spec"]["containers"]]

    assert [wrong for manifest in written[name] for wrong in faults(manifest)] == []
    assert named(written[name]) == named(render(manifests.FILES[name]))
    assert {image for image in own if "fapiao" in image} == {f"{IMAGE}:{TAG}"}


@pytest.mark.parametrize("name", ["fapiao-worker.yaml", "fapiao-worker-operators.yaml"])
def test_in_production_no_placeholder_is_left(name: str, written: dict[str, list[Manifest]]) -> None:
    """The gateway's address is a key of the Secret there."""
    assert "FAPIAO_GATEWAY_URL" not in one(written[name], "ConfigMap", "fapiao-worker")["data"]
    assert "example" not in yaml.safe_dump_all(written[name]).replace(IMAGE, "")


def test_a_namespace_comes_before_what_lies_in_it(written: dict[str, list[Manifest]]) -> None:
    """kubectl applies a file from its top."""
    for name, found in written.items():
        kinds = [manifest["kind"] for manifest in found]
        assert "Namespace" not in kinds[1:], name


def test_the_files_say_where_it_is_told_how_to_install_them(tmp_path: Path) -> None:
    manifests.main([str(tmp_path), "--image", IMAGE, "--tag", TAG])
    guide = (manifests.KUBERNETES.parent / "README.md").read_text()

    for path in tmp_path.iterdir():
        assert path.read_text().startswith("# ")
        assert path.name in guide
    assert "## From a release" in guide
