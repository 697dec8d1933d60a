"""What tells whether a file was written or replaced. Knows nothing of what it holds."""

from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """Of one file: a mounted Secret swaps a link, other tools write in place."""

    inode: int
    written_ns: int
    size: int


def stamp_of(path: Path) -> Stamp | None:
    """Now; None where the file cannot be seen."""
    try:
        told = path.stat()
    except OSError:
        return None
    return Stamp(told.st_ino, told.st_mtime_ns, told.st_size)
