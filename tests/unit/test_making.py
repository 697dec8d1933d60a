"""Dataclasses that are made often: quick to make, and in all else what they were."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from worker import making
from worker.making import made_often


@dataclass(frozen=True, slots=True)
class Plain:
    """As dataclasses make it."""

    name: str
    members: Mapping[str, int] = field(default_factory=dict)
    count: int = field(default=3, kw_only=True)


@made_often
@dataclass(frozen=True, slots=True)
class Often:
    """The same, made often."""

    name: str
    members: Mapping[str, int] = field(default_factory=dict)
    count: int = field(default=3, kw_only=True)


def test_it_is_filled_as_before() -> None:
    often = Often("a", count=4)

    assert (often.name, often.members, often.count) == ("a", {}, 4)
    assert Often("a").members is not Often("b").members
    assert Often("a").count == Plain("a").count
    with pytest.raises(TypeError):
        Often()  # type: ignore[call-arg]


def test_equality_hash_replacement_and_representation_stay() -> None:
    assert Often("a") == Often("a") != Often("b")
    assert hash(Often("a", ())) == hash(Plain("a", ()))  # type: ignore[arg-type]
    assert replace(Often("a"), count=9) == Often("a", count=9)
    assert repr(Often("a")) == repr(Plain("a")).replace("Plain", "Often")
    assert [each.name for each in fields(Often)] == [each.name for each in fields(Plain)]


def test_only_the_check_of_assignments_is_gone() -> None:
    plain, often = Plain("a"), Often("a")

    with pytest.raises(FrozenInstanceError):
        plain.name = "b"  # type: ignore[misc]
    often.name = "b"  # type: ignore[misc]  # mypy refuses it, as for every frozen dataclass
    assert not hasattr(often, "__dict__")


def test_a_dataclass_that_does_more_than_being_filled_is_refused() -> None:
    @dataclass(frozen=True)
    class Checked:
        name: str

        def __post_init__(self) -> None: ...

    with pytest.raises(TypeError, match="Checked"):
        made_often(Checked)


@dataclass(frozen=True, slots=True)
class Placed:
    """All members by their place."""

    name: str
    members: Mapping[str, int] = field(default_factory=dict)


@made_often
@dataclass(frozen=True, slots=True)
class PlacedOften:
    """The same, made often."""

    name: str
    members: Mapping[str, int] = field(default_factory=dict)


@pytest.mark.parametrize("kind", [Placed, PlacedOften])
def test_members_are_replaced_as_the_library_does_it(kind: type[Placed | PlacedOften]) -> None:
    given = kind("a", {"b": 1})
    other = making.replace(given, name="c")

    assert other == replace(given, name="c")
    assert (type(other), given.name, other.members is given.members) == (kind, "a", True)
    with pytest.raises(AttributeError):
        making.replace(given, unknown=1)  # type: ignore[call-arg]
