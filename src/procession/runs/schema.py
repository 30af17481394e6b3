"""The journal's tables, their versions, and how a file becomes one that this version can use.

Knows: the columns and what they mean.
Must not know: who writes them.

`synchronous` is FULL. With NORMAL a write-ahead log is synced only when it is copied into the file: a power cut would
take back the last seconds of results that were already announced, which this journal promises never to do. FULL syncs
at each commit, and since commits are grouped by time (`journal.py`) that is some twenty times a second at most.
"""

from __future__ import annotations

import os
import sqlite3

from procession.runs.errors import JournalFailed, JournalNotUsable

VERSION = 2  # of the tables; the number stands in the file's `user_version`
APPLICATION = 0x50524F43  # "PROC": the file's `application_id`, so that no other program's database is taken for one
MAGIC = b"SQLite format 3\x00"  # how every database begins
DONE, FAILED = 1, 2  # the states of an item that has ended; one that has not has no row
# Kinds of places: the item was run for it; had ended in an earlier session; was read before and had not ended; had
# ended in this session.
FRESH, REPLAYED, TWIN, AGAIN = 0, 1, 2, 3
CACHE = -16_000  # KB of pages that a connection keeps: the index of half a million keys
LOG_PAGES = 16_000  # of the write-ahead log (64 MB), after which it is copied into the file

TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,  -- changes when the function does
    facts TEXT NOT NULL,   -- JSON
    ended TEXT,            -- when, if it was not killed
    read INTEGER           -- places, if the input was read to its end
);
CREATE TABLE items (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    state INTEGER NOT NULL,
    session INTEGER NOT NULL,  -- in which it ended
    gone INTEGER NOT NULL DEFAULT 0,  -- 1: it was not in the last input that was read to its end
    seconds REAL,
    worker INTEGER,
    attempts INTEGER NOT NULL,
    name TEXT NOT NULL,    -- its repr, cut
    error_type TEXT,
    error_message TEXT,
    error_traceback TEXT,
    history TEXT,          -- JSON: of several attempts each one's error, seconds, worker
    checksum INTEGER,      -- of the two below as they stand here, and the key: CRC-32
    item,                  -- its pickle; a text is the name of the file beside that holds it
    result                 -- the pickle of its result or error, likewise
);
CREATE UNIQUE INDEX item_keys ON items (key);
CREATE INDEX failed_items ON items (number) WHERE state = 2;
CREATE INDEX gone_items ON items (state) WHERE gone = 1;
CREATE TABLE places (place INTEGER PRIMARY KEY, item INTEGER NOT NULL, kind INTEGER NOT NULL);
CREATE INDEX twins ON places (item) WHERE kind = 2;
"""
# From each version to the next one. Version 1 knew one attempt of each item,
# no items that are gone and no checksums.
MIGRATIONS = {
    1: """
ALTER TABLE items ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN history TEXT;
ALTER TABLE items ADD COLUMN checksum INTEGER;
CREATE INDEX gone_items ON items (state) WHERE gone = 1;
""",
}


def connect(path: str, *, writable: bool) -> sqlite3.Connection:
    """Open a journal that is there, or make one.

    Args:
        path: The file.
        writable: It may be made, migrated, and written to.

    Raises:
        JournalNotUsable: It is none, damaged, or of a newer version.
        JournalFailed: It cannot be opened.
    """
    if not writable and not os.path.exists(path):
        raise JournalNotUsable(
            path=path, reason="there is no such file", hint="`procession runs` lists those there are"
        )
    try:
        return _connected(path, writable, "mode=rwc" if writable else "mode=ro")
    except sqlite3.Error as error:
        if not writable and not os.path.exists(path + "-wal"):
            try:
                return _connected(path, writable, "immutable=1")  # its folder is read-only: no memory beside it
            except sqlite3.Error:
                pass  # then that was not it
        raise explain(path, error, writable) from error


def _connected(path: str, writable: bool, how: str) -> sqlite3.Connection:
    uri = f"file:{quoted(path)}?{how}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        version = _checked_version(connection, path)
        if version == 0 and not writable:
            reason = "it is empty: no run has begun in it yet"
            raise JournalNotUsable(path=path, reason=reason, hint="wait for that, or delete it")
        if writable:
            _prepare(connection, version)
        elif version < VERSION:
            connection.close()
            return _migrated_copy(path, version)
        connection.execute(f"PRAGMA cache_size={CACHE if writable else CACHE // 4}")
        return connection
    except BaseException:
        connection.close()
        raise


def quoted(path: str) -> str:
    """Give a path as it stands in an address of SQLite."""
    from urllib.parse import quote

    return quote(os.fsencode(os.path.abspath(path)))


def _checked_version(connection: sqlite3.Connection, path: str) -> int:
    """Give the version of the tables; 0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (tables or version) and application != APPLICATION:
        reason = "it is the database of another program"
        raise JournalNotUsable(path=path, reason=reason, hint="choose another journal=")
    if version > VERSION:
        reason = f"it is of version {version}, made by a newer procession; this one knows up to {VERSION}"
        raise JournalNotUsable(path=path, reason=reason, hint="update procession, or choose another journal=")
    return int(version)


def _prepare(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
    migrate(connection, version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from one version to the present one, in one transaction.

    Args:
        connection: To the journal.
        version: 0: there are no tables yet.
    """
    if version == VERSION:
        return
    steps = [TABLES] if version == 0 else [MIGRATIONS[step] for step in range(version, VERSION)]
    marks = f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION};"
    try:
        connection.executescript("BEGIN IMMEDIATE;" + "".join(steps) + marks + "COMMIT;")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrated_copy(path: str, version: int) -> sqlite3.Connection:
    """For who only reads an older journal: its content in memory, brought to this version; the file stays as it is."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    original = sqlite3.connect(f"file:{quoted(path)}?mode=ro", uri=True)
    try:
        original.backup(copy)
    finally:
        original.close()
    migrate(copy, version)
    return copy


def explain(path: str, error: sqlite3.Error, writable: bool = True) -> JournalFailed | JournalNotUsable:
    """Give our error for one of SQLite's.

    Args:
        path: The journal.
        error: What SQLite raised.
        writable: It was opened by who would have mended it if it had only lost its end.
    """
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        whose = "is no journal" if code == "SQLITE_NOTADB" else "is damaged"
        hint = "move it away to begin anew, or take what can be read out of it with `sqlite3 FILE .recover`"
        if not writable and code != "SQLITE_NOTADB":
            hint = f"if its end was cut off, go on with it to have it mended; else {hint}"
        return JournalNotUsable(path=path, reason=f"it {whose} ({error})", hint=hint)
    hints = {
        "SQLITE_FULL": "make room; what was recorded before is kept, and the same call does the rest",
        "SQLITE_READONLY": "choose a folder that can be written to; what was recorded before is kept",
        "SQLITE_CANTOPEN": "choose a folder that is there and can be written to",
    }
    return JournalFailed(path=path, reason=str(error), hint=hints.get("_".join(code.split("_")[:2])))
