"""Named SQL: what the files hold is what the code asks for."""

import re
from pathlib import Path

import pytest

import worker.journal
from worker.journal import migrations, queries
from worker.journal.postgres import routines

HOME = Path(worker.journal.__file__).parent
DIALECTS = ("sqlite", "postgres")
ASKED = re.compile(r"""\.(?:one|all|run|run_each|insert)\(\s*"(?P<name>[a-z_]+)\"""")

INSERTED = re.compile(r"\{\{([a-z_]+)\(")
"""A statement that a routine is made of."""


def test_a_file_is_split_at_its_names() -> None:
    text = "-- What these are.\n\n-- name: first\n-- why\nSELECT 1\n  FROM t;\n\n-- name: second\nSELECT 2;\n"
    assert queries.parse(text) == {"first": "SELECT 1\n  FROM t", "second": "SELECT 2"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "twice"),
        ("SELECT 1;\n-- name: a\nSELECT 2;", "without a name"),
        ("-- name: a\n-- nothing\n-- name: b\nSELECT 2;", "empty"),
    ],
)
def test_a_careless_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        queries.parse(text)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_query_is_one_statement(dialect: str) -> None:
    for name, statement in queries.load(dialect).items():
        assert ";" not in statement, name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_code_asks_for_exactly_the_queries_there_are(dialect: str) -> None:
    """A name misspelt, or a query nobody uses any more, is found here and not in production."""
    asked = {
        found["name"] for source in (HOME / dialect).glob("*.py") for found in ASKED.finditer(source.read_text("utf-8"))
    }
    routines = HOME / "sql" / dialect / "routines.sql"
    if routines.exists():
        asked |= set(INSERTED.findall(routines.read_text("utf-8")))
    assert asked == set(queries.load(dialect))


def test_the_routines_that_upgrades_make_are_those_of_today() -> None:
    """Where a statement of one has changed, a new migration makes it anew: see `worker.journal.postgres.routines`."""
    making = [one.sql for one in migrations.load("postgres") if "CREATE OR REPLACE FUNCTION" in one.sql]
    assert [routines.script() in sql for sql in making] == [True], "the newest migration alone has their text"


def test_no_sql_hides_in_the_code() -> None:
    """But for pragmas, transactions and the schema's own table."""
    allowed = re.compile(r"PRAGMA|pg_advisory|journal_schema|NOTIFY|\"SELECT 1\"")
    verbs = re.compile(r"\"[^\"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b[^\"]*\"")
    for source in HOME.rglob("*.py"):
        for line in source.read_text("utf-8").splitlines():
            assert not verbs.search(line) or allowed.search(line), f"{source.name}: {line.strip()}"
