"""Holds events as they come to the schemas that callers are given.

jsonschema says what is wrong with an event, and it is slow where nothing is: a page of ten invoices takes it longer
than the worker took to make it. So `Quick` says first whether anything is wrong.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import NoneType
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parents[2] / "contracts" / "schemas"
TYPES: Mapping[str, type] = {"array": list, "boolean": bool, "null": NoneType, "object": dict, "string": str}

Check = Callable[[Any], bool]


class Quick:
    """Whether a value that was read from JSON is valid, as the validator says it (`test_event_schemas.py` compares).

    Walks by itself through objects, lists, alternatives and references. jsonschema's own rules judge all the rest.
    """

    def __init__(self, validator: Draft202012Validator, schema: Mapping[str, Any]) -> None:
        """The validator is the schema's."""
        self._validator = validator
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._referred: dict[str, Check] = {}
        self.holds = self._check(schema)

    def _check(self, schema: Any) -> Check:
        if isinstance(schema, bool):
            return lambda _: schema
        rules = [self._rule(name, schema) for name in schema if name in self._validator.VALIDATORS]
        return lambda value: all(holds(value) for holds in rules)

    def _rule(self, name: str, schema: Mapping[str, Any]) -> Check:
        said = schema[name]
        match name:
            case "type" if isinstance(said, str) and said in TYPES:
                return lambda value: isinstance(value, TYPES[said])
            case "properties":
                members = {member: self._check(each) for member, each in said.items()}
                return lambda value: (
                    not isinstance(value, dict)
                    or all(members[member](each) for member, each in value.items() if member in members)
                )
            case "items" if "prefixItems" not in schema:
                holds = self._check(said)
                return lambda value: not isinstance(value, list) or all(map(holds, value))
            case "anyOf":
                alternatives = [self._check(each) for each in said]
                return lambda value: any(holds(value) for holds in alternatives)
            case "$ref" if said.startswith("#/$defs/"):
                return partial(self._holds_as, said.removeprefix("#/$defs/"))
        rule = self._validator.VALIDATORS[name]
        return lambda value: not any(True for _ in rule(self._validator, said, value, schema) or ())

    def _holds_as(self, name: str, value: object) -> bool:
        if name not in self._referred:  # made when it is needed: a definition may refer to itself
            self._referred[name] = self._check(self._definitions[name])
        return self._referred[name](value)


@cache
def validator_of(event_type: str) -> tuple[Draft202012Validator, Quick]:
    """Both for a type of event. Raises `FileNotFoundError` where it has no schema."""
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return validator, Quick(validator, schema)


def violations_of(event: dict[str, Any]) -> list[str]:
    """Where this event is not what the schema of its type says; one of a type without a schema is one as well."""
    try:
        validator, quick = validator_of(event["type"])
    except FileNotFoundError:
        return [f"{event['type']} has no schema"]
    if quick.holds(event):
        return []
    return [f"{event['type']} {fault.json_path}: {fault.message}" for fault in validator.iter_errors(event)]
