"""Whether programs written for an older contract go on working with a newer one.

A command is compared one way and an event the other: all that was accepted is accepted still, and all that is told now
could be told before, but for members that a reader ignores. Guarantees: a change that it lets pass breaks nobody who
keeps to the old schemas; what it cannot decide counts as breaking. Patterns are the exception: two that differ are
compared by trial. Knows nothing of files.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = dict[str, Any]

_NOTES: Final = {"title", "description", "examples", "default", "$id", "$schema", "$comment", "writeOnly"}
_RULES: Final = ("allOf", "anyOf", "oneOf", "not")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_NEVER_BELOW_0: Final = {"minLength", "minItems"}
_NO_LIMIT: Final = {"password"}
"""Formats that say how a value is shown, and forbid none."""
_TRIALS: Final = ["", "发票", "a b", "A-1_b.c", "0", "12.50", "2026-03-01", "91330100EXAMPLE01D"] + [
    before + chr(code) + after for code in range(0x300) for before, after in (("", ""), ("a", "b"))
]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two contracts."""

    message: str
    """The type of the message."""
    place: str
    """The member, as a path below the message; empty for the message itself."""
    what: str
    is_breaking: bool


def compare(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Change]:
    """All differences that matter to a caller, breaking ones first. Both: message type to the schema of the whole
    message, standing alone."""
    changes = [Change(name, "", "the message is gone", is_breaking=True) for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        changes += _breaking(name, old[name], new[name])
    changes += [Change(name, "", "a new message", is_breaking=False) for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        before, now = _members(old[name]), _members(new[name])
        changes += [Change(name, place, "a new member", is_breaking=False) for place in sorted(now - before)]
    return changes


def without_notes(schema: Schema) -> Schema:
    """A schema without what only people read; it compares as the whole one does."""
    bare: Schema = json.loads(_bare(schema))
    return bare


def is_event(schema: Schema) -> bool:
    """Events name the command that they tell of; commands do not."""
    return "subject" in schema.get("properties", {})


def _breaking(name: str, old: Schema, new: Schema) -> list[Change]:
    told = is_event(new)
    inner, outer = (_Side(new), _Side(old)) if told else (_Side(old), _Side(new))
    words = _TOLD if told else _ASKED
    lost = _members(old) - _members(new)
    found = [(place, "is gone") for place in sorted(lost) if _holder(place) not in lost]
    found += [misfit for misfit in _misfits(inner, inner.root, outer, outer.root, ()) if misfit[0] not in lost]
    found += _lost_codes(old, new)
    return [Change(name, place, words.get(what, what), is_breaking=True) for place, what in dict.fromkeys(found)]


_ASKED: Final = {
    "required": "must be given now",
    "unknown": "is not accepted any more",
    "values": "some values are not accepted any more",
    "type": "its type is not accepted any more",
    "bound": "its limits are narrower",
    "pattern": "its pattern is narrower",
    "rule": "there is a rule that was not there",
}
_TOLD: Final = {
    "required": "may be absent now",
    "unknown": "is told although nothing more may be",
    "values": "may have a value that was not announced",
    "type": "may have another type",
    "bound": "its limits are wider",
    "pattern": "its pattern is wider",
    "rule": "a rule that held does not hold any more",
}

Misfit = tuple[str, str]
"""A place and a word of the tables above."""
Path = tuple[str, ...]


class _Side:
    """A schema that stands alone, and what its references mean."""

    def __init__(self, root: Schema) -> None:
        self.root = root

    def alternatives(self, schema: Schema) -> list[Schema]:
        """The same as a list of which any may hold; each with one type at most."""
        schema = self._resolved(schema)
        if "properties" not in schema:
            for choice in ("anyOf", "oneOf"):
                if choice in schema:
                    beside = {key: value for key, value in schema.items() if key != choice}
                    return [one for each in schema[choice] for one in self.alternatives(beside | each)]
        types = schema.get("type")
        if not isinstance(types, list):
            return [schema]
        return [_of_type(schema, each) for each in types]

    def _resolved(self, schema: Schema) -> Schema:
        """With what its reference says, and with a type where its values tell one."""
        while "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")] | beside
        kept = {key: value for key, value in schema.items() if key not in _NOTES}
        if "type" not in kept and all(isinstance(value, str) for value in _values(kept) or [None]):
            kept["type"] = "string"
        return kept


def _of_type(schema: Schema, name: str) -> Schema:
    one = schema | {"type": name}
    if "enum" in schema:
        one["enum"] = [value for value in schema["enum"] if (value is None) == (name == "null")]
    return one


def _misfits(a: _Side, inner: Schema, b: _Side, outer: Schema, path: Path) -> Iterator[Misfit]:
    """Why something that fits `inner` might not fit `outer`; nothing where all of it does."""
    choices = b.alternatives(outer)
    for one in a.alternatives(inner):
        reasons = [list(_beside(a, one, b, other, path)) for other in choices]
        if all(reasons):
            # The reasons of the nearest: of the same type, and of those the one with the fewest.
            yield from min(reasons, key=lambda found: (("/".join(path), "type") in found, len(found)))


def _beside(a: _Side, inner: Schema, b: _Side, outer: Schema, path: Path) -> Iterator[Misfit]:
    place = "/".join(path)
    if not _type_fits(inner.get("type"), outer.get("type")):
        yield place, "type"
        return
    if not _values_fit(inner, outer):
        yield place, "values"
    if not _bounds_fit(inner, outer):
        yield place, "bound"
    if not _pattern_fits(inner, outer):
        yield place, "pattern"
    if "items" in outer:
        yield from _misfits(a, inner.get("items", {}), b, outer["items"], (*path, "[]"))
    yield from _members_misfit(a, inner, b, outer, path)
    if not all(_rule_fits(a, inner, b, name, outer[name]) for name in _RULES if name in outer):
        yield place, "rule"


def _members_misfit(a: _Side, inner: Schema, b: _Side, outer: Schema, path: Path) -> Iterator[Misfit]:
    """What was lost is found apart (`_members`): here is what both have, and what only the inner has."""
    has, wants = inner.get("properties", {}), outer.get("properties", {})
    for name in outer.get("required", []):
        if name not in inner.get("required", []):
            yield "/".join((*path, name)), "required"
    more = outer.get("additionalProperties", True)
    for name, member in has.items():
        allowed = wants.get(name, more)
        if allowed is False:
            yield "/".join((*path, name)), "unknown"
        elif allowed is not True:
            yield from _misfits(a, member, b, allowed, (*path, name))
    others = inner.get("additionalProperties", True)
    if more is not True and others is not False and inner.get("type") == "object":
        if more is False:
            yield "/".join(path), "unknown"
        else:
            yield from _misfits(a, {} if others is True else others, b, more, (*path, "*"))


def _type_fits(inner: Any, outer: Any) -> bool:
    return outer is None or inner == outer or (inner == "integer" and outer == "number")


def _values_fit(inner: Schema, outer: Schema) -> bool:
    """Values as a list, where there is one, and formats, which name a set of texts."""
    wanted = outer.get("format")
    if wanted not in {None, *_NO_LIMIT} and inner.get("format") != wanted:
        return False
    allowed = _values(outer)
    return allowed is None or set(map(repr, _values(inner) or [object()])) <= set(map(repr, allowed))


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found


def _bounds_fit(inner: Schema, outer: Schema) -> bool:
    if _values(inner) is not None:
        return True
    bounds = [name for name in _LOWER if name in outer and not (outer[name] == 0 and name in _NEVER_BELOW_0)]
    lower = all(name in inner and inner[name] >= outer[name] for name in bounds)
    return lower and all(name in inner and inner[name] <= outer[name] for name in _UPPER if name in outer)


def _pattern_fits(inner: Schema, outer: Schema) -> bool:
    wanted, given = outer.get("pattern"), inner.get("pattern")
    if wanted is None or wanted in {given, f"^$|{given}"}:
        return True
    known = [value for value in _values(inner) or [] if isinstance(value, str)]
    if known:
        return all(re.search(wanted, value) for value in known)
    if given is None:
        return False
    tried = [text for text in _TRIALS if re.search(given, text)]
    return bool(tried) and all(re.search(wanted, text) for text in tried)


def _rule_fits(a: _Side, inner: Schema, b: _Side, name: str, rule: Any) -> bool:
    """A rule over several members: the same as the inner's own, or one that follows from what its members are."""
    if _bare(inner.get(name)) == _bare(rule):
        return True
    if name in {"allOf", "anyOf"}:
        follow = [not any(_misfits(a, inner, b, each | {"type": "object"}, ())) for each in rule]
        return all(follow) if name == "allOf" else any(follow)
    return False


def _bare(value: Any) -> str:
    """Without what only people read."""

    def strip(part: Any, *, are_names: bool = False) -> Any:
        if isinstance(part, dict):
            kept = {key: inner for key, inner in part.items() if are_names or key not in _NOTES}
            return {
                key: strip(inner, are_names=not are_names and key in {"properties", "$defs"})
                for key, inner in kept.items()
            }
        return [strip(inner) for inner in part] if isinstance(part, list) else part

    return json.dumps(strip(value), sort_keys=True)


def _holder(place: str) -> str:
    """The member that a member is part of."""
    return place.rpartition("/")[0].removesuffix("/[]")


def _lost_codes(old: Schema, new: Schema) -> Iterator[Misfit]:
    """Codes that the older contract names and the newer does not. Lists of codes are open, so any text fits them; but
    programs branch on what was named."""
    before, now = _codes(old), _codes(new)
    for name, codes in before.items():
        for code in sorted(codes - now.get(name, set())):
            yield f"{name} {code}", "the code is gone"


def _codes(schema: Schema) -> dict[str, set[str]]:
    return {
        name: set(part["anyOf"][0]["enum"])
        for name, part in schema.get("$defs", {}).items()
        if [choice.keys() for choice in part.get("anyOf", [])] == [{"enum"}, {"type"}]
    }


def _members(schema: Schema) -> set[str]:
    """The paths of all members of a message."""
    side = _Side(schema)

    def below(part: Schema, path: Path) -> Iterator[str]:
        for one in side.alternatives(part):
            if "items" in one:
                yield from below(one["items"], (*path, "[]"))
            for name, member in one.get("properties", {}).items():
                yield "/".join((*path, name))
                yield from below(member, (*path, name))

    return set(below(schema, ()))
