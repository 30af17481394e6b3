"""Locks that a killed process does not keep.

Knows: one cell: who owns the lock, who sleeps for it.
Must not know: the names that users call it by.

The owner is a word: to take the lock is one store under the cell's mutex, to give it back one store. So a process can
be killed between any two steps, and the lock is owned or it is not. Who waits looks now and then whether the owner has
ended; then the lock is his, and he is told so (`abandoned`).

These have the interface of `_multiprocessing.SemLock`, on which `multiprocessing.synchronize` stands.
"""

from __future__ import annotations

import time
from threading import get_ident

from procession.model.light import Any
from procession.shared import cells, kernel, lives
from procession.shared.kernel import STORES_IN_ORDER, back_out, enter, leave, settle, try_enter
from procession.shared.lives import HERE
from procession.shared.naps import Naps

OWNER, WAKE, SLEEPERS = 8, 9, 10  # words of the cell; the first 8 are its mutex
WORDS = 16
TRIED = 0.01  # seconds between looks for an owner who has ended, where nobody waits


class Lock:
    """A lock of one owner, whom any thread of any process may relieve.

    Args:
        cell: Of a lock that another process made. None: make one.
    """

    kind = 1  # _multiprocessing.SemLock has these
    maxvalue = 1
    name = None

    def __init__(self, cell: cells.Cell | None = None) -> None:
        self._cell = cell or cells.make(WORDS)
        self._words = self._cell.words
        self._mutex = self._cell.mutex()
        cells.hold(self._cell, self)
        self._thread = 0  # of this process, that took it last
        self._look = 0.0
        self.abandoned = False

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock; tell whether that came true.

        Args:
            block: Wait for it.
            timeout: Seconds to wait. None: for ever.
        """
        words, mutex, thread = self._words, self._mutex, get_ident()
        taken = False
        try:
            code = try_enter(mutex)
            if code:
                settle(mutex, code)
            if not words[OWNER]:
                taken = True
                self._thread = thread  # before the owner: two threads of this process must not both be it
                words[OWNER] = HERE[0]
            leave(mutex)
        except BaseException as error:
            self._undo(taken, error)
            raise
        if taken:
            return True
        if not block or (timeout is not None and timeout <= 0):
            return self._try_dead_owner()
        return self._wait(timeout)

    __enter__ = acquire

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back.

        Raises:
            ValueError: Nobody has it.
        """
        words = self._words
        if words[OWNER] != HERE[0] or not STORES_IN_ORDER:
            self._release_with_care()
            return
        if self.abandoned:
            self.abandoned = False
        words[OWNER] = 0
        if words[SLEEPERS]:
            self._wake()

    def locked(self) -> bool:
        """True if somebody has it."""
        return bool(self._words[OWNER])

    def _wait(self, timeout: float | None) -> bool:
        words, address = self._words, self._cell.address + 8 * WAKE
        naps = Naps(timeout)
        while True:
            words[SLEEPERS] = 1  # before the last look at the lock, or who gives it back may see no sleeper
            seen = words[WAKE]
            owner = words[OWNER]
            gone = owner if owner and naps.look_due() and lives.ended(owner) else 0
            if self._take(gone):
                return True
            if naps.over():
                return False
            naps.sleep(address, seen)

    def _try_dead_owner(self) -> bool:
        """Take the lock from who has ended with it. Who tries again and again must find it, too."""
        now = time.monotonic()
        if now < self._look:
            return False
        self._look = now + TRIED
        owner = self._words[OWNER]
        return bool(owner) and lives.ended(owner) and self._take(owner)

    def _take(self, gone: int) -> bool:
        """Take the lock if it is free, or if it is that of one who has ended."""
        words, mutex, thread = self._words, self._mutex, get_ident()
        taken = False
        try:
            enter(mutex)
            owner = words[OWNER]
            if not owner or owner == gone:
                taken = True
                self._thread = thread
                words[OWNER] = HERE[0]
                words[SLEEPERS] = 1  # there may be others
            leave(mutex)
        except BaseException as error:
            self._undo(taken, error)
            raise
        if taken:
            self.abandoned = owner != 0
        return taken

    def _undo(self, taken: bool, error: BaseException) -> None:
        """An exception came in the midst, that of Ctrl-C: nothing has happened."""
        back_out(self._mutex, error)
        if taken:
            self._words[OWNER] = 0
            self._wake()

    def _release_with_care(self) -> None:
        enter(self._mutex)
        try:
            if not self._words[OWNER]:
                raise ValueError("semaphore or lock released too many times")
            self._words[OWNER] = 0
        finally:
            leave(self._mutex)
        self.abandoned = False
        self._wake()

    def _wake(self) -> None:
        kernel.rouse(self._words, self._cell.address, SLEEPERS, WAKE)

    def _is_mine(self) -> bool:
        return self._words[OWNER] == HERE[0] and self._thread == get_ident()

    def _count(self) -> int:
        return int(self._words[OWNER] == HERE[0])

    def _get_value(self) -> int:
        return int(not self._words[OWNER])

    def _is_zero(self) -> bool:
        return bool(self._words[OWNER])

    def __reduce__(self) -> Any:
        return cells.known, (type(self), self._cell)


class RLock(Lock):
    """A lock that its owner, a thread, may take again and again; nobody else may give it back."""

    kind = 0

    def __init__(self, cell: cells.Cell | None = None) -> None:
        super().__init__(cell)
        self._depth = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock, once more if it is this thread's; tell whether that came true."""
        if self._words[OWNER] == HERE[0] and self._thread == get_ident():
            self._depth += 1
            return True
        taken = super().acquire(block, timeout)
        if taken:
            self._depth = 1
        return taken

    __enter__ = acquire

    def release(self) -> None:
        """Give the lock back as often as it was taken.

        Raises:
            AssertionError: It is not this thread's.
        """
        if self._words[OWNER] != HERE[0] or self._thread != get_ident():
            raise AssertionError("attempt to release recursive lock not owned by thread")
        if self._depth > 1:
            self._depth -= 1
            return
        self._depth = 0
        super().release()

    def _count(self) -> int:
        return self._depth if self._words[OWNER] == HERE[0] else 0
