"""What a reader may rely on in every room of the house."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(
    {path.parent for path in (ROOT / "worker").rglob("*.py")} - {ROOT / "worker" / "sandbox" / "fonts"},
    key=str,
)
SMALL = 3
"""A folder of so few modules is explained by the README above it."""


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_every_folder_explains_itself(room: Path) -> None:
    """In a README of its own, or, where it is small or a part of another, in the one above."""
    readmes = [
        parent / "README.md" for parent in (room, *room.parents) if (ROOT / "worker") in (parent, *parent.parents)
    ]
    own, *above = readmes
    is_small = len([*room.glob("*.py")]) - 1 <= SMALL
    is_part = room.parent.parent == ROOT / "worker" and room.name in {
        "books",
        "dev",
        "doctor",
        "otel",
        "papers",
        "postgres",
        "sqlite",
    }
    assert own.exists() or ((is_small or is_part) and any(path.exists() for path in above[:-1]))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_readme_names_no_file_that_is_gone(room: Path) -> None:
    """A module named in backticks is in the folder, or below it."""
    readme = room / "README.md"
    if not readme.exists() or room == ROOT / "worker":
        return
    text = readme.read_text(encoding="utf-8")
    named = {
        word.split("/")[-1] for word in text.replace("`", " ` ").split() if word.endswith(".py") and "*" not in word
    }
    there = {path.name for path in (ROOT / "worker").rglob("*.py")} | {
        path.name for path in (ROOT / "tests").rglob("*.py")
    }
    assert named <= there
