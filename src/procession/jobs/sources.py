"""Which pictures are meant: files, folders and patterns become a list of files.

Knows: the file system's listings.
Must not know: what the pictures hold, or what becomes of them.
"""

from __future__ import annotations

import glob
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
    """

    path: str
    below: str


def find_sources(arguments: Iterable[str], *, recursive: bool, output: str) -> list[Source]:
    """List the pictures that the arguments mean, in their order, each file once.

    A file is taken whatever its name; in a folder a picture is known by its suffix, and hidden files are left alone.

    Args:
        arguments: Files, folders and patterns.
        recursive: Take what is in the folders below a folder too, and keep that tree below the output folder.
        output: The output folder: it is never searched.

    Raises:
        PlanRefused: An argument means nothing, or a folder cannot be read.
    """
    output = os.path.realpath(output)
    found: dict[tuple[str, str], Source] = {}
    folders: dict[str, str] = {}
    for argument in arguments:
        for source in _expand(argument, recursive, output):
            folder, name = os.path.split(source.path)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            found.setdefault((folders[folder], name), source)
    return list(found.values())


def _expand(argument: str, recursive: bool, output: str) -> Iterator[Source]:
    if os.path.exists(argument):
        yield from _existing(argument, recursive, output)
        return
    matches = sorted(glob.iglob(argument, recursive=True)) if glob.has_magic(argument) else []
    if not matches:
        what = "no file matches this pattern" if glob.has_magic(argument) else "no such file or folder"
        raise PlanRefused(reason=f"{shorten(argument)}: {what}")
    for match in matches:
        yield from _existing(match, recursive, output)


def _existing(path: str, recursive: bool, output: str) -> Iterator[Source]:
    if os.path.isdir(path):
        yield from _folder(path, recursive, output)
    elif os.path.isfile(path):
        yield Source(path, "")
    else:
        raise PlanRefused(reason=f"{shorten(path)}: is neither a file nor a folder")


def _folder(path: str, recursive: bool, output: str) -> Iterator[Source]:
    if os.path.realpath(path) == output:
        raise PlanRefused(
            reason=f"{shorten(path)}: is the output folder too, so its thumbnails would be inputs the next time; "
            "give another -o"
        )
    empty = True
    for source in _below(path, "", recursive, output):
        empty = False
        yield source
    if empty:
        hint = "" if recursive else "; -r takes those in the folders below it too"
        raise PlanRefused(reason=f"{shorten(path)}: no image files in this folder{hint}")


def _below(folder: str, below: str, recursive: bool, output: str) -> Iterator[Source]:
    """Yield the pictures of one folder by name, then those of the folders in it. Links to folders are not followed."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise PlanRefused(reason=f"{shorten(folder)}: cannot be read: {error.strerror}") from error
    for entry in entries:
        if formats.is_readable(entry.name) and entry.is_file():
            yield Source(entry.path, below)
    if not recursive:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and os.path.realpath(entry.path) != output:
            yield from _below(entry.path, os.path.join(below, entry.name), recursive, output)
