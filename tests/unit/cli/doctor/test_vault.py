"""`doctor` on the vault: a folder, as it may be; and an object store that is away."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from worker.cli.doctor.diagnosis import Diagnosis, Grade
from worker.cli.doctor.store import check_vault
from worker.settings import Settings


async def found(url: str | None, **given: Any) -> Diagnosis:
    """What is said of the vault."""
    settings = Settings(_env_file=None, vault_url=url, **given)
    [finding] = await check_vault(settings)
    return finding


async def test_without_a_vault_nothing_is_wrong() -> None:
    assert (await found(None)).verdict is Grade.OK


async def test_a_folder_that_takes_files_is_left_as_it_was(tmp_path: Path) -> None:
    finding = await found(f"file://{tmp_path}")

    assert (finding.verdict, "takes files" in finding.says) == (Grade.OK, True)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    """A volume that was not mounted looks like this."""
    finding = await found(f"file://{tmp_path}/vault/deep")

    assert finding.verdict is Grade.WARN
    assert "is not there" in finding.says
    assert "mount" in finding.fix
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_can_never_be_made_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = await found(f"file://{tmp_path}/vault")

    assert (finding.verdict, "may not make it" in finding.says) == (Grade.FAIL, True)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
async def test_a_disk_that_takes_nothing_is_told_in_the_systems_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError
) -> None:
    def refuse(_: int) -> None:
        raise fault

    monkeypatch.setattr(os, "fsync", refuse)
    finding = await found(f"file://{tmp_path}")

    assert (finding.verdict, str(fault.strerror) in finding.says) == (Grade.FAIL, True)
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_is_nearly_full_is_a_warning(tmp_path: Path) -> None:
    finding = await found(f"file://{tmp_path}", disk_free_min_bytes=2**60)

    assert (finding.verdict, "are free" in finding.says) == (Grade.WARN, True)


async def test_a_file_in_the_folders_place_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "vault").touch()

    assert (await found(f"file://{tmp_path}/vault")).verdict is Grade.FAIL


async def test_a_folder_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a server that went away; the process can end all the same."""
    back = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: back.wait())
    [finding] = await check_vault(Settings(_env_file=None, vault_url=f"file://{tmp_path}"), answer_seconds=0.01)
    back.set()

    assert (finding.verdict, "does not answer" in finding.says) == (Grade.FAIL, True)


@pytest.mark.parametrize("url", ["ftp://host/secret", "s3:///secret"])
async def test_an_address_that_is_none_is_a_failure_and_not_repeated(url: str) -> None:
    finding = await found(url)

    assert finding.verdict is Grade.FAIL
    assert "secret" not in str(finding)


async def test_an_object_store_that_is_away_is_a_failure_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    finding = await found("s3://bucket/secret")

    assert finding.verdict is Grade.FAIL
    assert "secret" not in str(finding)
