"""The inputs of `procession map`: arguments, patterns and lines, read as they are needed.

Knows: descriptors, names of files, text.
Must not know: what is done with an item, what a line of JSON or CSV holds.

Lines are read by `os.read`, which gives what is there: a line is an item as soon as it is written (`tail -f`). A thread
may sit in it while the command ends; in Python's own buffered stdin that would be a fatal error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

from procession.cli.records import InputRefused, csv_rows, json_values
from procession.model.errors import shorten

_READ_BYTES = 1 << 16  # what a pipe holds
_STDIN = 0

Kind = Literal["text", "jsonl", "csv"]


class Form(NamedTuple):
    """How inputs are written.

    Args:
        kind: Texts, a JSON value each, or rows of a CSV file.
        null: Items that are read end with a NUL byte, not with a line's end.
        columns: The columns of a CSV file that are wanted; None: all.
        patterns: An argument with `*`, `?` or `[` stands for the files that it matches.
    """

    kind: Kind = "text"
    null: bool = False
    columns: tuple[str, ...] | None = None
    patterns: bool = False


def open_inputs(
    arguments: Sequence[str],
    files: Sequence[str],
    *,
    null: bool = False,
    kind: Kind = "text",
    columns: tuple[str, ...] | None = None,
    patterns: bool = False,
) -> tuple[Iterator[Any], int | None]:
    """Open everything that is to be read, and give the items and their number, where that is known.

    Args:
        arguments: Items, and `-` for the lines of standard input; nothing at all means standard input too.
        files: Files whose lines are items; they come after the arguments.
        null, kind, columns, patterns: As `Form` has them.

    Raises:
        InputRefused: A file cannot be opened, a pattern matches nothing, a header is wrong, or nothing is given and
            standard input is a terminal.
    """
    if not arguments and not files:
        if sys.stdin is None or os.isatty(_STDIN):
            raise InputRefused(name="INPUTS", reason="none given; name some, or -a FILE, or - for standard input")
        arguments = ("-",)
    if sys.stdin is None and "-" in (*arguments, *files):
        raise InputRefused(name="-", reason="standard input is closed")
    form = Form(kind, null, columns, patterns)
    parts: list[Iterable[Any]] = []
    known = 0
    for argument in arguments:
        part = read(_STDIN, form, "standard input") if argument == "-" else _items_of(argument, form)
        known += 0 if argument == "-" else len(part)  # type: ignore[arg-type]
        parts.append(part)
    parts += [_read_file(file, form) for file in files]
    return chain.from_iterable(parts), None if files or "-" in arguments else known


def _items_of(argument: str, form: Form) -> list[Any]:
    """Give the items that an argument stands for."""
    if form.kind == "csv":
        raise InputRefused(name=shorten(argument), reason="with --csv inputs are files: write -a FILE")
    if form.kind == "jsonl":
        return list(json_values([argument], f"argument {shorten(argument)}"))
    if not form.patterns or not any(sign in argument for sign in "*?[") or os.path.lexists(argument):
        return [argument]
    from glob import glob

    matches = sorted(glob(argument, recursive=True))
    if not matches:
        raise InputRefused(name=shorten(argument), reason="matches no file; with --no-glob it is a text")
    return matches


def read(descriptor: int, form: Form, name: str) -> Iterator[Any]:
    """Give an iterator over the items of an open file.

    Args:
        descriptor: The file.
        form: How they are written.
        name: The file, as messages show it.

    Raises:
        InputRefused: The header of a CSV file is wrong.
    """
    if form.kind == "csv":
        return csv_rows(read_lines(descriptor), name, form.columns)
    items = read_items(descriptor, null=form.null)
    return json_values(items, name) if form.kind == "jsonl" else items


def read_items(descriptor: int, *, null: bool) -> Iterator[str]:
    """Yield the items of an open file, each as soon as its end is read. Bytes that are not UTF-8 become surrogates.

    Args:
        descriptor: The file.
        null: Items end with a NUL byte, not with a line's end.
    """
    for data in _pieces(descriptor, b"\0" if null else b"\n"):
        yield from _split(data, null)


def read_lines(descriptor: int) -> Iterator[str]:
    """Yield the lines of an open file with their ends, each as soon as it is read."""
    for data in _pieces(descriptor, b"\n", keep=True):
        *whole, last = data.decode("utf-8", "surrogateescape").split("\n")  # `splitlines` would split at more
        for line in whole:
            yield line + "\n"
        if last:
            yield last


def _pieces(descriptor: int, end: bytes, *, keep: bool = False) -> Iterator[bytes]:
    """Yield what is read up to the last end in it; that end is kept or not."""
    rest = b""
    while data := os.read(descriptor, _READ_BYTES):
        whole, found, last = data.rpartition(end)
        if not found:
            rest += data
            continue
        yield rest + whole + (end if keep else b"")
        rest = last
    if rest:
        yield rest


def _read_file(file: str, form: Form) -> Iterator[Any]:
    descriptor = _opened(file)
    name = "standard input" if descriptor == _STDIN else shorten(file)
    try:
        items = read(descriptor, form, name)
    except InputRefused:
        _close(descriptor)
        raise
    return _closing(items, descriptor)


def _closing(items: Iterator[Any], descriptor: int) -> Iterator[Any]:
    try:
        yield from items
    finally:
        _close(descriptor)


def _close(descriptor: int) -> None:
    if descriptor != _STDIN:
        os.close(descriptor)


def _split(data: bytes, null: bool) -> list[str]:
    text = data.decode("utf-8", "surrogateescape")
    if null:
        return text.split("\0")
    items = text.split("\n")
    return [item.removesuffix("\r") for item in items] if "\r" in text else items


def _opened(file: str) -> int:
    if file == "-":
        return _STDIN
    if os.path.isdir(file):
        raise InputRefused(name=shorten(file), reason="is a folder")
    try:
        return os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise InputRefused(name=shorten(file), reason=f"cannot be read: {error.strerror}") from error
