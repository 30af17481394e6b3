"""Lines that are more than text: one JSON value each, or the rows of a CSV file.

Knows: JSON, CSV, which line is at fault.
Must not know: where the lines come from.

A dictionary among the items is the keyword arguments of one call. A line that cannot be read is an item too: it fails
where it is run, with its number, and costs no other item. Empty lines are no items.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from procession.cli.results import BadLine
from procession.model.errors import ProcessionError, shorten

_FIELD_BYTES = 1 << 27  # the module's own limit of 128 KiB is less than one document in a field


class InputRefused(ProcessionError):
    """An input cannot be read; no work was started.

    Args:
        name: The input, as messages show it.
        reason: Why not.
    """

    facts = ("name", "reason")
    name: str
    reason: str

    def text(self) -> str:
        return f"{self.name}: {self.reason}"


def json_values(lines: Iterable[str], name: str) -> Iterator[Any]:
    """Yield the value of each line.

    Args:
        lines: Without their ends.
        name: Where they come from, as messages show it.
    """
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            value = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            value = BadLine(name, number, f"{shorten(line)} is not JSON: {error}")
        yield value


def csv_rows(lines: Iterable[str], name: str, columns: Sequence[str] | None) -> Iterator[dict[str, str] | BadLine]:
    """Read the header, now, and give an iterator over the rows: dictionaries of the columns.

    Args:
        lines: With their ends: a quoted field may hold some.
        name: Where they come from, as messages show it.
        columns: Those that are wanted; None: all.

    Raises:
        InputRefused: There is no header, it names a column twice, or not one that is wanted.
    """
    import csv  # not for those who have none

    csv.field_size_limit(_FIELD_BYTES)
    reader = csv.reader(lines, strict=True)
    try:
        header = next((row for row in reader if row), [])
    except csv.Error as error:
        raise InputRefused(name=name, reason=f"line {reader.line_num}, the header, is not CSV: {error}") from error
    header[:1] = [first.removeprefix("\ufeff") for first in header[:1]]  # what spreadsheets put first
    _check(header, name, columns)
    return _rows(reader, csv.Error, header, name, header if columns is None else columns)


def _check(header: Sequence[str], name: str, columns: Sequence[str] | None) -> None:
    if not header:
        raise InputRefused(name=name, reason="has no header, which names the columns")
    twice = next((column for place, column in enumerate(header) if column in header[:place]), None)
    if twice is not None:
        raise InputRefused(name=name, reason=f"has two columns {twice!r}")
    for column in columns or ():
        if column not in header:
            raise InputRefused(name=name, reason=f"has no column {column!r}; its columns are {', '.join(header)}")


def _rows(
    reader: Any, wrong: type[Exception], header: Sequence[str], name: str, columns: Sequence[str]
) -> Iterator[dict[str, str] | BadLine]:
    places = [(column, header.index(column)) for column in columns]
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except wrong as error:
            yield BadLine(name, reader.line_num, f"is not CSV: {error}")
            continue
        if len(row) == len(header):
            yield {column: row[place] for column, place in places}
        elif row:
            counts = f"{shorten(','.join(row))} has {len(row)} fields, the header {len(header)}"
            yield BadLine(name, reader.line_num, counts)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
