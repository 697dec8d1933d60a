"""Two journals that are asked the same, one on each store, and what each answers in words that both have.

Keys and numbers of rows differ between the stores: a key is told as the command's identity, a row of the outbox as its
event and where it goes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Final

from worker.errors import NotFound, NotResolvable
from worker.flows.orders import KeepWaiting, follow
from worker.ports import Journal
from worker.records import ACTIVE, Command, Following, OutboxRow

_KEYS: Final = frozenset({"key", "command_key", "follows", "trier", "claim"})
_OWN: Final = frozenset({"seq", "nudges"})
"""Numbers of rows; and how often a follower was nudged, of which `_of_use` says more."""
_UNORDERED: Final = frozenset(
    {
        "claim",
        "due",
        "due_heads",
        "files_due",
        "overdue",
        "refused_accounts",
        "undeliverable_replies",
        "untold_files",
        "wanted",
    }
)
"""Answers of which only a part has an order that is promised. No limit may cut them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same thing, as each of the two stores handed it out."""

    sqlite: Any
    postgres: Any

    def map(self, act: Callable[[Any], Any]) -> "Pair":
        """The same done to both."""
        return Pair(act(self.sqlite), act(self.postgres))

    def at(self, place: int) -> "Pair":
        """Of two lists the entries at this place."""
        return self.map(lambda entries: entries[place])

    def of(self, name: str) -> "Pair":
        """This member of both."""
        return self.map(lambda value: getattr(value, name))

    def entries(self) -> list["Pair"]:
        """Of two lists of the same length."""
        return [self.at(place) for place in range(len(self.sqlite))]


class Twins:
    """Asks both, and compares."""

    def __init__(self, sqlite: Journal, postgres: Journal) -> None:
        self._journals = Pair(sqlite, postgres)
        self._names = Pair({}, {})
        """Key to identity, on each."""
        self.asked: list[str] = []

    async def ask(self, name: str, *values: Any, **options: Any) -> Pair:
        """Call this method of both; of a `Pair` among the values each is given its own. Raises `AssertionError` where
        the answers differ."""
        shown = ", ".join([*map(_short, values), *(f"{key}={_short(value)}" for key, value in options.items())])
        self.asked.append(f"{name}({shown})")
        answers = []
        for side in ("sqlite", "postgres"):
            method = getattr(getattr(self._journals, side), name)
            given = {key: _of(side, value) for key, value in options.items()}
            answers.append(await _answer(method(*[_of(side, value) for value in values], **given)))
        pair = Pair(*answers)
        if name == "followers":
            pair = pair.map(_of_use)
        told = Pair(_told(pair.sqlite, self._names.sqlite), _told(pair.postgres, self._names.postgres))
        if name in _UNORDERED:
            told = told.map(lambda answer: sorted(answer, key=str))
        differ = "\n".join(_differences("", told.sqlite, told.postgres))
        assert not differ, f"{self.asked[-1]} (call {len(self.asked)}):\n{differ}"
        return pair


def _of_use(nudged: Sequence[Following]) -> list[Following]:
    """Those that have something to do. PostgreSQL nudges the followers of a step even where it was fenced."""
    return [each for each in nudged if not isinstance(follow(each, is_shared=False), KeepWaiting)]


async def _answer(asked: Awaitable[Any]) -> Any:
    """A number of an invoice that another command has, or a command that has moved on: which of the two is told where
    both are so is each store's own."""
    try:
        return await asked
    except NotResolvable:
        return False
    except NotFound:
        return "not found"


def _of(side: str, value: Any) -> Any:
    if isinstance(value, Pair):
        return getattr(value, side)
    if type(value) in {list, tuple}:
        return type(value)(_of(side, each) for each in value)
    return value


def _told(value: Any, names: dict[int, str]) -> Any:
    """Without what is a store's own. Notes who has which key."""
    if isinstance(value, OutboxRow):
        row = value._asdict()
        return {name: each for name, each in row.items() if name not in {"seq", "command_key"}}
    if isinstance(value, Enum):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, Command):
            names[value.key] = f"{value.source}/{value.id}"
        return _fields(value, names)
    if isinstance(value, Mapping):
        return {key: _told(each, names) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_told(each, names) for each in value]
    return sorted(value) if isinstance(value, frozenset) else value


def _fields(value: Any, names: dict[int, str]) -> dict[str, Any]:
    """Of a command that does not run the epoch is left out: it gets a new one when it is begun anew."""
    left_out = _OWN if isinstance(value, Command) else _OWN | {"key"}
    if isinstance(value, Command) and value.state not in ACTIVE:
        left_out |= {"epoch"}
    given = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in left_out}
    return {
        name: names.get(each, str(each)) if name in _KEYS and isinstance(each, int) else _told(each, names)
        for name, each in given.items()
    }


def _differences(place: str, one: Any, other: Any) -> list[str]:
    """Where two answers differ, and how."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [line for key in one for line in _differences(f"{place}.{key}", one[key], other[key])]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for number, pair in pairs for line in _differences(f"{place}[{number}]", *pair)]
    return [] if one == other else [f"  {place or 'answer'}: sqlite {one!r}, postgres {other!r}"]


def _short(value: Any) -> str:
    return repr(value.sqlite if isinstance(value, Pair) else value)[:600]
