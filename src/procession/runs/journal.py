"""The journal of one run, as its only writer sees it.

Knows: how rows get into the file, all of a group or none; what can go wrong with the file.
Must not know: items, functions, streams; when to write.

Each group of rows is one transaction that ends with a sync of the disk. A large result is in its own file, synced,
before the row that names it is written.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from procession.runs import salvage, schema
from procession.runs.errors import JournalFailed
from procession.runs.lock import Lock
from procession.runs.payloads import Folder

T = TypeVar("T")
COLUMNS = (
    "number", "key", "state", "session", "seconds", "worker", "attempts", "name",
    "error_type", "error_message", "error_traceback", "history", "checksum", "item", "result",
)  # fmt: skip
_INSERT = f"INSERT OR REPLACE INTO items ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_FIND = (
    "SELECT key, number, state, session, gone, CASE typeof(result) WHEN 'text' THEN result END "
    "FROM items WHERE key IN ({})"
)


class Found(NamedTuple):
    """What stands in the journal of an item that has ended.

    Args:
        number: Its row.
        state: `schema.DONE` or `schema.FAILED`.
        session: In which it ended.
        gone: 1: it was not in the last whole input.
        file: The name of the file that holds its result, if one does.
    """

    number: int
    state: int
    session: int
    gone: int
    file: str | None


class Group(NamedTuple):
    """What is written in one transaction.

    Args:
        items: Rows as `COLUMNS` says.
        places: (place, number of the item, kind).
        back: Numbers of items that were gone and are in the input again.
        files: A large payload was written beside.
    """

    items: Sequence[tuple[Any, ...]]
    places: Sequence[tuple[int, int, int]]
    back: Sequence[tuple[int]]
    files: bool


class Journal:
    """An open journal, locked for this process.

    Args:
        path: The file; it is made if it is not there.

    Raises:
        JournalHeld: Another process works on it.
        JournalNotUsable: It is none, damaged, or newer.
        JournalFailed: It cannot be made or written.
    """

    def __init__(self, path: str) -> None:
        self.path = path = os.path.realpath(path)  # whatever links lead to it, and wherever the program goes
        self.folder = Folder(path)
        self.session = 0
        self.pid = os.getpid()
        self.lost: str | None = None  # why something of it is gone since it was last closed
        self._lock = Lock(path)
        self._connections: list[sqlite3.Connection] = []
        self._in_use = threading.RLock()  # SQLite crashes where one thread closes what another one uses
        is_new = not os.path.exists(path)
        try:
            self.lost = salvage.mend(path)
            self._writer = self._connect()
            self._reader = self._connect()
            self._file = os.stat(path)
        except BaseException as error:
            self._give_up(is_new)
            if isinstance(error, OSError) and not isinstance(error, JournalFailed):
                raise JournalFailed(path=path, reason=error.strerror or str(error), hint=None) from error
            raise

    def _give_up(self, is_new: bool) -> None:
        """Close what could not be opened; leave no half of a new journal, which nobody could go on with."""
        try:
            while self._connections:
                self._connections.pop().close()
            for end in ("", "-wal", "-shm") if is_new else ():
                if os.path.isfile(self.path + end):
                    os.unlink(self.path + end)
        finally:
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        connection = schema.connect(self.path, writable=True)
        self._connections.append(connection)
        return connection

    def begin(self, source: str, facts: Mapping[str, object]) -> None:
        """Begin a session: the places are those of its input from now on.

        Args:
            source: What changes when the function does.
            facts: About the session, as plain data.
        """
        unended, number = self.ask("SELECT count(*) - count(ended), coalesce(max(number), 0) + 1 FROM sessions")[0]
        if unended:
            self._tidy()
        if self.lost is not None:  # rows of sessions may be among it
            number = max(number, *self.ask("SELECT coalesce(max(session), 0) + 1 FROM items")[0])

        def work() -> None:
            self._writer.execute("DELETE FROM places")
            row = number, source, json.dumps(dict(facts), default=str)
            self._writer.execute("INSERT INTO sessions (number, source, facts) VALUES (?, ?, ?)", row)

        self._in_transaction(work)
        self.session = number

    def _tidy(self) -> None:
        def is_wanted(name: str) -> bool:
            try:
                key = bytes.fromhex(name.partition("-")[0])
            except ValueError:
                return True  # no file of ours
            return bool(self.ask("SELECT 1 FROM items WHERE key = ? AND ? IN (item, result)", (key, name)))

        self.folder.tidy(is_wanted)

    def sources(self) -> dict[int, str]:
        """Give the source of the function in each session."""
        return dict(self.ask("SELECT number, source FROM sessions"))

    def fact(self, name: str) -> Any:
        """Give a fact of the run, or None."""
        rows = self.ask("SELECT value FROM facts WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def note(self, **facts: object) -> None:
        """Keep facts of the run."""
        rows = [(name, json.dumps(value, default=str)) for name, value in facts.items()]
        statement = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
        self._in_transaction(lambda: self._writer.executemany(statement, rows))

    def last_number(self) -> int:
        """Give the highest number of an item."""
        (number,) = self.ask("SELECT max(number) FROM items")[0]
        return number or 0

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Give what stands there for those of some keys whose items have ended. For one other thread than the writer's.

        Args:
            keys: At most some hundred.
        """
        with self._in_use:
            if not self._connections:
                raise JournalFailed(path=self.path, reason="it is closed", hint=None)
            try:
                rows = self._reader.execute(_FIND.format(",".join("?" * len(keys))), keys).fetchall()
            except sqlite3.Error as error:
                raise schema.explain(self.path, error) from error
        return {row[0]: Found(*row[1:]) for row in rows}

    def write(self, group: Group) -> None:
        """Write a group; when this returns it is on disk.

        Raises:
            JournalFailed: It is not; nothing of the group is there.
            JournalNotUsable: The file turned out to be damaged.
        """
        self._check_file()
        if group.files:
            try:
                self.folder.sync()
            except OSError as error:
                raise self.failed(error) from error
        execute = self._writer.executemany

        def work() -> None:
            execute(_INSERT, group.items)
            execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", group.places)
            execute("UPDATE items SET gone = 0 WHERE number = ?", group.back)

        self._in_transaction(work)

    def forget_files(self, key: bytes, session: int) -> None:
        """Take away the files of an item whose row a later session has replaced."""
        for kind in ("item", "result"):
            self.folder.remove(f"{key.hex()}-{session}.{kind}")

    def end(self, read: int | None, whole: bool) -> None:
        """End the session.

        Args:
            read: How many places the input had, if it was read to its end.
            whole: Then what is not in it is gone.
        """

        def work() -> None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._writer.execute("UPDATE sessions SET ended = ?, read = ? WHERE number = ?", (now, read, self.session))
            if read is not None and whole and self.session > 1:
                placed = "number IN (SELECT item FROM places)"
                self._writer.execute(f"UPDATE items SET gone = 1 WHERE gone = 0 AND NOT {placed}")

        self._in_transaction(work)

    def ask(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        """Give the rows of a query, for the writer's thread."""
        try:
            return self._writer.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise schema.explain(self.path, error) from error

    def failed(self, error: OSError) -> JournalFailed:
        """Give our error for one of the system's about a file beside the journal."""
        hint = "what was recorded before is kept, and the same call does the rest"
        return JournalFailed(path=self.path, reason=f"{error.strerror or error} ({error.filename})", hint=hint)

    def _in_transaction(self, work: Callable[[], T]) -> T:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            result = work()
            self._writer.execute("COMMIT")
        except BaseException as error:
            try:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # what counts is the first error
            if isinstance(error, sqlite3.Error):
                raise schema.explain(self.path, error) from error
            raise
        return result

    def _check_file(self) -> None:
        """See to it that what is written goes into the file that others see: one that was deleted takes it all."""
        try:
            if os.path.samestat(os.stat(self.path), self._file):
                return
            reason = "another file was put in its place while the run was working"
        except OSError as error:
            reason = f"it was moved or deleted while the run was working ({error.strerror})"
        rescued = self._rescue()
        hint = f"what was recorded is in {rescued!r}: move it back" if rescued else "what was recorded is gone with it"
        raise JournalFailed(path=self.path, reason=reason, hint=hint)

    def _rescue(self) -> str | None:
        """Write what the file without a name holds into one with a name."""
        path = f"{self.path}.rescued"
        try:
            copy = sqlite3.connect(path)
            try:
                self._writer.backup(copy)
            finally:
                copy.close()
        except sqlite3.Error:
            return None  # the folder is gone, too
        return path

    def close(self) -> None:
        """Close the file and let go of the lock."""
        try:
            with self._in_use:
                while self._connections:
                    self._connections.pop().close()
        finally:
            self._lock.release()  # also where a signal's exception strikes while the log is copied into the file
