"""Which migrations there are, in order. A migration is a file `NNNN_what_it_does.sql`, never changed once released.

Guarantees numbers without gaps, from 1: the schema's version is the number of the last one applied.
Knows nothing of how they are applied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_FILE = re.compile(r"^(?P<version>\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    """The file's name without its ending."""
    sql: str


def ordered(texts: Sequence[tuple[str, str]]) -> tuple[Migration, ...]:
    """Sort `(file name, SQL)` pairs. Raises `ValueError` for a strange name, a gap or a number given twice."""
    found: list[Migration] = []
    for name, sql in sorted(texts):
        parts = _FILE.match(name)
        if parts is None:
            raise ValueError(f"{name} is no migration's name")
        found.append(Migration(int(parts["version"]), name.removesuffix(".sql"), sql))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 1, 2, 3 without gaps")
    return tuple(found)


@cache
def load(dialect: str) -> tuple[Migration, ...]:
    """All migrations of `sqlite` or `postgres`, first to last."""
    folder = files("worker.journal") / "sql" / dialect / "migrations"
    return ordered([(entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir()])


def pending(dialect: str, version: int) -> tuple[Migration, ...]:
    """What a schema of this version lacks."""
    return load(dialect)[version:]


def latest(dialect: str) -> int:
    """The version this code was written for."""
    return len(load(dialect))
