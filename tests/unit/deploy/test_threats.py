"""Every threat in the operator's guide names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def rows() -> list[list[str]]:
    """The rows of the table under "Threats"."""
    text = (
        (ROOT / "deploy" / "README.md").read_text(encoding="utf-8").partition("## Threats\n")[2].partition("\n## ")[0]
    )
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][2:]


def test_each_threat_names_tests_that_are_there() -> None:
    assert len(rows()) > 15
    for who, could, stops, shown in rows():
        files = re.findall(r"`(tests/[^`]+)`", shown)
        assert files, f"{who.strip()}: {could.strip()}"
        assert [file for file in files if "def test_" not in (ROOT / file).read_text(encoding="utf-8")] == []
        assert stops.strip()
