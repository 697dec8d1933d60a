"""The published files are what the models say."""

import json
from pathlib import Path

import pytest

from contracts.export import export, rendered

from .rendered import made, made_once

__all__ = ["made_once"]

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"


def test_the_committed_files_are_up_to_date() -> None:
    """If this fails: `fapiao-worker contracts export`."""
    assert export(CONTRACTS, check=True) == []


def test_exporting_twice_changes_nothing(tmp_path: Path) -> None:
    """Deterministic, file by file."""
    files = rendered()
    first = export(tmp_path)

    assert len(first) == len(files)
    assert export(tmp_path) == []
    assert {path: (tmp_path / path).read_bytes() for path in files} == files


@pytest.mark.usefixtures("made_once")
def test_a_check_touches_nothing(tmp_path: Path) -> None:
    """And says all that would change."""
    assert len(export(tmp_path, check=True)) == len(made())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("made_once")
def test_what_no_message_has_any_more_is_removed(tmp_path: Path) -> None:
    """Only under schemas and examples, and only JSON."""
    export(tmp_path)
    stale, kept = tmp_path / "schemas/invoice.gone.json", tmp_path / "README.md"
    stale.write_text("{}")
    kept.write_text("kept")

    assert export(tmp_path, check=True) == [stale]
    assert export(tmp_path) == [stale]
    assert not stale.exists()
    assert kept.exists()


@pytest.mark.usefixtures("made_once")
def test_a_file_changed_by_hand_is_put_right(tmp_path: Path) -> None:
    """Whoever edits generated files loses the edit, and is told."""
    export(tmp_path)
    edited = tmp_path / "examples/invoice.issue.json"
    edited.write_text("{}")

    assert export(tmp_path) == [edited]
    assert edited.read_bytes() == made()["examples/invoice.issue.json"]


@pytest.mark.parametrize("folder", ["schemas", "examples"])
def test_files_are_for_people(folder: str) -> None:
    """Chinese as Chinese, a line break at the end."""
    bodies = [file.read_text(encoding="utf-8") for file in (CONTRACTS / folder).rglob("*.json")]

    assert bodies
    assert all(json.loads(body) for body in bodies)
    assert all(body.endswith("}\n") for body in bodies)
    assert not any("\\u4e" in body for body in bodies)
