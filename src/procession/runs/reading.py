"""A journal as a reader sees it: facts, counts, rows in the order of the input. Nothing here unpickles.

Knows: the tables; that another process may be writing.
Must not know: what the pickles hold.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from procession.runs import rows, schema
from procession.runs.errors import JournalNotUsable

PAGE = 500  # rows that are read at once
STATES = {schema.DONE: "done", schema.FAILED: "failed"}


class Totals(NamedTuple):
    """How far a run is.

    Args:
        items: Items that have ended.
        done: Those that have a result.
        failed: Those that have an error.
        left: Items that were read and have not ended.
        whole: The last session has read its input to the end and nothing is left.
    """

    items: int
    done: int
    failed: int
    left: int
    whole: bool


class Entry(NamedTuple):
    """An item at one of its places, as text.

    Args:
        place: Where it stands in the input; None: the last session was ended before it read that far.
        key: Its key, as hexadecimal digits.
        name: Its `repr`, cut.
        state: "done" or "failed".
        seconds: How long the last attempt took.
        worker: The process id of its worker.
        attempts: How many there were.
        session: In which session of the run it ended, from 1.
        error_type: The error's class.
        error_message: Its text.
        error_traceback: Where it was raised.
    """

    place: int | None
    key: str
    name: str
    state: str
    seconds: float | None
    worker: int | None
    attempts: int
    session: int
    error_type: str | None
    error_message: str | None
    error_traceback: str | None


_ENTRY = (
    "i.number, i.key, i.name, i.state, i.seconds, i.worker, i.attempts, i.session, i.error_type, i.error_message, "
    "i.error_traceback"
)
_FULL = f"i.number, {rows.SELECTED}"


class Reader:
    """An open journal that is only read.

    Args:
        path: The file.

    Raises:
        JournalNotUsable: It is none, damaged, newer, or not there.
        JournalFailed: It cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._closed = False
        self._connection = schema.connect(path, writable=False)
        self.session = self._last_session()

    def _last_session(self) -> int:
        return int(self._ask("SELECT coalesce(max(number), 0) FROM sessions")[0][0])

    def _ask(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        if self._closed:
            raise ValueError(f"run {self.path!r} is closed; open it again with procession.Run.open")
        try:
            return self._connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise schema.explain(self.path, error, writable=False) from error

    def check(self) -> None:
        """See to it that no other call has begun on this journal, whose input has other places.

        Raises:
            JournalNotUsable: One has.
        """
        if self._last_session() != self.session:
            reason = "another call has begun to use it since it was opened"
            raise JournalNotUsable(path=self.path, reason=reason, hint="open it again, or give each call its journal=")

    def facts(self) -> dict[str, Any]:
        """Give the facts of the run and of its last session, and how many sessions there were."""
        told = {name: json.loads(value) for name, value in self._ask("SELECT name, value FROM facts")}
        found = self._ask("SELECT source, facts, ended FROM sessions ORDER BY number DESC LIMIT 1")
        for source, facts, ended in found:
            told.update(json.loads(facts), source=source, ended=ended)
        told["sessions"] = self.session
        return told

    def sessions(self) -> list[dict[str, Any]]:
        """Give the facts of each session, the first one first."""
        found = self._ask("SELECT number, source, facts, ended, read FROM sessions ORDER BY number")
        return [
            {**json.loads(facts), "number": number, "source": source, "ended": ended, "read": read}
            for number, source, facts, ended, read in found
        ]

    def totals(self) -> Totals:
        """Count; for a million items this takes 0.1 to 0.3 s."""
        (items,) = self._ask("SELECT count(*) FROM items INDEXED BY item_keys WHERE key IS NOT NULL")[0]
        (failed,) = self._ask("SELECT count(*) FROM items INDEXED BY failed_items WHERE state = 2")[0]
        gone = dict(self._ask("SELECT state, count(*) FROM items INDEXED BY gone_items WHERE gone = 1 GROUP BY state"))
        failed -= gone.get(schema.FAILED, 0)
        items -= sum(gone.values())
        read = self._read()
        left = 0
        if read is None:
            query = "SELECT count(DISTINCT item) FROM places WHERE item NOT IN (SELECT number FROM items)"
            (left,) = self._ask(query)[0]
        return Totals(items, items - failed, failed, left, read is not None)

    def _read(self) -> int | None:
        found = self._ask("SELECT read FROM sessions ORDER BY number DESC LIMIT 1")
        return found[0][0] if found else None

    def failures(self) -> Iterator[Entry]:
        """Give the items that failed, in the order in which they were first read."""
        last = 0
        query = (
            f"SELECT {_ENTRY} FROM items i WHERE i.state = 2 AND i.gone = 0 AND i.number > ? ORDER BY i.number LIMIT ?"
        )
        while found := self._ask(query, (last, PAGE)):
            last = found[-1][0]
            yield from (_entry(None, row[1:]) for row in found)

    def entries(self) -> Iterator[Entry]:
        """Give each item at each of its places, in the order of the input."""
        for place, row in self._in_order(_ENTRY):
            yield _entry(place, row)

    def rows(self) -> Iterator[tuple[int | None, rows.Row]]:
        """Give each place and its row with the pickles, in the order of the input."""
        return self._in_order(_FULL)

    def _in_order(self, columns: str) -> Iterator[tuple[int | None, Any]]:
        self.check()
        last = -1
        query = (
            f"SELECT p.place, {columns} FROM places p JOIN items i ON i.number = p.item "
            "WHERE p.place > ? ORDER BY p.place LIMIT ?"
        )
        while found := self._ask(query, (last, PAGE)):
            last = found[-1][0]
            for place, _, *row in found:
                yield place, tuple(row)
            self.check()
        if self._read() is None or not self.facts().get("whole", True):
            yield from self._without_place(columns)

    def _without_place(self, columns: str) -> Iterator[tuple[int | None, Any]]:
        """Give the items that the last session would still have come to, or not, in the order of earlier ones."""
        last = 0
        query = (
            f"SELECT {columns} FROM items i WHERE i.number > ? AND i.gone = 0 "
            "AND i.number NOT IN (SELECT item FROM places) ORDER BY i.number LIMIT ?"
        )
        size = 100 * PAGE  # the places are gone through for each page
        while found := self._ask(query, (last, size)):
            last = found[-1][0]
            for _, *row in found:
                yield None, tuple(row)

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        self._connection.close()


def _entry(place: int | None, row: Any) -> Entry:
    key, name, state, *others = row
    return Entry(place, key.hex(), name, STATES[state], *others)
