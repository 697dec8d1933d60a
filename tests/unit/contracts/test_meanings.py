"""What each member of the contract means, in the schemas."""

import re
from typing import Any

import jsonschema
import pytest

from contracts.commands import COMMANDS
from contracts.envelope import EventEnvelope
from contracts.meanings import names
from contracts.schema_files import event_models, schemas

SCHEMAS = schemas()


def members(schema: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every member of every object in a schema, by its path."""
    found: list[tuple[str, dict[str, Any]]] = []
    if isinstance(schema, dict):
        for name, member in schema.get("properties", {}).items():
            if isinstance(member, dict) and schema.get("type") == "object":
                found.append((f"{path}.{name}", member))
        for key, inner in schema.items():
            if key not in {"examples", "default", "enum", "const"}:
                found += members(inner, f"{path}/{schema.get('title', key)}")
    elif isinstance(schema, list):
        for inner in schema:
            found += members(inner, path)
    return found


class TestMeanings:
    """Whoever reads a schema finds out what each member means, in English or Chinese, and how it looks."""

    @pytest.mark.parametrize("name", [*COMMANDS, *event_models()])
    def test_no_member_lacks_title_description_and_example(self, name: str) -> None:
        """One that does needs a line in contracts/meanings.py."""
        silent = [
            path
            for path, member in members(SCHEMAS[name])
            if not {"title", "description", "examples"} <= member.keys()
            or not re.search("[\u4e00-\u9fff]", member["title"] + member["description"])
        ]
        silent = [path for path in silent if not path.endswith(".data")]
        assert silent == [], "each of these needs a line in contracts/meanings.py"

    @pytest.mark.parametrize("name", [*COMMANDS, *event_models()])
    def test_every_example_fits(self, name: str) -> None:
        definitions = {"$defs": SCHEMAS[name].get("$defs", {})}
        wrong = [
            f"{path}: {error.message}"
            for path, member in members(SCHEMAS[name])
            for example in member.get("examples", [])
            for error in jsonschema.Draft202012Validator({**definitions, **member}).iter_errors(example)
        ]
        assert wrong == []

    def test_no_line_is_about_a_member_that_nobody_has(self) -> None:
        known = {
            f"{part.get('title')}.{member}" for part in _objects([*SCHEMAS.values()]) for member in part["properties"]
        } | {f"EventEnvelope.{member}" for member in EventEnvelope.model_fields}
        plain = {name.partition(".")[2] for name in known}

        assert [name for name in names() if name not in known and name not in plain] == []


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        own = [schema] if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" else []
        return own + [part for inner in schema.values() for part in _objects(inner)]
    return [part for inner in schema for part in _objects(inner)] if isinstance(schema, list) else []
