"""Frozen dataclasses that are made for every command, filled the quick way.

A frozen dataclass is filled through `object.__setattr__`, member by member: a `Command` took 9 µs, a hundredth of what
a whole command costs. Those that are made often are filled like any other object, which takes 2. They stay immutable by
agreement, which mypy holds everybody to (`frozen=True` is what it reads), and no longer by a check at run time.
"""

from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def made_often(cls: type[T]) -> type[T]:
    """Put it above `@dataclass(frozen=True)`. Equality, hash, `replace` and the rest stay as they are."""
    if hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} does more than being filled")
    filled = make_dataclass(
        cls.__name__,
        [(each.name, Any, _like(each)) for each in fields(cls)],  # type: ignore[arg-type]
        namespace={"__doc__": "Only its `__init__` is used: what else a dataclass has takes time at each start."},
        repr=False,
        eq=False,
        match_args=False,
    )
    for check in ("__setattr__", "__delattr__"):
        delattr(cls, check)
    cls.__init__ = filled.__init__  # type: ignore[misc, method-assign]
    return cls


def _like(given: Any) -> Any:
    """The same field, for another class."""
    if given.default_factory is not MISSING:
        return field(default_factory=given.default_factory, kw_only=given.kw_only, init=given.init)
    return field(default=given.default, kw_only=given.kw_only, init=given.init)
