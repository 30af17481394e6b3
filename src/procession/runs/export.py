"""Results out: JSON lines, CSV, Parquet, in the order of the input, some rows in memory at a time.

Knows: what each format can hold.
Must not know: tables, journals.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from procession.model.errors import shorten

if TYPE_CHECKING:
    from typing import Literal

    Format = Literal["jsonl", "csv", "parquet"]

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
COLUMNS = ("item", "state", "result", "error_type", "error_message", "seconds", "attempts")
ROWS = 5_000  # of a Parquet row group; its column types are those of the first one
PART = ".part"  # how the file's name ends until it is whole


class Result(NamedTuple):
    """One line of what goes out.

    Args:
        item: The input.
        state: "done" or "failed".
        result: What the function returned; None if it failed.
        error_type: The error's class, as text.
        error_message: Its text.
        seconds: How long the last attempt took.
        attempts: How many there were.
    """

    item: Any
    state: str
    result: Any
    error_type: str | None
    error_message: str | None
    seconds: float | None
    attempts: int


Encode = Callable[[Any], Any]


def format_of(path: str, chosen: str | None) -> str:
    """Say how a file is written.

    Args:
        path: Its name says it.
        chosen: What the caller says, if anything.

    Raises:
        ValueError: Neither is known.
    """
    known = sorted(set(FORMATS.values()))
    if chosen is not None:
        if chosen not in known:
            raise ValueError(f"format={chosen!r}: must be one of {', '.join(map(repr, known))}")
        return chosen
    end = os.path.splitext(path)[1].lower()
    if end not in FORMATS:
        raise ValueError(f"{path!r}: its name must end in one of {', '.join(FORMATS)}, or give format=")
    return FORMATS[end]


def write(results: Iterable[Result], path: str, chosen: str | None, default: Encode | None) -> int:
    """Write results to a file, which is there when it is whole; give their number.

    Args:
        results: They.
        path: The file.
        chosen: The format; None: by the file's name.
        default: Turns what JSON cannot hold into what it can.

    Raises:
        ValueError: The format is not known; a result does not fit into it.
        ImportError: Parquet is wanted, and pyarrow is not installed.
        OSError: The file cannot be written.
    """
    kind = format_of(path, chosen)
    part = path + PART
    try:
        if kind == "parquet":
            count = _write_parquet(results, part, default)
        else:
            with open(part, "w", encoding="utf-8", newline="") as file:
                count = (_write_jsonl if kind == "jsonl" else _write_csv)(results, file, default)
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise
    return count


def _write_jsonl(results: Iterable[Result], file: TextIO, default: Encode | None) -> int:
    count = 0
    for each in results:
        count += 1
        line: dict[str, Any] = {"item": each.item}
        if each.state == "done":
            line["result"] = each.result
        else:
            line["error"] = {"type": each.error_type, "message": each.error_message}
        file.write(as_json(line, each.item, default) + "\n")
    return count


def _write_csv(results: Iterable[Result], file: TextIO, default: Encode | None) -> int:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    count = 0
    for each in results:
        count += 1
        item, result = (_cell(value, each.item, default) for value in (each.item, each.result))
        writer.writerow((item, each.state, result, *each[3:]))
    return count


def _cell(value: Any, item: Any, default: Encode | None) -> str | None:
    return value if value is None or isinstance(value, str) else as_json(value, item, default)


def as_json(value: Any, item: Any, default: Encode | None) -> str:
    """Write a value as JSON; a path is its text.

    Raises:
        ValueError: JSON cannot hold it.
    """

    def encode(part: Any) -> Any:
        if isinstance(part, os.PathLike):
            return os.fsdecode(part)
        if default is not None:
            return default(part)
        raise TypeError(f"{type(part).__name__} is nothing that JSON can hold")

    try:
        return json.dumps(value, default=encode, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"item {shorten(item)}: {error}; give default= a function, such as repr") from error


def _write_parquet(results: Iterable[Result], path: str, default: Encode | None) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        hint = "pip install 'procession[parquet]'"
        raise ImportError(f"Parquet needs pyarrow, which is not installed: {hint}", name="pyarrow") from error
    rows = iter(results)
    first = list(islice(rows, ROWS))
    columns = _Columns(pyarrow, first, default)
    count = 0
    with parquet.ParquetWriter(path, columns.schema) as writer:
        for group in chain([first], _groups(rows)):
            writer.write_batch(columns.batch(group))
            count += len(group)
    return count


def _groups(rows: Iterator[Result]) -> Iterator[list[Result]]:
    while group := list(islice(rows, ROWS)):
        yield group


class _Columns:
    """The columns of a Parquet file: items and results have a type where all have the same, else they are JSON texts.

    Args:
        arrow: The library.
        first: The rows that decide.
        default: As for `write`.
    """

    def __init__(self, arrow: Any, first: list[Result], default: Encode | None) -> None:
        self._arrow = arrow
        self._default = default
        self._types = {name: self._type_of([getattr(each, name) for each in first]) for name in ("item", "result")}
        text = arrow.string()
        plain = {"state": text, "error_type": text, "error_message": text}
        types = {**plain, **self._types, "seconds": arrow.float64(), "attempts": arrow.int64()}
        self.schema = arrow.schema([(name, types[name] or text) for name in COLUMNS])

    def _type_of(self, values: list[Any]) -> Any:
        """Give the type that all values have; None: JSON texts."""
        try:
            kind = self._arrow.array(values).type
        except (self._arrow.ArrowException, TypeError, ValueError):
            return None
        return None if self._arrow.types.is_null(kind) else kind

    def batch(self, rows: list[Result]) -> Any:
        """Make a batch of rows.

        Raises:
            ValueError: A value is of another type than those of the first rows.
        """
        arrays = []
        for position, name in enumerate(COLUMNS):
            values = [each[position] for each in rows]
            if name in self._types and self._types[name] is None:
                values = [_cell(each[position], each.item, self._default) for each in rows]
            arrays.append(self._array(name, values, self.schema.field(name).type))
        return self._arrow.record_batch(arrays, schema=self.schema)

    def _array(self, name: str, values: list[Any], kind: Any) -> Any:
        try:
            return self._arrow.array(values, type=kind)
        except (self._arrow.ArrowException, TypeError, ValueError) as error:
            reason = f"column {name!r} is of the type {kind} by its first {ROWS} rows, and a later one is not"
            raise ValueError(f"{reason} ({error}); return values of one type, or write JSON lines") from error
