"""Which pictures are meant: files, folders and patterns become a stream of files.

Knows: the file system's listings.
Must not know: what the pictures hold, or what becomes of them.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from procession.jobs import formats
from procession.jobs.errors import PlanRefused
from procession.model.errors import shorten


class Source(NamedTuple):
    """One picture to read.

    Args:
        path: The file.
        below: The folder that its output gets below the output folder; empty: none.
        batch: Sources are meant in the order of their batches, and of their paths within a batch. A folder is one
            batch, given as the system lists it: sorting is left to who can do that without holding all of it.
    """

    path: str
    below: str
    batch: int


def find_sources(arguments: Iterable[str], *, recursive: bool, output: str) -> Iterator[Source]:
    """Give the pictures that the arguments mean, as they are found.

    A file is taken whatever its name; in a folder a picture is known by its suffix, and hidden files are left alone.

    Args:
        arguments: Files, folders and patterns.
        recursive: Take what is in the folders below a folder too, and keep that tree below the output folder.
        output: The output folder: it is never searched.

    Raises:
        PlanRefused: An argument means nothing, or a folder cannot be read.
    """
    output = os.path.realpath(output)
    numbers = itertools.count()
    for argument in arguments:
        for path in _expand(argument):
            if os.path.isdir(path):
                yield from _folder(path, recursive, output, numbers)
            elif os.path.isfile(path):
                yield Source(path, "", next(numbers))
            else:
                raise PlanRefused(reason=f"{shorten(path)}: is neither a file nor a folder")


def roots(arguments: Iterable[str]) -> list[str]:
    """Give the folders in which the arguments look for pictures, by their absolute paths."""
    return [os.path.abspath(argument if os.path.isdir(argument) else _begin(argument)) for argument in arguments]


def _begin(argument: str) -> str:
    """Give the folder that a file is in, or that a pattern begins to look in."""
    folder = os.path.dirname(argument)
    while not os.path.exists(argument) and glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _expand(argument: str) -> list[str]:
    if os.path.exists(argument):
        return [argument]
    matches = sorted(glob.iglob(argument, recursive=True)) if glob.has_magic(argument) else []
    if not matches:
        what = "no file matches this pattern" if glob.has_magic(argument) else "no such file or folder"
        raise PlanRefused(reason=f"{shorten(argument)}: {what}")
    return matches


def _folder(path: str, recursive: bool, output: str, numbers: Iterator[int]) -> Iterator[Source]:
    if os.path.realpath(path) == output:
        raise PlanRefused(
            reason=f"{shorten(path)}: is the output folder too, so its thumbnails would be inputs the next time; "
            "give another -o"
        )
    empty = True
    for source in _below(path, "", recursive, output, numbers):
        empty = False
        yield source
    if empty:
        hint = "" if recursive else "; -r takes those in the folders below it too"
        raise PlanRefused(reason=f"{shorten(path)}: no image files in this folder{hint}")


def _below(folder: str, below: str, recursive: bool, output: str, numbers: Iterator[int]) -> Iterator[Source]:
    """Yield the pictures of one folder, then those of the folders in it, by name. Links to folders are not followed."""
    batch = next(numbers)
    folders = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.name.startswith("."):
                    continue
                if formats.is_readable(entry.name) and entry.is_file():
                    yield Source(entry.path, below, batch)
                elif recursive and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
    except OSError as error:
        raise PlanRefused(reason=f"{shorten(folder)}: cannot be read: {error.strerror}") from error
    for name in sorted(folders):
        path = os.path.join(folder, name)
        if os.path.realpath(path) != output:
            yield from _below(path, os.path.join(below, name), recursive, output, numbers)
