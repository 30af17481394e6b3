"""The inputs of `procession map`: arguments and lines, read as they are needed.

Knows: descriptors and text.
Must not know: what is done with a line.

Lines are read by `os.read`, which gives what is there: a line is an item as soon as it is written (`tail -f`). A thread
may sit in it while the command ends; in Python's own buffered stdin that would be a fatal error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from procession.model.errors import ProcessionError, shorten

_READ_BYTES = 1 << 16  # what a pipe holds
_STDIN = 0


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


def open_inputs(arguments: Sequence[str], files: Sequence[str], *, null: bool) -> tuple[Iterator[str], int | None]:
    """Open everything that is to be read, and give the items and their number, where that is known.

    Args:
        arguments: Items, and `-` for the lines of standard input; nothing at all means standard input too.
        files: Files whose lines are items; they come after the arguments.
        null: Items end with a NUL byte, not with a line's end.

    Raises:
        InputRefused: A file cannot be opened, or nothing is given and standard input is a terminal.
    """
    if not arguments and not files:
        if sys.stdin is None or os.isatty(_STDIN):
            raise InputRefused(name="INPUTS", reason="none given; name some, or -a FILE, or - for standard input")
        arguments = ("-",)
    if sys.stdin is None and "-" in (*arguments, *files):
        raise InputRefused(name="-", reason="standard input is closed")
    parts: list[Iterable[str]] = []
    for argument in arguments:
        parts.append(read_items(_STDIN, null=null) if argument == "-" else (argument,))
    parts += [_read_file(_opened(file), null) for file in files]
    total = None if files or "-" in arguments else len(arguments)
    return (item for part in parts for item in part), total


def read_items(descriptor: int, *, null: bool) -> Iterator[str]:
    """Yield the items of an open file, each as soon as its end is read. Bytes that are not UTF-8 become surrogates.

    Args:
        descriptor: The file.
        null: Items end with a NUL byte, not with a line's end.
    """
    end = b"\0" if null else b"\n"
    rest = b""
    while data := os.read(descriptor, _READ_BYTES):
        whole, found, last = data.rpartition(end)
        if not found:
            rest += data
            continue
        yield from _split(rest + whole, null)
        rest = last
    if rest:
        yield from _split(rest, null)


def _read_file(descriptor: int, null: bool) -> Iterator[str]:
    try:
        yield from read_items(descriptor, null=null)
    finally:
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
