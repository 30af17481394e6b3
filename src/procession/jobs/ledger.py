"""The plan of one run: every output with its input, on disk, so that any number of files takes little memory.

Knows: SQLite's temporary databases, which have no name and are gone with their process; the order of inputs.
Must not know: which outputs are up to date, pictures.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from procession.jobs.errors import PlanRefused
from procession.jobs.naming import Names, Target, Thumb
from procession.jobs.sources import Source
from procession.model.errors import shorten

FRESH, TODO, MADE, FAILED = range(4)
_ONE_CASE = sys.platform in ("darwin", "win32")  # where a.jpg and A.jpg are usually one file
_PAGE = 256  # rows that are read at once; a lock is held for that long
_TABLES = """
CREATE TABLE found (
    folder INTEGER, name BLOB,  -- two spellings of one file are equal in these
    batch INTEGER, path BLOB, below BLOB,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE output (
    place INTEGER PRIMARY KEY,
    input INTEGER, source BLOB, format TEXT, size INTEGER,
    name BLOB,  -- within the output folder
    folder INTEGER, key BLOB,  -- as in `found`
    state INTEGER DEFAULT 0, stamp TEXT, content TEXT, since INTEGER, width INTEGER, height INTEGER, error TEXT,
    UNIQUE (folder, key)
);
"""


class Row(NamedTuple):
    """One output.

    Args:
        place: Its number, from 1.
        source: The input.
        name: The output's name within the output folder.
        format: Pillow's name of its format.
        size: The number of its size.
        state: FRESH, TODO, MADE or FAILED.
        width: Of the thumbnail; None: it is not made.
        height: Of the thumbnail.
        error: Why it could not be made.
        input: The input's number, from 1.
        stamp: What tells the input from what it was at another time.
        since: When the output was made that is to be made again; None: it was not made yet, or is not to be.
    """

    place: int
    source: bytes
    name: bytes
    format: str
    size: int
    state: int
    width: int | None
    height: int | None
    error: str | None
    input: int
    stamp: str | None
    since: int | None


class Ledger:
    """The outputs of one run, in the order of their inputs. May be used by several threads.

    Args:
        output: The folder of the outputs.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self.todo = 0  # how many inputs have an output to be made
        self.fresh = 0  # how many inputs have none
        self._lock = threading.RLock()
        self._folders: dict[str, int] = {}
        self._spellings: dict[str, int] = {}
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        self._file.execute("BEGIN")  # for ever: nobody else reads it, and nothing of it shall stay

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._file.close()

    def add(self, sources: Iterable[Source]) -> None:
        """Take inputs, each file once, however it is spelled."""
        for path, below, batch in sources:
            key = self._key(path)
            row = (*key, batch, os.fsencode(path), os.fsencode(below))
            self._file.execute("INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?, ?)", row)

    def name(self, names: Names) -> None:
        """Give every input its outputs.

        Raises:
            PlanRefused: Two would get one output, or an output would replace an input.
        """
        if clash := self._fill(names):
            first, second, name = clash
            apart = next(each for each in names.others() if self._fill(each) is None)
            raise PlanRefused(
                reason=f"{shorten(first)} and {shorten(second)} would both become "
                f"{shorten(os.path.join(self.output, name))}; --name '{apart.pattern}' keeps them apart"
            )
        replaced = self._file.execute(
            "SELECT path, source FROM output JOIN found ON found.folder = output.folder AND found.name = output.key "
            "ORDER BY place LIMIT 1"
        ).fetchone()
        if replaced:
            path, source = map(os.fsdecode, replaced)
            raise PlanRefused(
                reason=f"{shorten(path)}: would be replaced by the thumbnail of {shorten(source)}; "
                "give another -o or --name"
            )

    def has(self, name: str) -> bool:
        """Tell whether an output has this name within the output folder."""
        key = self._key(os.path.join(self.output, name))
        return bool(self._file.execute("SELECT 1 FROM output WHERE (folder, key) = (?, ?)", key).fetchone())

    def rows(self, state: int | None = None) -> Iterator[Row]:
        """Give the outputs, or those of one state, in their order. What is changed meanwhile is seen."""
        last = 0
        while True:
            with self._lock:
                page = self._file.execute(
                    "SELECT place, source, name, format, size, state, width, height, error, input, "
                    "coalesce(content, stamp), since FROM output WHERE place > ? AND state = coalesce(?, state) "
                    "ORDER BY place LIMIT ?",
                    (last, state, _PAGE),
                ).fetchall()
            if not page:
                return
            last = page[-1][0]
            yield from map(Row._make, page)

    def stamps(self) -> Iterator[tuple[bytes, bytes, str]]:
        """Give name, source (its absolute path) and the source's stamp of each output that is to be made."""
        for name, source, stamp in self._file.execute(
            "SELECT name, source, stamp FROM output WHERE state = ?", (TODO,)
        ):
            yield name, os.path.abspath(source), stamp

    def decide(
        self,
        row: Row,
        *,
        todo: bool,
        stamp: str,
        content: str | None,
        since: int | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Note whether an output is to be made.

        Args:
            row: The output.
            todo: It is.
            since: When it was made that is to be made again.
            stamp: The input's size and time.
            content: A hash of what the input holds, where that is asked for.
            size: Of the thumbnail that is there, where that is known.
        """
        self._file.execute(
            "UPDATE output SET state = ?, stamp = ?, content = ?, since = ?, width = ?, height = ? WHERE place = ?",
            (TODO if todo else FRESH, stamp, content, since, *(size or (None, None)), row.place),
        )

    def count(self) -> None:
        """Count the inputs with and without something to be made."""
        self.todo, self.fresh = self._file.execute(
            "SELECT coalesce(sum(todo), 0), coalesce(sum(not todo), 0) FROM "
            "(SELECT max(state = ?) AS todo FROM output GROUP BY input)",
            (TODO,),
        ).fetchone()

    def items(self, names: Names) -> Iterator[Thumb]:
        """Give what is to be made, input by input; read from disk as it is needed."""
        for _, group in itertools.groupby(self.rows(TODO), key=lambda row: row.input):
            rows = list(group)
            targets = tuple(
                Target(os.path.join(self.output, os.fsdecode(row.name)), names.sizes[row.size], row.place)
                for row in rows
            )
            since = "".join(f" after {row.since}" for row in rows if row.since)
            yield Thumb(os.fsdecode(rows[0].source), rows[0].format, targets, f"{rows[0].stamp}{since}")

    def made(self, place: int, width: int, height: int) -> tuple[bytes, str, str | None]:
        """Note that an output was made; give its name, and the stamp and hash of its input."""
        with self._lock:
            row: tuple[bytes, str, str | None] = self._file.execute(
                "UPDATE output SET state = ?, width = ?, height = ? WHERE place = ? RETURNING name, stamp, content",
                (MADE, width, height, place),
            ).fetchone()
        return row

    def failed(self, thumb: Thumb, error: str) -> None:
        """Note that an input's outputs could not be made."""
        with self._lock:
            for target in thumb.targets:
                self._file.execute(
                    "UPDATE output SET state = ?, error = ? WHERE place = ?",
                    (FAILED, error.encode(errors="replace").decode(), target.place),
                )

    def _fill(self, names: Names) -> tuple[str, str, str] | None:
        """Name all outputs; give two inputs that would get one, and its name."""
        self._file.execute("DELETE FROM output")
        found = self._file.execute("SELECT path, below FROM found ORDER BY batch, path")
        for index, row in enumerate(found, 1):
            path, below = map(os.fsdecode, row)
            for number, (format, name) in enumerate(names.named(path, below, index)):
                key = self._key(os.path.join(self.output, name))
                output = (index, row[0], format.name, number, os.fsencode(name), *key)
                try:
                    self._file.execute(
                        "INSERT INTO output (input, source, format, size, name, folder, key) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        output,
                    )
                except sqlite3.IntegrityError:
                    other = self._file.execute("SELECT source FROM output WHERE (folder, key) = (?, ?)", key)
                    return os.fsdecode(other.fetchone()[0]), path, name
        return None

    def _key(self, path: str) -> tuple[int, bytes]:
        """Give what is equal for two spellings of one path; links among the folders are followed, each folder once."""
        folder, name = os.path.split(path)
        number = self._spellings.get(folder)
        if number is None:
            real = os.path.realpath(folder)
            real = real.casefold() if _ONE_CASE else real
            number = self._spellings[folder] = self._folders.setdefault(real, len(self._folders))
        return number, os.fsencode(name.casefold() if _ONE_CASE else name)
