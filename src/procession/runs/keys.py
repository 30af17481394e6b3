"""Keys: by what an item is known again, in another order, in another process, next week.

Knows: an item's content; for files their path, size and time, or what they hold.
Must not know: where the item stands in the input, journals.

How it works: plain values are written as bytes that begin with their type and tell their length, so that no two write
the same, and hashed. Everything else is pickled, with two things taken out of its pickle that differ between equal
objects: references to what was pickled before (two equal texts are one object here and two there), and the order of
sets and dicts, which stand for themselves by a digest of their sorted parts.
"""

from __future__ import annotations

import io
import os
import pickle
import stat
from collections.abc import Callable
from hashlib import blake2b
from struct import pack
from typing import Any

from procession.model.errors import shorten
from procession.runs.errors import KeyNotPossible

SIZE = 16  # bytes: among 10**12 items two different ones share a key with a chance of 10**-15
PROTOCOL = 5  # one for good: a newer one would give all items new keys
DEPTH = 200  # containers within containers; deeper ones hold themselves, or are nobody's input

KeyFunction = Callable[[Any], "str | bytes | int"]


def make_key(key: KeyFunction | None = None, checksum: bool = False) -> Callable[[Any], bytes]:
    """Give the function from an item to its key of `SIZE` bytes.

    Args:
        key: What the user names items by; None: by their content.
        checksum: Files are known by their path and what they hold, not by path, size and time.
    """
    if key is not None:
        return _Named(key)
    return _by_content_of_files if checksum else _by_content


def file_key(path: str | os.PathLike[str], *, checksum: bool = False) -> bytes:
    """Give the key of a file: its absolute path with size and time of the last change.

    For `key=` of `procession.run`, where items are paths as plain texts; a `pathlib.Path` has this key anyway. Equal
    paths whose file has changed are different items. A file that is not there is known by its path.

    Args:
        path: The file, or a folder.
        checksum: Take what the file holds in place of size and time: for files that are touched or copied unchanged.
    """
    text = os.path.abspath(os.fspath(path))
    name = os.fsencode(text)
    try:
        facts = os.stat(text)
    except OSError:
        return b"absent:" + name
    if stat.S_ISDIR(facts.st_mode):
        return b"folder:" + name
    if not checksum:
        return b"%d:%d:%b" % (facts.st_size, facts.st_mtime_ns, name)
    from hashlib import file_digest

    try:
        with open(text, "rb") as file:
            return b"holds:%b:%b" % (file_digest(file, lambda: blake2b(digest_size=SIZE)).digest(), name)
    except OSError:
        return b"unreadable:" + name


def _by_content(item: Any) -> bytes:
    kind = type(item)
    if kind is str:
        return blake2b(b"s" + item.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()
    if kind is int:
        return blake2b(b"i%x" % item, digest_size=SIZE).digest()
    return blake2b(_written(item, False), digest_size=SIZE).digest()


def _by_content_of_files(item: Any) -> bytes:
    return blake2b(_written(item, True), digest_size=SIZE).digest()


class _Named:
    """Keys that the user gives."""

    def __init__(self, function: KeyFunction) -> None:
        self._function = function

    def __call__(self, item: Any) -> bytes:
        name: object = self._function(item)
        if not isinstance(name, (str, bytes, int)):
            reason = f"key= gave {shorten(name)} for it, which is neither str, bytes nor int"
            raise KeyNotPossible(index=None, item=None, reason=reason)
        return blake2b(b"k" + _plain(name), digest_size=SIZE).digest()


def _plain(name: str | bytes | int) -> bytes:
    if isinstance(name, str):
        return b"s" + name.encode("utf-8", "surrogatepass")
    return b"b" + bytes(name) if isinstance(name, bytes) else b"i%x" % name


def _written(item: Any, checksum: bool) -> bytes:
    try:
        return _Writer(checksum).write(item, 0)
    except KeyNotPossible:
        raise
    except Exception as error:  # a user's __reduce__ may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise KeyNotPossible(index=None, item=None, reason=reason) from error


class _Writer:
    """Writes one item as bytes that are the same for equal items.

    Args:
        checksum: As for `make_key`.
    """

    def __init__(self, checksum: bool) -> None:
        self._checksum = checksum

    def write(self, value: Any, depth: int) -> bytes:
        """Give the bytes of a value; they begin with its type.

        Args:
            depth: Containers around it.
        """
        if depth > DEPTH:
            raise ValueError("it holds itself, or too many containers within each other")
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain(value)
        parts = _CONTAINERS.get(type(value))
        if parts is not None:
            return parts(self, value, depth + 1)
        if isinstance(value, os.PathLike):
            return self._path(value, depth + 1)
        if _is_set(value):
            return self._set(value, depth + 1)
        return b"o" + self._pickled(value, depth)

    def _path(self, value: os.PathLike[Any], depth: int) -> bytes:
        from pathlib import PurePath

        key = file_key(value, checksum=self._checksum)
        if isinstance(value, (PurePath, os.DirEntry)):
            return b"p" + key
        return b"P" + _joined([key, self._pickled(value, depth)])  # somebody's class, which may hold more than a path

    def _set(self, value: Any, depth: int) -> bytes:
        """Write an object of a class that is made of one of the two sets: its pickle has their random order."""
        _, _, state = value.__reduce__()
        parts = self.sorted(b"S", value, depth)
        return b"U" + _joined([self._pickled(type(value), depth), parts, self.write(state, depth)])

    def _pickled(self, value: Any, depth: int) -> bytes:
        file = io.BytesIO()
        pickler = _Pickler(file, PROTOCOL)
        pickler.fast = True  # no references to what came before
        pickler.writer, pickler.depth, pickler.top = self, depth + 1, value
        pickler.dump(value)
        return file.getvalue()

    def in_order(self, mark: bytes, values: Any, depth: int) -> bytes:
        """Write the parts of a list or tuple."""
        return mark + _joined([self.write(each, depth) for each in values])

    def sorted(self, mark: bytes, values: Any, depth: int) -> bytes:
        """Write the parts of a set, whose order says nothing."""
        return mark + _joined(sorted([self.write(each, depth) for each in values]))

    def mapping(self, values: Any, depth: int) -> bytes:
        """Write a dict, whose order says nothing about whether two are equal."""
        pairs = [(self.write(name, depth), self.write(each, depth)) for name, each in values.items()]
        return b"d" + _joined([part for pair in sorted(pairs) for part in pair])


class _Pickler(pickle.Pickler):
    writer: _Writer
    depth: int
    top: Any

    def persistent_id(self, value: Any) -> Any:
        """Take out what must not be written as pickle writes it."""
        kind = type(value)
        if kind in _UNORDERED or (value is not self.top and (isinstance(value, os.PathLike) or _is_set(value))):
            return blake2b(self.writer.write(value, self.depth), digest_size=SIZE).digest()
        return None


def _is_set(value: Any) -> bool:
    return isinstance(value, (set, frozenset)) and type(value).__reduce__ in _REDUCE_OF_SETS


def _joined(parts: list[bytes]) -> bytes:
    return b"%d," % len(parts) + b"".join([b"%d:%b" % (len(each), each) for each in parts])


_UNORDERED = frozenset({dict, set, frozenset})
_REDUCE_OF_SETS = (set.__reduce__, frozenset.__reduce__)
_PLAIN: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: b"s" + value.encode("utf-8", "surrogatepass"),
    int: lambda value: b"i%x" % value,
    float: lambda value: b"f" + (pack(">d", value) if value == value else b"nan"),
    bytes: lambda value: b"b" + value,
    bool: lambda value: b"B1" if value else b"B0",
    type(None): lambda value: b"N",
}
_CONTAINERS: dict[type, Callable[[_Writer, Any, int], bytes]] = {
    tuple: lambda writer, value, depth: writer.in_order(b"t", value, depth),
    list: lambda writer, value, depth: writer.in_order(b"l", value, depth),
    set: lambda writer, value, depth: writer.sorted(b"S", value, depth),
    frozenset: lambda writer, value, depth: writer.sorted(b"F", value, depth),
    dict: lambda writer, value, depth: writer.mapping(value, depth),
}
