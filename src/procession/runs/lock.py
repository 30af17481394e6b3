"""Who works on a journal: one process at a time, by a lock of the system's that ends with its process.

Knows: a file beside the journal, and who has locked it.
Must not know: what is in the journal.

How it works: the lock is on `JOURNAL.lock`, a file of its own, since SQLite has locks on the journal that the system
would drop if we opened and closed it. It is a POSIX lock: a forked child does not have it, so it ends with the
process that took it. Within this process, where such locks do not exclude each other, a table does. The file is taken
away by who lets go of it, still locked; so who has locked one looks whether it is still the one at its path.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any
from weakref import WeakValueDictionary

from procession.runs.errors import JournalFailed, JournalHeld

PATIENCE = 0.3  # seconds: who only looks whether a journal is held has the lock for a moment
STEP = 0.02  # seconds

# The locks of this process; a forked child has a copy of this, whose locks say that they are of another one. Weak: what
# an exception of a signal handler kept from being released is so when nobody has it any more.
_held: WeakValueDictionary[str, Lock] = WeakValueDictionary()
_guard = threading.RLock()  # a finalizer may run anywhere


class Lock:
    """The right to work on one journal, from when this is made until `release`.

    Args:
        path: The journal; its folder must be there.

    Raises:
        JournalHeld: Somebody works on it.
        JournalFailed: The lock's file cannot be made.
    """

    _descriptor = -1  # for `__del__`, also where a signal's exception strikes before anything else

    def __init__(self, path: str) -> None:
        self._journal = os.path.realpath(path)
        self._path = self._journal + ".lock"
        self.pid = os.getpid()
        self.holds = True  # or is about to
        if _is_ours(self._journal):
            gc.collect()
        with _guard:
            if _is_ours(self._journal):
                since = "its begin in this very process"
                raise JournalHeld(path=path, pid=os.getpid(), host=socket.gethostname(), since=since)
            _held[self._journal] = self
        try:
            self._descriptor = _take(path, self._path)
            self._say_who()
        except BaseException:
            self.release()
            raise

    def _say_who(self) -> None:
        since = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
        who = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
        try:
            os.truncate(self._descriptor, 0)
            os.write(self._descriptor, who.encode())
        except OSError:
            pass  # the disk is full: the lock holds all the same, and the journal will say so

    def release(self) -> None:
        """Let go of it."""
        self.holds = False  # first: a signal's exception may strike below, and the descriptor is closed all the same
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            if self.pid == os.getpid():  # else a forked child leaves what its parent holds
                try:
                    os.unlink(self._path)
                except OSError:
                    pass  # somebody has taken it away with the folder
            os.close(descriptor)
        with _guard:
            if _held.get(self._journal) is self:
                del _held[self._journal]

    def __del__(self) -> None:
        if self._descriptor >= 0 and self.pid == os.getpid():
            self.release()


def _is_ours(journal: str) -> bool:
    lock = _held.get(journal)
    return lock is not None and lock.holds and lock.pid == os.getpid()


def is_held(path: str) -> bool:
    """Say whether a process works on a journal.

    Args:
        path: The journal.
    """
    import fcntl

    path = os.path.realpath(path)
    if _is_ours(path):
        return True
    try:
        descriptor = os.open(path + ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(journal: str, path: str) -> int:
    """Open the lock's file and lock it."""
    import fcntl

    until = monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            hint = "choose a folder that can be written to"
            raise JournalFailed(path=journal, reason=f"{path!r}: {error.strerror}", hint=hint) from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            if monotonic() > until:
                raise _refusal(journal, path) from None
            sleep(STEP)
            continue
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # its last holder has taken it away


def _is_at(descriptor: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except OSError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _refusal(journal: str, path: str) -> JournalHeld:
    facts: dict[str, Any] = {}
    try:
        with open(path, encoding="utf-8") as file:
            facts = dict(json.load(file))
    except (OSError, ValueError, TypeError):
        pass  # it is being written, or was taken away
    return JournalHeld(path=journal, pid=facts.get("pid"), host=facts.get("host"), since=facts.get("since"))
