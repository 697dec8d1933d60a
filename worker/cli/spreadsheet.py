"""Rows as CSV: for any program, or as Excel and WPS take it by a double click."""

import csv
import re
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from worker.cli.terminal import USAGE, Stop

AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]
ForExcel = Annotated[
    bool, typer.Option("--excel", help="The same for Excel and WPS: Chinese stays Chinese, a number keeps its digits.")
]
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula; a name on an invoice is whatever somebody typed."""
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LOSES_DIGITS: Final = re.compile(r"[0-9]{16,}|0[0-9]+|[0-9]+[Ee][0-9]+")
"""A spreadsheet drops leading zeros, turns the digits after the fifteenth into zeros, and reads a tax id whose only
letter is an E as a power of ten."""
_BYTE_ORDER_MARK: Final = "\ufeff"
"""By it Excel tells UTF-8 from the machine's own encoding, GBK for instance."""


def one_form(**asked: bool) -> None:
    """Raises `Stop` where more than one form was asked for."""
    wanted = [f"--{name}" for name, is_asked in asked.items() if is_asked]
    if len(wanted) > 1:
        raise Stop(f"Say either {' or '.join(wanted)}.", USAGE)


def write(heads: Iterable[str], rows: Iterable[Iterable[Any]], *, for_excel: bool) -> None:
    """To standard output."""
    if for_excel:
        sys.stdout.write(_BYTE_ORDER_MARK)
    writer = csv.writer(sys.stdout)
    writer.writerow(heads)
    writer.writerows([_whole(harmless(cell)) if for_excel else harmless(cell) for cell in row] for row in rows)


def harmless(cell: Any) -> str:
    """A cell that no spreadsheet runs."""
    if isinstance(cell, bool):
        return str(cell).lower()
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text) else text


def _whole(text: str) -> str:
    """A long number as text, in the one way that Excel and WPS understand in CSV."""
    return f'="{text}"' if _LOSES_DIGITS.fullmatch(text) else text


def in_beijing(told: str | None) -> str | None:
    """An RFC 3339 text as a spreadsheet takes it for a time: Beijing's."""
    from worker.records import BEIJING

    return told and datetime.fromisoformat(told).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
