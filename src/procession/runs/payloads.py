"""Items, results and errors as bytes: inside the journal when small, else in a file beside it.

Knows: pickles, and how a file comes to be whole or not at all.
Must not know: tables, states, keys.

Who unpickles runs what the pickle says: nothing here does so but `load`, when somebody asks for the value.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

INLINE = 32_768  # bytes; SQLite reads up to some 100 KB faster than a file (sqlite.org/intern-v-extern-blob.html)
PART = ".part"  # how the name of a file ends that is not whole


class Folder:
    """The folder beside a journal that holds what is large.

    Args:
        journal: The journal's path.
    """

    def __init__(self, journal: str) -> None:
        self.path = os.path.realpath(journal) + ".d"

    def keep(self, data: bytes, name: str) -> bytes | str:
        """Give what stands in the table for some bytes: themselves, or the name of a file that is whole and on disk.

        Args:
            data: The bytes.
            name: For a file, if it needs one. One that is there is replaced.

        Raises:
            OSError: It cannot be written.
        """
        if len(data) <= INLINE:
            return data
        if not os.path.isdir(self.path):
            os.makedirs(self.path, exist_ok=True)
            _sync(os.path.dirname(self.path))
        part = os.path.join(self.path, name + PART)
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, os.path.join(self.path, name))
        except BaseException:
            self.remove(name + PART)  # on a full disk it would take what room there is
            raise
        return name

    def sync(self) -> None:
        """See to it that the names of the files are on disk, too.

        Raises:
            OSError: The system refuses.
        """
        _sync(self.path)

    def read(self, kept: bytes | str | None) -> bytes | None:
        """Give the bytes for what stands in the table.

        Raises:
            OSError: Their file is not there.
        """
        if not isinstance(kept, str):
            return kept
        with open(os.path.join(self.path, os.path.basename(kept)), "rb") as file:
            return file.read()

    def has(self, name: str) -> bool:
        """Say whether a file is there."""
        return os.path.isfile(os.path.join(self.path, os.path.basename(name)))

    def tidy(self, is_wanted: Any) -> None:
        """Take away what a killed session has left: files that are not whole, and those that no row names.

        Args:
            is_wanted: Says whether a row names this file.
        """
        try:
            names = os.listdir(self.path)
        except OSError:
            return
        for name in names:
            if name.endswith(PART) or not is_wanted(name):
                self.remove(name)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        try:
            os.unlink(os.path.join(self.path, name))
        except OSError:
            pass


def _sync(folder: str) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be synced
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def dump(value: Any) -> bytes:
    """Pickle a value.

    Raises:
        BaseException: What pickling it raises.
    """
    return pickle.dumps(value, 5)


def dump_or_none(value: Any) -> bytes | None:
    """Pickle a value; None if that cannot be."""
    try:
        return pickle.dumps(value, 5)
    except Exception:  # a user's __reduce__ may raise anything
        return None


def load(data: bytes | None) -> tuple[Any, str | None]:
    """Unpickle a value; give it, or why it cannot be rebuilt here."""
    if data is None:
        return None, "it could not be pickled"
    try:
        return pickle.loads(data), None
    except Exception as error:  # of its class, or of the lack of it
        return None, f"it cannot be rebuilt here: {type(error).__name__}: {error}"
