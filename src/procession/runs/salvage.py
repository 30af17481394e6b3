"""A journal whose end was cut off: what is whole is kept, the rest is done again.

Knows: how long the file says that it is; how rows are read until one cannot be.
Must not know: what the rows mean.

A cut write-ahead log needs none of this: SQLite takes what is whole of it. A file that is shorter than its own first
page says has lost pages, of rows or of an index. All rows that can be reached without an index, and whose checksum is
right (SQLite takes what is missing at the end for zeros), are copied into a new file; the old one is kept beside as
`JOURNAL.damaged`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any

from procession.runs import schema
from procession.runs.rows import checksum

_TABLES = ("facts", "sessions", "items", "places")
_HEADER = 100  # bytes
_LOGS = ("-wal", "-shm")


def mend(path: str) -> str | None:
    """Make a journal whole again if its end was cut off; the caller has locked it and not opened it.

    Args:
        path: The file.

    Returns:
        What was done, as text; None if there was nothing to do.

    Raises:
        OSError: The new file cannot be written.
        JournalNotUsable: It is damaged in more ways than that.
    """
    size = os.path.getsize(path) if os.path.exists(path) else 0
    expected = _expected_size(path, size)
    if expected is None or size >= expected:
        return None
    if size >= _HEADER and os.path.exists(path + "-wal") and _is_whole_with_its_log(path):
        return None  # a process was killed while it copied the log into the file
    damaged, made = f"{path}.damaged", f"{path}.mended"
    kept = _copied(path, made) if size >= _HEADER else 0  # first: a kill between two renames loses nothing then
    for end in ("", *_LOGS):
        if os.path.exists(path + end):
            os.replace(path + end, damaged + end)
    if size >= _HEADER:
        os.replace(made, path)
    return f"its end was cut off: {kept} items are kept, the rest is done again; the old file is {damaged!r}"


def _is_whole_with_its_log(path: str) -> bool:
    """Let SQLite copy what is whole of the log into the file, and look through it."""
    connection = sqlite3.connect(f"file:{schema.quoted(path)}", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
            return False
        return all(_is_right(table, row) for table in _TABLES for row in _rows(connection, table))
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _expected_size(path: str, size: int) -> int | None:
    """Say how long the file must be by its first page; None if there is nothing that says so."""
    if size == 0:
        return None
    with open(path, "rb") as file:
        header = file.read(_HEADER)
    if not header.startswith(schema.MAGIC[: len(header)]):
        return None  # no database: opening it says so
    if len(header) < _HEADER:
        return _HEADER
    (application,) = struct.unpack(">I", header[68:72])
    if application != schema.APPLICATION:
        return None
    (pages,) = struct.unpack(">I", header[28:32])
    return _page_size(path) * int(pages)


def _copied(path: str, made: str) -> int:
    """Copy what can be read into a new file; give the number of items."""
    whole = f"{path}.pages"
    for name in (whole, made):
        for end in ("", *_LOGS):
            if os.path.exists(name + end):
                os.unlink(name + end)
    shutil.copyfile(path, whole)
    os.truncate(whole, os.path.getsize(whole) // _page_size(whole) * _page_size(whole))  # half a page reads as zeros
    old = sqlite3.connect(f"file:{schema.quoted(whole)}", uri=True, isolation_level=None)
    new = sqlite3.connect(made, isolation_level=None)
    try:
        old.execute("PRAGMA writable_schema=ON")  # else SQLite reads nothing of a file that is too short
        new.executescript(schema.TABLES)
        new.execute(f"PRAGMA application_id={schema.APPLICATION}")
        new.execute(f"PRAGMA user_version={schema.VERSION}")
        new.execute("BEGIN")
        counts = {table: _copy_table(old, new, table) for table in _TABLES}
        new.execute("COMMIT")
        return counts["items"]
    finally:
        old.close()
        new.close()
        os.unlink(whole)


def _page_size(path: str) -> int:
    with open(path, "rb") as file:
        (size,) = struct.unpack(">H", file.read(18)[16:])
    return 65_536 if size == 1 else int(size)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} NOT INDEXED")
    names = [each[0] for each in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """Copy rows in their order until one cannot be read."""
    count = 0
    try:
        for row in _rows(old, table):
            if _is_right(table, row):
                holders = ", ".join("?" * len(row))
                new.execute(f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({holders})", tuple(row.values()))
                count += 1
    except sqlite3.DatabaseError:
        pass  # here the file ends
    return count


def _is_right(table: str, row: dict[str, Any]) -> bool:
    """Say whether a row is what was written, as far as that can be seen: an older version had no checksums."""
    try:
        if table == "items":
            return row.get("checksum") in (None, checksum(row["key"], row["item"], row["result"]))
        if table == "places":
            return True  # they are those of the last session only, and written anew by the next one
        json.loads(row["value"] if table == "facts" else row["facts"])
        return "\0" not in str(row.get("source"))
    except (TypeError, ValueError):
        return False  # a text that is none any more
