"""`contracts export`."""

import json
from pathlib import Path

import pytest

from tests.unit.contracts.rendered import made_once

from .conftest import Run

__all__ = ["made_once"]

pytestmark = pytest.mark.usefixtures("made_once")


def test_the_files_are_written_once_and_then_found_up_to_date(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "out"

    written = run("contracts", "export", str(directory))
    assert written.exit_code == 0
    assert (directory / "asyncapi.yaml").exists()
    assert (directory / "examples" / "invoice.issue.json").exists()

    assert "up to date" in run("contracts", "export", str(directory)).stdout


def test_check_writes_nothing_and_tells_a_difference_by_its_exit_code(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "out"

    missing = run("contracts", "export", "--check", str(directory))
    assert missing.exit_code == 1
    assert not directory.exists()

    run("contracts", "export", str(directory))
    assert run("contracts", "export", "--check", str(directory)).exit_code == 0

    (directory / "asyncapi.yaml").write_text("edited")
    edited = run("contracts", "export", "--check", str(directory))
    assert edited.exit_code == 1
    assert "asyncapi.yaml" in edited.stdout


def test_a_place_that_cannot_be_written_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = run("contracts", "export", str(tmp_path / "file" / "below"))

    assert result.exit_code == 2
    assert "Cannot write" in result.stderr


def test_an_older_contract_whose_callers_can_go_on_is_exit_code_0(run: Run, tmp_path: Path) -> None:
    run("contracts", "freeze", str(tmp_path / "released.json"))

    result = run("contracts", "compare", str(tmp_path / "released.json"))

    assert (result.exit_code, result.stdout) == (0, "0 changes, and none breaks a caller.\n")


def test_an_older_contract_with_more_than_this_one_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "released.json"
    run("contracts", "freeze", str(file))
    old = json.loads(file.read_text())
    old["schemas"]["invoice.issue.gone"] = old["schemas"].pop("invoice.issue.archived")
    file.write_text(json.dumps(old))

    result = run("contracts", "compare", str(file))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "breaks  invoice.issue.gone: the message is gone",
        "adds    invoice.issue.archived: a new message",
    ]


def test_what_is_no_contract_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    result = run("contracts", "compare", str(tmp_path))

    assert result.exit_code == 2
    assert "it holds no messages" in result.stderr


def test_a_contract_that_is_not_there_is_told_so(run: Run, tmp_path: Path) -> None:
    result = run("contracts", "compare", str(tmp_path / "gone"))

    assert result.exit_code == 2
    assert "There is no" in result.stderr
