"""The published files are what the models say."""

import json
from pathlib import Path

import pytest

from contracts.export import export, rendered

RENDERED = rendered()
CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"


def test_the_committed_files_are_up_to_date() -> None:
    """If this fails: `fapiao-worker contracts export`."""
    assert export(CONTRACTS, check=True) == []


def test_exporting_twice_changes_nothing(tmp_path: Path) -> None:
    """Deterministic, file by file."""
    assert rendered() == RENDERED
    first = export(tmp_path)

    assert len(first) == len(RENDERED)
    assert export(tmp_path) == []
    assert {path: (tmp_path / path).read_bytes() for path in RENDERED} == RENDERED


def test_a_check_touches_nothing(tmp_path: Path) -> None:
    """And says all that would change."""
    assert len(export(tmp_path, check=True)) == len(RENDERED)
    assert list(tmp_path.iterdir()) == []


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


def test_a_file_changed_by_hand_is_put_right(tmp_path: Path) -> None:
    """Whoever edits generated files loses the edit, and is told."""
    export(tmp_path)
    edited = tmp_path / "examples/invoice.issue.json"
    edited.write_text("{}")

    assert export(tmp_path) == [edited]
    assert edited.read_bytes() == RENDERED["examples/invoice.issue.json"]


@pytest.mark.parametrize("name", [name for name in RENDERED if name.endswith(".json")])
def test_files_are_for_people(name: str) -> None:
    """Chinese as Chinese, a line break at the end."""
    body = RENDERED[name].decode()

    assert json.loads(body)
    assert body.endswith("}\n")
    assert "\\u4e" not in body
