"""Ids have 19 digits, follow from the number, and fall together when a client reads them as floats."""

from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.books.identities import (
    LARGEST_ARCHIVE,
    SHELVES,
    Place,
    archive_number,
    ledger_number,
    place_of_id,
    place_of_number,
    row_id,
)

NOW = 1_795_823_760_000


@given(st.integers(0, SHELVES - 1), st.integers(1, LARGEST_ARCHIVE - 1))
def test_a_place_in_the_archive_is_found_by_number_and_by_id(shelf: int, position: int) -> None:
    place = Place(shelf, position)
    number = archive_number("24", place)
    assert (len(number), len(str(row_id(number)))) == (20, 19)
    assert place_of_number(number) == place
    assert place_of_id(row_id(number)) == place


def test_what_the_ledger_issued_is_not_in_the_archive() -> None:
    number = ledger_number("26", NOW * 100 + 7)
    assert (len(number), len(str(row_id(number)))) == (20, 19)
    assert place_of_number(number) is None
    assert place_of_id(row_id(number)) is None


def test_ids_of_one_moment_differ() -> None:
    ids = {row_id(ledger_number("26", NOW * 100 + rest)) for rest in range(200)}
    assert len(ids) == 200


def test_neighbours_are_the_same_binary_float() -> None:
    """Trap 62: a client that reads ids as doubles mixes rows up here, too."""
    first, second = (row_id(archive_number("24", Place(7, position))) for position in (1, 2))
    assert first != second
    assert float(first) == float(second)


def test_what_is_no_number_has_no_place() -> None:
    for text in (
        "",
        "1",
        "2433100000100000000x",
        "24331000001000000001" + "0",
        "２４３３１０００００１０００００００１",
    ):
        assert place_of_number(text) is None
