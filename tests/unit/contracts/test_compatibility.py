"""What is added passes; what breaks a program that keeps to the older contract is found."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.compatibility import Change, compare
from contracts.export import freeze, messages, read

Schema = dict[str, Any]
NOW = messages()
AS_TEXT = json.dumps(NOW)
RELEASED = Path(__file__).resolve().parents[3] / "contracts" / "released.json"


def changed(change: Callable[[dict[str, Schema]], object]) -> list[Change]:
    """What the contract of now would be told of, after a change to it."""
    new: dict[str, Schema] = json.loads(AS_TEXT)
    change(new)
    touched = {name for name in NOW.keys() | new.keys() if NOW.get(name) != new.get(name)}
    return compare(*({name: each for name, each in side.items() if name in touched} for side in (NOW, new)))


def breaking(change: Callable[[dict[str, Schema]], object]) -> list[tuple[str, str]]:
    """Place and reason of what breaks."""
    return [(each.place, each.what) for each in changed(change) if each.is_breaking]


def command(new: dict[str, Schema]) -> Schema:
    """The data of the command that issues."""
    return dict(new["invoice.issue"]["properties"]["data"])


def part(new: dict[str, Schema], message: str, name: str) -> Schema:
    """A named part of a message."""
    found: Schema = new[message]["$defs"][name]
    return found


def told(new: dict[str, Schema]) -> Schema:
    """The data of the event that tells an invoice's number."""
    found: Schema = new["invoice.issue.confirmed"]["properties"]["data"]
    return found


def test_this_version_breaks_nobody_who_was_written_for_the_last_release() -> None:
    """If this fails, the change must be undone; no release takes anything away."""
    assert [change for change in compare(read(RELEASED), NOW) if change.is_breaking] == []


def test_nothing_changed_is_no_change() -> None:
    assert compare(NOW, NOW) == []


ADDED: dict[str, Callable[[dict[str, Schema]], object]] = {
    "an optional member of a command": lambda new: part(new, "invoice.issue", "Invoice")["properties"].update(
        note={"type": ["string", "null"]}
    ),
    "a member of an event": lambda new: told(new)["properties"].update(fresh={"type": "string"}),
    "a member that an event always has": lambda new: (
        told(new)["properties"].update(fresh={"type": "string"}),
        told(new)["required"].append("fresh"),
    ),
    "an event that always tells what it might leave out": lambda new: told(new)["required"].append("files"),
    "a wider limit of a command": lambda new: new["invoice.issue"]["properties"]["id"].update(maxLength=500),
    "a narrower limit of an event": lambda new: new["invoice.issue.failed"]["properties"]["sequence"].update(minimum=5),
    "a wider pattern of a command": lambda new: part(new, "invoice.issue", "Invoice")["properties"]["buyerName"].update(
        pattern="^[^\\u0000]*$"
    ),
    "a member of a command that may be left out now": lambda new: command(new)["required"].remove("userId"),
    "a code": lambda new: part(new, "invoice.issue.failed", "FailureCode")["anyOf"][0]["enum"].append("new_code"),
    "a message": lambda new: new.update({"invoice.issue.fresh": new["invoice.issue.failed"]}),
    "words for people": lambda new: told(new).update(title="Another", description="Another."),
}


@pytest.mark.parametrize("what", ADDED)
def test_what_is_added_passes(what: str) -> None:
    assert breaking(ADDED[what]) == []


BREAKING: dict[str, tuple[Callable[[dict[str, Schema]], object], tuple[str, str]]] = {
    "a message gone": (lambda new: new.pop("invoice.query.page"), ("", "the message is gone")),
    "a member of a command gone": (
        lambda new: part(new, "invoice.issue", "Invoice")["properties"].pop("remark"),
        ("data/invoice/remark", "is gone"),
    ),
    "a member of an event gone": (
        lambda new: told(new)["properties"].pop("files"),
        ("data/files", "is gone"),
    ),
    "a command's optional member asked for": (
        lambda new: command(new)["required"].append("orderNo"),
        ("data/orderNo", "must be given now"),
    ),
    "an event's member that may be absent": (
        lambda new: told(new)["required"].remove("commandId"),
        ("data/commandId", "may be absent now"),
    ),
    "another type in a command": (
        lambda new: command(new)["properties"].update(userId={"type": "integer"}),
        ("data/userId", "its type is not accepted any more"),
    ),
    "another type in an event": (
        lambda new: told(new)["properties"].update(commandId={"type": ["string", "integer"]}),
        ("data/commandId", "may have another type"),
    ),
    "null where an event told a text": (
        lambda new: told(new)["properties"].update(commandId={"type": ["string", "null"]}),
        ("data/commandId", "may have another type"),
    ),
    "a narrower limit of a command": (
        lambda new: new["invoice.issue"]["properties"]["id"].update(maxLength=50),
        ("id", "its limits are narrower"),
    ),
    "a value of a command gone": (
        lambda new: part(new, "invoice.query", "Condition")["properties"].update(
            queryType={"type": "integer", "enum": [0]}
        ),
        ("data/condition/queryType", "some values are not accepted any more"),
    ),
    "a narrower pattern of a command": (
        lambda new: part(new, "invoice.issue", "Invoice")["properties"]["buyerName"].update(pattern="^[a-z]*$"),
        ("data/invoice/buyerName", "its pattern is narrower"),
    ),
    "a code gone": (
        lambda new: part(new, "invoice.issue.failed", "FailureCode")["anyOf"][0]["enum"].remove("not_issued"),
        ("FailureCode not_issued", "the code is gone"),
    ),
    "a further rule of a command": (
        lambda new: new["invoice.issue"]["properties"].update(
            data=command(new) | {"not": {"required": ["orderNo", "deadline"]}}
        ),
        ("data", "there is a rule that was not there"),
    ),
}


@pytest.mark.parametrize("what", BREAKING)
def test_what_breaks_is_found_and_named(what: str) -> None:
    change, reason = BREAKING[what]

    assert breaking(change) == [reason]


LARGE = ("invoice.issue", "invoice.query", "invoice.issue.confirmed", "invoice.issue.in_doubt", "invoice.query.page")
"""Between them they have every way in which a schema is written here."""


@pytest.mark.parametrize("name", LARGE)
def test_no_member_can_be_taken_away_or_get_another_type_unseen(name: str) -> None:
    """One after another, at all depths; nothing of the old type fits the new one."""
    missed = []
    text = json.dumps(NOW[name])
    for holder, member in _holders(NOW[name], ()):
        for other in (None, {"type": "array"}, {"type": "boolean"}):
            words = json.dumps(_at(NOW[name], holder)["properties"][member])
            if other is not None and (other["type"] in words or not re.search(r'"(type|\$ref)"', words)):
                continue  # it has this type already, or any
            new = json.loads(text)
            at = _at(new, holder)
            if other is None:
                del at["properties"][member]
                at["required"] = [each for each in at.get("required", []) if each != member]
            else:
                at["properties"][member] = other
            if not any(change.is_breaking for change in compare({name: NOW[name]}, {name: new})):
                missed.append((*holder, member, other))

    assert missed == []


def _at(schema: Schema, holder: tuple[str, ...]) -> Schema:
    for step in holder:
        schema = schema[step]
    return schema


def test_a_bound_of_nought_is_a_bound() -> None:
    """Of a number; a text is never shorter than nothing."""

    def message(**data: Any) -> dict[str, Schema]:
        return {"x": {"type": "object", "properties": {"data": data}, "additionalProperties": False}}

    narrower = compare(message(type="integer"), message(type="integer", minimum=0))

    assert [(each.place, each.what) for each in narrower] == [("data", "its limits are narrower")]
    assert compare(message(type="string"), message(type="string", minLength=0)) == []


def _holders(schema: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    found = [(path, member) for member in schema.get("properties", {})]
    for place in ("properties", "$defs"):
        for name, inner in schema.get(place, {}).items():
            found += _holders(inner, (*path, place, name))
    return found


def test_a_frozen_contract_is_read_back_as_the_same(tmp_path: Path) -> None:
    """Without what only people read."""
    freeze(tmp_path / "released.json")

    assert compare(read(tmp_path / "released.json"), NOW) == []
    assert compare(NOW, read(tmp_path / "released.json")) == []


def test_a_folder_of_schemas_is_a_contract_too(tmp_path: Path) -> None:
    """As it is among a release's files."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    for name, schema in NOW.items():
        (folder / f"{name}.json").write_text(json.dumps(schema))
    (folder / "bundle.json").write_text("{}")

    assert compare(read(tmp_path), NOW) == compare(read(folder), NOW) == []
    with pytest.raises(ValueError, match="holds no messages"):
        read(tmp_path / "schemas" / "bundle.json")
