"""Named SQL, read from files: one set of names, written once per dialect.

Guarantees that no name occurs twice in a dialect. Knows nothing of what the statements do.
A block begins with `-- name: some_name` and ends where the next one begins; other comments belong to the statement.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^--\s*name:\s*(?P<name>[a-z][a-z0-9_]*)\s*$")


def parse(text: str) -> dict[str, str]:
    """Split a file into its named statements. Raises `ValueError` for a name given twice, for a statement
    without a name and for a name without a statement."""
    blocks: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        found = _NAME.match(line)
        if found:
            if found["name"] in blocks:
                raise ValueError(f"query {found['name']} is there twice")
            current = blocks[found["name"]] = []
        elif current is not None:
            current.append(line)
        elif line.strip() and not line.startswith("--"):
            raise ValueError(f"a statement without a name: {line.strip()}")
    return {name: _statement(name, lines) for name, lines in blocks.items()}


def _statement(name: str, lines: list[str]) -> str:
    """The SQL without its comments, so that the text that is prepared and cached is small."""
    kept = [line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("--")]
    if not kept:
        raise ValueError(f"query {name} is empty")
    return "\n".join(kept).removesuffix(";")


@cache
def load(dialect: str) -> Mapping[str, str]:
    """All queries of `sqlite` or `postgres`."""
    queries: dict[str, str] = {}
    folder = files("worker.journal") / "sql" / dialect
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if not entry.name.startswith("queries") or not entry.name.endswith(".sql"):
            continue
        for name, statement in parse(entry.read_text(encoding="utf-8")).items():
            if name in queries:
                raise ValueError(f"query {name} is in two files of {dialect}")
            queries[name] = statement
    return MappingProxyType(queries)
