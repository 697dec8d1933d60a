"""Every line of "What goes wrong" names tests that are there, and events of the log that the worker writes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def rows() -> list[list[str]]:
    """The lines of the table."""
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    table = guide.partition("## What goes wrong\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ][2:]


def test_each_line_says_what_to_see_and_to_do_and_names_tests_that_are_there() -> None:
    assert len(rows()) > 20
    for what, sees, does, to_do, shown in rows():
        assert all((what, sees, does, to_do))
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", shown)
        assert named, what
        missing = [name for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text("utf-8")]
        assert missing == []


def test_what_one_sees_is_written_somewhere_in_the_worker() -> None:
    """A name of the log or of a metric that nothing writes would be looked for in vain."""
    source = "".join(file.read_text("utf-8") for file in (ROOT / "worker").rglob("*.py"))
    for what, sees, *_ in rows():
        for name in re.findall(r"`(?:fapiao_)?([a-z]+(?:_[a-z]+)+)`", sees):
            assert f'"{name}"' in source, f"{what}: {name}"
