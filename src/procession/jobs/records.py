"""What was made in an output folder, from what and how: the file `.procession-thumbs` in it.

Knows: SQLite, how an output is told from a stranger's file.
Must not know: which outputs are wanted now.

Every change is a transaction of its own in a write-ahead log: whatever is killed, what had been noted is there. Only a
power cut can take the last seconds along, since the log is synced at its checkpoints only; what is missing is made
again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from procession.jobs.errors import RecordsUnusable
from procession.jobs.naming import Made

FILE = ".procession-thumbs"
_VERSION = 1
_PATIENCE = 30  # seconds that one command waits for another's transaction, which takes less than one
_TABLE = """
CREATE TABLE output (
    name BLOB PRIMARY KEY,  -- within the folder; bytes, as names of files are
    source BLOB NOT NULL,
    stamp TEXT NOT NULL,    -- the input's size and time
    content TEXT,           -- a hash of what the input holds, where that was asked for
    recipe TEXT,            -- how it was made; NULL: it is about to be made
    bytes INTEGER, time INTEGER,  -- of the file that was made
    width INTEGER, height INTEGER
) WITHOUT ROWID"""


class Record(NamedTuple):
    """One output, as it was made.

    Args:
        source: The input.
        stamp: The input's size and time then.
        content: A hash of what it held, if that was asked for.
        recipe: How it was made; None: its making had begun, and perhaps not ended.
        width: Of the thumbnail.
        height: Of the thumbnail.
        time: Of the file that was made last; None: none was.
    """

    source: bytes
    stamp: str
    content: str | None
    recipe: str | None
    width: int
    height: int
    time: int | None


class Records:
    """The records of one output folder. Used by one thread.

    Args:
        folder: The output folder; it must be there.

    Raises:
        RecordsUnusable: They cannot be read or written.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._path = os.path.join(folder, FILE)
        with self._explained():
            self._file = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def find(self, name: bytes) -> Record | None:
        """Give the record of an output, by its name within the folder."""
        with self._explained():
            row = self._file.execute(
                "SELECT source, stamp, content, recipe, width, height, time FROM output WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else Record(*row)

    def begin(self, outputs: Iterable[tuple[bytes, bytes, str]]) -> None:
        """Note which outputs are about to be made: one that is found without a further note is not to be trusted.

        Args:
            outputs: Name, source and the source's stamp of each.

        Raises:
            RecordsUnusable: The file cannot be written.
        """
        with self._explained():
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT INTO output (name, source, stamp) VALUES (?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET recipe = NULL, source = excluded.source, stamp = excluded.stamp, content = NULL",
                outputs,
            )
            self._file.execute("COMMIT")

    def end(self, name: bytes, stamp: str, content: str | None, recipe: str, made: Made) -> None:
        """Note that an output was made.

        Raises:
            RecordsUnusable: The file cannot be written.
        """
        with self._explained():
            self._file.execute(
                "UPDATE output SET stamp = ?, content = ?, recipe = ?, bytes = ?, time = ?, width = ?, height = ? "
                "WHERE name = ?",
                (stamp, content, recipe, made.bytes, made.time, made.width, made.height, name),
            )

    def vanished(self, roots: Iterable[str]) -> Iterator[tuple[bytes, bool]]:
        """Give the outputs whose inputs are gone, and whether each is still the file that was made.

        Args:
            roots: Inputs that were elsewhere are left alone: a disk that is not mounted now is no reason to forget.
        """
        begins = tuple(os.fsencode(os.path.join(root, "")) for root in roots)
        last = b""
        while rows := self._file.execute(
            "SELECT name, source, bytes, time FROM output WHERE name > ? ORDER BY name LIMIT 1000", (last,)
        ).fetchall():
            last = rows[-1][0]
            for name, source, size, time in rows:
                if source.startswith(begins) and _is_gone(source):
                    yield name, self._is_ours(name, size, time)

    def forget(self, name: bytes) -> None:
        """Remove a record."""
        with self._explained():
            self._file.execute("DELETE FROM output WHERE name = ?", (name,))

    def _is_ours(self, name: bytes, size: int | None, time: int | None) -> bool:
        try:
            found = os.lstat(os.path.join(os.fsencode(self.folder), name))
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (size, time)

    def _prepare(self) -> None:
        version = self._file.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise RecordsUnusable(
                path=self._path, reason="it was written by a newer procession; use that, or another -o"
            )
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            self._file.execute("BEGIN IMMEDIATE")
            if self._file.execute("PRAGMA user_version").fetchone()[0] == 0:  # nobody else was faster
                self._file.execute(_TABLE)
                self._file.execute(f"PRAGMA user_version = {_VERSION}")
            self._file.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            damaged = type(error) is sqlite3.DatabaseError  # others: the disk is full, somebody holds it too long
            hint = "; delete it: then outputs are judged by their times alone" if damaged else ""
            raise RecordsUnusable(path=self._path, reason=f"{error}{hint}") from error


def _is_gone(path: bytes) -> bool:
    """Tell whether a file is surely not there: what cannot be looked at may be."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
