"""What a shop's program wrote, made into what was meant: absent members left out, texts cleaned, spellings made one.

Guarantees that what is changed is changed only as far as nobody could mind, and that it is told: each text that was
cleaned has a warning. Passwords, and texts that must come back byte for byte, are left as they are. Half of a
surrogate pair is no text for anybody, wherever it stands: `halves` finds them. Knows models only by their members;
what the members mean is `contracts.limits`' to judge.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import isclass
from typing import Any, Final, get_args

from pydantic import BaseModel

from contracts.events import CommandWarning, FieldError
from contracts.explain import pointer
from contracts.members import SAME_AS
from contracts.taxpayer import normalise_tax_id

TEXT_CLEANED: Final = "text_cleaned"
UNTOUCHED: Final = frozenset({"password", "sellerLoginPassword", "date", "commandId"})
"""Members whose every character counts: passwords, the date of a download, the id of a command."""
DEEPEST_WALK: Final = 40
"""Levels looked into; nothing that deep can be a command."""

_HALF: Final = re.compile("[\ud800-\udfff]")
_LINE_END: Final = re.compile("\r\n?")
_HALF_A_PAIR: Final = (
    "holds half of an emoji (a lone surrogate, at character {}), which is no text: cut texts by characters, not by "
    "UTF-16 units"
)
_HALF_IN_A_NAME: Final = "has a member whose name holds half of an emoji (a lone surrogate), which is no text"


@dataclass(frozen=True, slots=True)
class Tidied:
    """The data as they were meant, and what there is to tell of it."""

    data: dict[str, Any]
    warnings: list[CommandWarning] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Member:
    is_optional: bool
    part: type[BaseModel] | None
    """The model of what is in it, or of each entry of a list."""


def tidy(model: type[BaseModel], data: dict[str, Any]) -> Tidied:
    """The data of a command of this model. The given ones stay as they are."""
    whole = Tidied({})
    whole.data.update(_object(model, data, (), whole))
    return whole


def halves(value: Any) -> Iterator[FieldError]:
    """Every half of a surrogate pair in any member or name, each under its JSON Pointer."""
    yield from _halves(value, ())


def clean(text: str) -> tuple[str, str]:
    """With line feeds for line ends, spaces for tabs, and nothing that nobody sees; and what went, in words."""
    if text.isprintable():
        return text, ""
    joined, line_ends = _LINE_END.subn("\n", text)
    tabs = joined.count("\t")
    kept = "".join(character for character in joined if unicodedata.category(character) != "Cf")
    went = [
        f"{count} {what}"
        for count, what in (
            (len(joined) - len(kept), "invisible characters removed"),
            (tabs, "tabs made spaces"),
            (line_ends, "line ends made line feeds"),
        )
        if count
    ]
    return kept.replace("\t", " "), ", ".join(went)


@lru_cache(maxsize=64)
def _members(model: type[BaseModel]) -> dict[str, _Member]:
    found = {
        name: _Member(not info.is_required(), next(_parts(info.annotation), None))
        for name, info in model.model_fields.items()
    }
    return found | {right: found[vendors] for vendors, right in SAME_AS.items() if vendors in found}


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)


def _object(
    model: type[BaseModel] | None, value: dict[str, Any], path: tuple[str | int, ...], whole: Tidied
) -> dict[str, Any]:
    members = _members(model) if model is not None else {}
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        kind = type(inner)
        if kind is int or (kind is str and inner.isprintable() and inner and not inner.isspace()):
            # The usual case, kept short: this runs for every member of every command.
            kept[name] = inner
            continue
        member = members.get(name)
        found = _value(member, name, inner, path, whole)
        if member is None or not member.is_optional or not _is_absent(found, name):
            kept[name] = found
    for vendors, right in SAME_AS.items():
        if right in kept and vendors in kept and vendors in members:
            _join_spellings(kept, vendors, right)
    return kept


def _value(member: _Member | None, name: str, value: Any, path: tuple[str | int, ...], whole: Tidied) -> Any:
    if type(value) is str:
        return value if value.isprintable() else _text(name, value, (*path, name), whole)
    if type(value) is dict or type(value) is list:
        return _inner(member.part if member else None, name, value, (*path, name), whole)
    return value


def _inner(model: type[BaseModel] | None, name: str, value: Any, path: tuple[str | int, ...], whole: Tidied) -> Any:
    if len(path) > DEEPEST_WALK:
        return value
    if isinstance(value, dict):
        return _object(model, value, path, whole)
    if isinstance(value, list):
        return [_inner(model, name, each, (*path, index), whole) for index, each in enumerate(value)]
    return _text(name, value, path, whole) if isinstance(value, str) and not value.isprintable() else value


def _text(name: str, text: str, path: tuple[str | int, ...], whole: Tidied) -> str:
    if name in UNTOUCHED:
        return text
    cleaned, went = clean(_HALF.sub("-", text))
    if went:
        whole.warnings.append(CommandWarning(code=TEXT_CLEANED, message=f"was cleaned: {went}", path=pointer(path)))
    return cleaned


def _is_absent(value: Any, name: str) -> bool:
    """Absent, null and empty are the same; so is a text of blanks, unless it is a password."""
    if value is None:
        return True
    return isinstance(value, str) and not (value if name in UNTOUCHED else value.strip())


def _join_spellings(kept: dict[str, Any], vendors: str, right: str) -> None:
    """One member under both names, as programs write it that were generated from the schema. Where the two differ, they
    stay: that is the model's to refuse."""
    one, other = kept[vendors], kept[right]
    if _is_absent(other, right) or (
        isinstance(one, str) and isinstance(other, str) and normalise_tax_id(one) == normalise_tax_id(other)
    ):
        del kept[right]
    elif _is_absent(one, vendors):
        kept[vendors] = kept.pop(right)


def _halves(value: Any, path: tuple[str | int, ...]) -> Iterator[FieldError]:
    if len(path) > DEEPEST_WALK:
        return
    if isinstance(value, str):
        half = _HALF.search(value)
        if half is not None:
            yield FieldError(path=pointer(path), message=_HALF_A_PAIR.format(half.start() + 1))
    elif isinstance(value, dict):
        if any(_HALF.search(name) for name in value):
            yield FieldError(path=pointer(path), message=_HALF_IN_A_NAME)
        for name, inner in value.items():
            yield from _halves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _halves(inner, (*path, index))
