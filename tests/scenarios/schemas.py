"""Holds events as they come to the schemas that callers are given."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parents[2] / "contracts" / "schemas"


@cache
def _validator(event_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def violations_of(event: dict[str, Any]) -> list[str]:
    """Where this event is not what the schema of its type says; one of a type without a schema is one as well."""
    try:
        validator = _validator(event["type"])
    except FileNotFoundError:
        return [f"{event['type']} has no schema"]
    return [f"{event['type']} {fault.json_path}: {fault.message}" for fault in validator.iter_errors(event)]
