"""Which outputs are still to be made, and the folders they need.

Knows: the file system's times.
Must not know: pictures. Whether an output fits the options it was once made with cannot be seen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from procession.jobs.errors import PlanRefused
from procession.jobs.naming import Thumb
from procession.model.errors import shorten

Overwrite = Literal["never", "older", "always"]


def to_make(thumbs: Sequence[Thumb], overwrite: Overwrite) -> list[Thumb]:
    """List the thumbnails that are to be made.

    Args:
        thumbs: All of the plan.
        overwrite: Which outputs that exist are made again: none, those older than their input, or all.
    """
    if overwrite == "always":
        return list(thumbs)
    folders: dict[str, dict[str, int]] = {}
    return [thumb for thumb in thumbs if not _is_done(thumb, overwrite, folders)]


def make_folders(thumbs: Sequence[Thumb], output: str) -> set[str]:
    """Make the output folder and those below it that are needed; give them all.

    Raises:
        PlanRefused: One cannot be made.
    """
    folders = {os.path.dirname(thumb.target) for thumb in thumbs}
    for folder in sorted(folders | {output}):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise PlanRefused(reason=f"{shorten(folder)}: cannot be made: {error.strerror}") from error
    return folders


def _is_done(thumb: Thumb, overwrite: Overwrite, folders: dict[str, dict[str, int]]) -> bool:
    """Compare times only where an output exists: each folder is listed once, a first run asks for no time at all."""
    folder, name = os.path.split(thumb.target)
    if folder not in folders:
        folders[folder] = _times(folder)
    made = folders[folder].get(name)
    if made is None or overwrite == "never":
        return made is not None
    try:
        return os.stat(thumb.source).st_mtime_ns <= made
    except OSError:
        return False  # gone since it was listed: its turn will say so


def _times(folder: str) -> dict[str, int]:
    """Give the time of each file in a folder."""
    times: dict[str, int] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file():
                times[entry.name] = entry.stat().st_mtime_ns
    return times
