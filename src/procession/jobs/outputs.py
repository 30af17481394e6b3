"""Which outputs are still to be made, and the folders they need.

Knows: the file system's times, what the records say of outputs.
Must not know: pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from procession.jobs.errors import PlanRefused
from procession.jobs.ledger import TODO, Ledger, Row
from procession.jobs.records import Record, Records
from procession.model.errors import shorten

Overwrite = Literal["never", "older", "always"]
_READ_BYTES = 1 << 20


class _Input(NamedTuple):
    """One input, as it is now; the stamp is empty if it is gone."""

    time: int
    stamp: str
    content: str | None


def decide(
    ledger: Ledger,
    records: Records | None,
    overwrite: Overwrite,
    recipe: Callable[[Row], str],
    *,
    checksum: bool = False,
) -> None:
    """Note in the ledger which outputs are to be made.

    Args:
        ledger: All outputs.
        records: What is known of those that are there.
        overwrite: Which outputs that are there are made again: none, those that are out of date, or all.
        recipe: Says how an output would be made now.
        checksum: Inputs are known by what they hold, not by size and time.
    """
    number, source = 0, _Input(0, "", None)
    for row in ledger.rows():
        if row.input != number:
            number, source = row.input, _look(row.source, checksum)
        record = records.find(row.name) if records else None
        path = os.path.join(os.fsencode(ledger.output), row.name)
        done = overwrite != "always" and _is_done(path, source, row, record, overwrite, recipe(row))
        size = (record.width, record.height) if done and record and record.recipe else None
        since = record.time if record and not done and (overwrite != "always" or not os.path.exists(path)) else None
        ledger.decide(row, todo=not done, stamp=source.stamp, content=source.content, since=since, size=size)
    ledger.count()


def make_folders(ledger: Ledger, run: str) -> set[str]:
    """Make the output folder and those below it that are needed; give them all.

    Args:
        ledger: Says which are needed.
        run: Marks the files of this run.

    Raises:
        PlanRefused: One cannot be made, or nothing can be written into it.
    """
    folders = {ledger.output, *(os.path.dirname(_path(ledger, row)) for row in ledger.rows(TODO))}
    for folder in sorted(folders):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise PlanRefused(reason=f"{shorten(folder)}: cannot be made: {error.strerror}") from error
        _try_out(os.path.join(folder, f".procession-{run}-0.tmp"), folder)
    return folders


def look_at_folder(folder: str) -> None:
    """See whether a folder could be made and written to, without changing anything.

    Raises:
        PlanRefused: It could not.
    """
    there = os.path.abspath(folder)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        raise PlanRefused(reason=f"{shorten(folder)}: cannot be made: {shorten(there)} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PlanRefused(reason=f"{shorten(folder)}: cannot be written to")


def _try_out(path: str, folder: str) -> None:
    """Write and remove a file: rights alone do not tell of a read-only disk, or of what a server thinks."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.unlink(path)
    except OSError as error:
        raise PlanRefused(reason=f"{shorten(folder)}: cannot be written to: {error.strerror}") from error


def _is_done(path: bytes, source: _Input, row: Row, record: Record | None, overwrite: Overwrite, recipe: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    if overwrite == "never":
        return True
    if not source.stamp or not found.st_size:  # gone since it was listed: its turn will say so; a power cut's remains
        return False
    if record is None:  # it was made before there were records, or by somebody else
        return source.time <= found.st_mtime_ns
    if (record.recipe, record.source) != (recipe, os.path.abspath(row.source)):
        return False
    if source.content is not None and record.content is not None:
        return source.content == record.content
    return source.stamp == record.stamp


def _look(path: bytes, checksum: bool) -> _Input:
    try:
        found = os.stat(path)
    except OSError:
        return _Input(0, "", None)
    content = None
    if checksum:
        with suppress(OSError):
            content = _hash(path)
    return _Input(found.st_mtime_ns, f"{found.st_size}:{found.st_mtime_ns}", content)


def _hash(path: bytes) -> str:
    from hashlib import blake2b

    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _path(ledger: Ledger, row: Row) -> str:
    return os.path.join(ledger.output, os.fsdecode(row.name))
