"""The server's routines: several named statements in one round trip, made of the same texts that others run singly.

A migration holds what `script` gives; a unit test tells when a statement has changed since, and a new migration is due:

    python -m worker.journal.postgres.routines > worker/journal/sql/postgres/migrations/NNNN_routines.sql

Of the one before it `SELECT;` is left, as of those before: what is made anew at once need not be made.
Knows nothing of what they do.
"""

import re
import sys
from importlib.resources import files

from worker.journal import queries

_INSERTED = re.compile(r"\{\{(?P<name>[a-z_]+)(?:\((?P<values>[^{}]*)\))?\}\}")
_PLACE = re.compile(r"\$(\d+)")


def script() -> str:
    """The SQL that makes all routines, and replaces those that are there."""
    text = (files("worker.journal") / "sql" / "postgres" / "routines.sql").read_text(encoding="utf-8")
    parts = queries.parse(text)
    return "\n".join(f"{_filled(part, parts)};\n" for part in parts.values() if part.startswith("CREATE"))


def _filled(part: str, parts: dict[str, str]) -> str:
    """Puts a statement's text in place of its name, and values in place of its parameters; a name without values stands
    for another part of the script."""

    def fill(found: re.Match[str]) -> str:
        if found["values"] is None:
            return _filled(parts[found["name"]], parts)
        values = [value.strip() for value in found["values"].split(",")]
        statement: str = queries.load("postgres")[found["name"]]
        return _PLACE.sub(lambda place: values[int(place[1]) - 1], statement)

    return _INSERTED.sub(fill, part)


if __name__ == "__main__":
    sys.stdout.write(script())
