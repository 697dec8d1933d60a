"""Frozen dataclasses that are made for every command, filled the quick way.

A frozen dataclass is filled through `object.__setattr__`, member by member: a `Command` took 9 µs, a hundredth of what
a whole command costs. Those that are made often are filled like any other object, which takes 2. mypy still sees
`frozen=True` and refuses code that changes them; there is no check at run time any more.
"""

from collections.abc import Callable
from dataclasses import MISSING, field, fields, make_dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["made_often", "replace"]

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


if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(made: T, **changes: Any) -> T:
        """As `dataclasses.replace`, which reads every member on its own and hands it over by name: of a `Command` in a
        quarter of the time. For classes of several members, all of which may be given by their place, that do nothing
        but be filled."""
        kind = type(made)
        other = kind(*_members_of(kind)(made))
        for name, value in changes.items():
            object.__setattr__(other, name, value)
        return other


@cache
def _members_of(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*(each.name for each in fields(kind)))


def _like(given: Any) -> Any:
    """The same field, for another class."""
    if given.default_factory is not MISSING:
        return field(default_factory=given.default_factory, kw_only=given.kw_only, init=given.init)
    return field(default=given.default, kw_only=given.kw_only, init=given.init)
