"""The grants in `deploy/` are just what the statements need: neither one more nor one less."""

import re
from collections import defaultdict
from pathlib import Path

from worker.journal import migrations, queries
from worker.journal.postgres.schema import GRANTS

ROOT = Path(__file__).resolve().parents[3]
_GRANT = re.compile(r"^GRANT ([A-Z, ]+) ON ([a-z_]+) TO fapiao_worker;$", re.MULTILINE)


def tables() -> set[str]:
    """Every table of the newest schema."""
    made = "\n".join(migration.sql for migration in migrations.pending("postgres", 0))
    dropped = set(re.findall(r"DROP TABLE (?:IF EXISTS )?([a-z_]+)", made))
    return set(re.findall(r"CREATE TABLE ([a-z_]+)", made)) - dropped


def needed() -> dict[str, set[str]]:
    """Table to privileges, read off the statements."""
    found: dict[str, set[str]] = defaultdict(set)
    found["journal_schema"] = {"select"}  # asked by `schema.check`, outside the named statements
    known = tables()
    for sql in queries.load("postgres").values():
        for verb, privilege in (("INSERT INTO", "insert"), ("UPDATE", "update"), ("DELETE FROM", "delete")):
            for table in set(re.findall(rf"\b{verb} ([a-z_]+)\b", sql)) & known:
                found[table].add(privilege)
                if privilege != "insert":
                    found[table].add("select")
        read = set(re.findall(r"(?<!DELETE )\b(?:FROM|JOIN) ([a-z_]+)\b", sql)) & known
        for table in read:
            found[table].add("select")
            if "FOR UPDATE" in sql:
                found[table].add("update")
        for table in set(re.findall(r"INSERT INTO ([a-z_]+)\b", sql)) & known:
            if "ON CONFLICT" in sql or re.search(rf"INSERT INTO {table}\b[^;]*?RETURNING", sql):
                found[table].add("select")
            if "DO UPDATE" in sql:
                found[table].add("update")
    return dict(found)


def test_the_grants_are_what_the_statements_need() -> None:
    assert {table: set(privileges) for table, privileges in GRANTS.items()} == needed()


def test_the_file_in_deploy_grants_just_those() -> None:
    text = (ROOT / "deploy/permissions/postgres.sql").read_text(encoding="utf-8")

    granted = {table: set(privileges.lower().split(", ")) for privileges, table in _GRANT.findall(text)}

    assert granted == {table: set(privileges) for table, privileges in GRANTS.items()}
