"""What is imported is declared, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from packaging.utils import canonicalize_name

from contracts.asyncapi import CONTRACT_VERSION

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"worker", "contracts", "fapiao_contracts", "hatchling"}
PACKAGE_OF = {"PIL": "pillow", "zxingcpp": "zxing-cpp", "opentelemetry": "opentelemetry-sdk"}
FOUND_BY_OTHERS = {"sniffio", "opentelemetry-exporter-otlp-proto-http"}
"""httpx looks for the first; the second is part of a name space that the first package of it stands for."""
EXTRAS = {
    "PIL": "qr",
    "zxingcpp": "qr",
    "reportlab": "sandbox",
    "segno": "sandbox",
    "opentelemetry": "otel",
    "pytest": "testkit",
}


def _names(lines: list[str]) -> set[str]:
    return {canonicalize_name(re.split(r"[<>=!;\[ ]", line, maxsplit=1)[0]) for line in lines}


@cache
def _imported() -> set[tuple[Path, str]]:
    """Each module of ours with the first word of what it imports from elsewhere."""
    return set(_imports())


def _imports() -> Iterator[tuple[Path, str]]:
    for file in [*(ROOT / "worker").rglob("*.py"), *(ROOT / "contracts").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            for module in modules:
                name = module.partition(".")[0]
                if name and name not in sys.stdlib_module_names and name not in OWN:
                    yield file.relative_to(ROOT), name


def test_every_import_is_declared_and_every_declared_package_is_imported() -> None:
    """Whatever another package happens to bring may be gone with its next release."""
    declared = _names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        declared |= _names(extra)
    imported = {canonicalize_name(PACKAGE_OF.get(name, name)) for _, name in _imported()}

    assert imported | FOUND_BY_OTHERS == declared


def test_what_an_extra_brings_is_imported_only_where_its_absence_is_met() -> None:
    """The sandbox, traces, the picture reader, the QR in the terminal, the test kit: each says what to install, or goes
    on without."""
    places = {
        "qr": ("worker/gateway/scanner.py",),
        "sandbox": ("worker/sandbox/", "worker/cli/terminal.py"),
        "otel": ("worker/ops/otel/",),
        "testkit": ("worker/testkit/",),
    }
    for file, name in _imported():
        if name in EXTRAS:
            assert str(file).startswith(places[EXTRAS[name]]), f"{file} imports {name}"


def test_the_distribution_for_callers_has_the_contracts_version_and_needs_pydantic_as_the_worker_does() -> None:
    project = tomllib.loads((ROOT / "contracts" / "distribution" / "pyproject.toml").read_text())["project"]

    assert project["version"] == CONTRACT_VERSION
    assert project["dependencies"] == [line for line in PROJECT["dependencies"] if line.startswith("pydantic>")]
