"""What of the image can be checked without an engine."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_label_names_the_version_that_is_built() -> None:
    """It is written twice, since a Dockerfile cannot read the project's file."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE) == [version]


def test_both_stages_start_from_the_base_that_is_asked_for() -> None:
    """The copied environment names its interpreter by path, and so by base."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]


def test_the_build_sees_the_files_that_it_copies_and_no_secret_of_a_checkout() -> None:
    """The list of exceptions starts from nothing."""
    first, *exceptions = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert first == "*"
    let_in = {line.removeprefix("!") for line in exceptions if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", re.sub(r"\$\{EXTRA.*?\}", "*", DOCKERFILE), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == let_in
    assert all(list(ROOT.glob(name)) for name in let_in)
