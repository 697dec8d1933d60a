"""The tables of the integrator's guide that say what each command, event, member and code means, drawn from
`contracts.meanings` and `contracts.texts`.

Guarantees: what stands between `<!-- failures: begin -->` and `<!-- failures: end -->` (`rejections`, `warnings`,
`commands`, `events`, `members`) is the table of this version; the rest of the guide is left as it is. Knows nothing of
files.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from contracts import meanings
from contracts.events import EventData, Outcome
from contracts.failures import RETRYABLE
from contracts.meanings import Meaning, meaning_of
from contracts.schema_files import event_models
from contracts.texts import KINDS, Again, Entry, Possible

FILES: Final[Mapping[str, str]] = {"README.md": "en", "README.zh-CN.md": "zh-CN"}
"""File name of each guide to its language."""

_HEADS: Final = {
    "en": ("code", "what happened", "an invoice?", "send again?", "what to do", "tell the customer"),
    "zh-CN": ("代码", "发生了什么", "可能已开票？", "能否重发？", "如何处理", "如何告知客户"),
}
_POSSIBLE: Final[Mapping[str, Mapping[Possible, str]]] = {
    "en": {
        Possible.NO: "no",
        Possible.UNLIKELY: "none was found",
        Possible.FIRST: "perhaps of the earlier command",
        Possible.OPEN: "says nothing of it",
    },
    "zh-CN": {
        Possible.NO: "没有",
        Possible.UNLIKELY: "已查询，未发现",
        Possible.FIRST: "可能由先前的命令开出",
        Possible.OPEN: "与此无关",
    },
}
_AGAIN: Final[Mapping[str, Mapping[Again, str]]] = {
    "en": {
        Again.SAME_ID: "later, **same id**",
        Again.NEW_ID: "as it is, **new id**",
        Again.CHANGED: "once mended, **new id**",
        Again.AFTER_CHECK: "after a look, **new id**",
        Again.NO: "**no**",
        Again.NEEDLESS: "needless",
    },
    "zh-CN": {
        Again.SAME_ID: "稍后，**同一 id**",
        Again.NEW_ID: "原样，**新 id**",
        Again.CHANGED: "改正后，**新 id**",
        Again.AFTER_CHECK: "核实后，**新 id**",
        Again.NO: "**不可**",
        Again.NEEDLESS: "无需",
    },
}
_MESSAGE_HEADS: Final = {
    "commands": {
        "en": ("command", "does", "reaches the gateway by"),
        "zh-CN": ("命令", "作用", "如何到达网关"),
    },
    "events": {
        "en": ("event", "meaning", "what to do"),
        "zh-CN": ("事件", "含义", "如何处理"),
    },
}
_MEMBER_HEADS: Final = {"en": ("member", "of", "meaning"), "zh-CN": ("成员", "所属", "含义")}
_EVERY_EVENT: Final = {"en": "every event", "zh-CN": "所有事件"}
_OF_EVERY_COMMAND: Final = frozenset({Outcome.FAILED, Outcome.REJECTED})
_RETRYABLE: Final = {"en": " (retryable)", "zh-CN": "（retryable）"}


def with_tables(text: str, language: str) -> str:
    """The guide's text with its tables drawn anew."""
    for name in (*_MESSAGE_HEADS, "members", *KINDS):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            text = f"{before}{begin}{table(name, language)}{end}{after}"
    return text


def table(name: str, language: str) -> str:
    """The `commands`, the `events`, their `members`, or one kind of codes, as a Markdown table."""
    if name == "members":
        return _drawn([_MEMBER_HEADS[language], *_members(language)])
    if name in _MESSAGE_HEADS:
        told = meanings.commands() if name == "commands" else meanings.events()
        rows = [(f"`{message}`", *meaning.words(language)) for message, meaning in told.items()]
        return _drawn([_MESSAGE_HEADS[name][language], *rows])
    columns = (0, 1, 4) if name == "warnings" else range(6)
    codes = [_HEADS[language], *(_cells(code, entry, language) for code, entry in KINDS[name].items())]
    return _drawn([[row[column] for column in columns] for row in codes])


def _members(language: str) -> Iterator[tuple[str, str, str]]:
    """Each member of an event with where it stands and what it means there; what means the same, once."""
    places: dict[tuple[str, Meaning], list[str]] = {}
    models: dict[str, type[EventData]] = {"": EventData, **event_models()}
    for event, model in models.items():
        outcome = event.rpartition(".")[2]
        name = f"<type>.{outcome}" if outcome in _OF_EVERY_COMMAND else event
        for place, member, meaning in _walk(f"`{name}`" if event else _EVERY_EVENT[language], model):
            known = places.setdefault((member, meaning), [])
            if place not in known and _EVERY_EVENT[language] not in known:
                known.append(place)
    for (member, meaning), where in places.items():
        yield f"`{member}`", ", ".join(where), meaning.words(language)


def _walk(place: str, model: type[BaseModel]) -> Iterator[tuple[str, str, Meaning]]:
    for member, field in model.model_fields.items():
        meaning = meaning_of(str(model.model_config.get("title") or model.__name__), member)
        if meaning is not None:
            yield place, member, meaning
        for part, is_list in _parts_of(field.annotation):
            yield from _walk(f"`{member}[]`" if is_list else f"`{member}`", part)


def _parts_of(annotation: Any, is_list: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models that a member holds, each with whether it holds many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, is_list
    for each in get_args(annotation):
        yield from _parts_of(each, is_list or get_origin(annotation) is list)


def _cells(code: str, entry: Entry, language: str) -> tuple[str, ...]:
    words = entry.words(language)
    retryable = _RETRYABLE[language] if code in RETRYABLE else ""
    return (
        f"`{code}`",
        words.happened,
        _POSSIBLE[language][entry.invoice],
        _AGAIN[language][entry.again] + retryable,
        words.action,
        words.customer or "–",
    )


def _drawn(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the head."""
    lines = [rows[0], ["---" for _ in rows[0]], *rows[1:]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
