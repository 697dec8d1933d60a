"""How the vendor names what it has: 20 digits on an invoice, and a 19-digit id for its row.

Pure. Ids look like Snowflake ids (trap 63): milliseconds since an epoch, 22 bits to tell rows apart. They are beyond
2^53 and close together, so a client that reads them as binary floats mixes rows up (trap 62). An id follows from
the number, and for the archive the number's parts follow from the id.
"""

from typing import Final, NamedTuple

_EPOCH_MS: Final = 1_288_834_974_657
_ARCHIVED_MS: Final = 1_712_834_057_000 - _EPOCH_MS
_ROW_BITS: Final = 22
LARGEST_ARCHIVE: Final = 1 << _ROW_BITS
"""More rows of one company than this have no ids."""
SHELVES: Final = 1_000_000
_ARCHIVE: Final = "1"
_LEDGER: Final = "2"
_NUMBER_DIGITS: Final = 20


class Place(NamedTuple):
    """Where in the archive an invoice stands: whose shelf, and which one of it, from 1."""

    shelf: int
    position: int


def ledger_number(year: str, sequence: int) -> str:
    """Number an issued invoice; ``sequence`` is a moment in hundredths of a millisecond, 15 digits."""
    return f"{year}33{_LEDGER}{sequence:015d}"


def archive_number(year: str, place: Place) -> str:
    """Number an invoice of the archive."""
    return f"{year}33{_ARCHIVE}{place.shelf:06d}{place.position:09d}"


def row_id(number: str) -> int:
    """The id of the row that tells an invoice: the same whenever it is asked for."""
    if number[4] == _ARCHIVE:
        place = Place(int(number[5:11]), int(number[11:]))
        return (_ARCHIVED_MS + place.shelf << _ROW_BITS) | place.position
    milliseconds, rest = divmod(int(number[-15:]), 100)
    return (milliseconds - _EPOCH_MS << _ROW_BITS) | rest


def place_of_number(number: str) -> Place | None:
    """Where the archive has this number; ``None`` for numbers that are not the archive's."""
    if len(number) != _NUMBER_DIGITS or not number.isascii() or not number.isdigit() or number[4] != _ARCHIVE:
        return None
    return Place(int(number[5:11]), int(number[11:]))


def place_of_id(identity: int) -> Place | None:
    """Where the archive has this row; ``None`` for ids that are not the archive's."""
    shelf = (identity >> _ROW_BITS) - _ARCHIVED_MS
    return Place(shelf, identity % LARGEST_ARCHIVE) if 0 <= shelf < SHELVES else None
