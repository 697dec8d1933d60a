"""What a reader may rely on in every room of the house."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import house
from tests.house_words import PLAIN, TERMS
from tests.scenarios.nursery import IMPORTED

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
    if not readme.exists():
        return
    text = readme.read_text(encoding="utf-8")
    named = {
        word.split("/")[-1] for word in text.replace("`", " ` ").split() if word.endswith(".py") and "*" not in word
    }
    there = {path.name for top in ("contracts", "tests", "worker") for path in (ROOT / top).rglob("*.py")}
    assert named <= there


@pytest.mark.parametrize("room", [room for room in ROOMS if (room / "README.md").exists()], ids=lambda room: room.name)
def test_a_readme_says_of_each_module_what_it_is_for(room: Path) -> None:
    """It names every module of its folder; whoever looks for a place to change something finds it there."""
    text = (room / "README.md").read_text(encoding="utf-8")
    modules = {path.stem for path in room.glob("*.py")} - {"__init__", "__main__"}
    assert {name for name in modules if not re.search(rf"\b{name}\b", text)} == set()


def test_who_follows_one_invoice_finds_what_each_step_names() -> None:
    """In `worker/README.md`: behind each file the functions of it; `journal/*` stands for both stores."""
    text = (ROOT / "worker" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Follow one invoice")[2].partition("\n## ")[0]
    rows = [line.split("|", 2)[2] for line in section.splitlines() if line.startswith("| ") and ".py" in line]
    gone, sources = [], [""]
    for word in re.findall(r"`([^`]+)`", "".join(rows)):
        if word.endswith(".py"):
            top = ROOT if word.startswith("contracts/") else ROOT / "worker"
            sources = [path.read_text(encoding="utf-8") for path in top.glob(word)] or [""]
        elif not all(re.search(rf"\b{part}\b", source) for source in sources for part in word.split(".")):
            gone.append(word)

    assert len(rows) > SMALL
    assert gone == []


def test_every_word_of_a_public_class_name_is_explained() -> None:
    """In the glossary of `worker/README.md`, or it is one of the field's (`tests/house_words.py`)."""
    assert not house.unexplained_words(), "explain it in worker/README.md, or list it in tests/house_words.py"


def test_the_words_of_the_field_are_those_in_use() -> None:
    """A word that no class name has any more would let the next one through unseen."""
    assert not house.unused_words(TERMS | PLAIN)


def test_files_are_short_enough_to_be_read_at_once() -> None:
    """A longer one lacks a concept."""
    assert not house.long_files()


def test_few_modules_serve_one_other_alone() -> None:
    """Such a module is a cut, not a concept. Parts that a composing module names are there for everybody."""
    every = [module for module in house.modules().values() if not module.is_package]
    assert len(house.serving_one_part()) <= len(every) / 4


def test_what_the_workers_of_the_scenarios_import_is_there() -> None:
    """`tests/scenarios/nursery.py` imports it by name; a module that moved would be found out by no test but those."""
    assert [name for name in IMPORTED if find_spec(name) is None] == []
