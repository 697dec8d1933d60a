"""The quick look at an event says what jsonschema says of it, for events that are spoilt in every place."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import cycle
from typing import Any

import pytest

from contracts import example_files
from tests.scenarios.schemas import validator_of, violations_of

EVENTS = example_files.events()
WRONG: tuple[object, ...] = (None, True, 7, -1.5, "", "x", "x" * 5000, [], ["x"], {}, {"x": "x"}, ...)
"""What is put in the place of a member; `...` takes it away."""


def spoilt(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event with a member or an element changed, each in turn, and with a member that nobody knows."""
    values = cycle(WRONG)

    def change(path: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
        part: Any = event
        for step in path:
            part = part[step]
        for step in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
            copy = deepcopy(event)
            place: Any = copy
            for each in path:
                place = place[each]
            if (value := next(values)) is ...:
                del place[step]
            else:
                place[step] = value
            yield copy
            yield from change((*path, step))

    yield from change(())
    yield event | {"data": event["data"] | {"x": "x"}}
    yield event | {"x": "x"}


@pytest.mark.parametrize("name", EVENTS)
def test_it_says_what_jsonschema_says(name: str) -> None:
    """Valid or not, at every place."""
    validator, quick = validator_of(name)
    said = [(quick.holds(each), validator.is_valid(each)) for each in spoilt(EVENTS[name])]
    assert quick.holds(EVENTS[name])
    assert [ours for ours, _ in said] == [theirs for _, theirs in said]
    assert {ours for ours, _ in said} == {True, False}


def test_what_is_wrong_is_told_with_its_place() -> None:
    """In jsonschema's words; an event that has no schema is wrong as well."""
    page = deepcopy(EVENTS["invoice.query.page"])
    page["data"]["invoices"][0]["items"] = 7

    [told] = violations_of(page)

    assert told.startswith("invoice.query.page $.data.invoices[0].items: ")
    assert violations_of(page | {"type": "invoice.unknown"}) == ["invoice.unknown has no schema"]
