"""Semaphores whose tokens come back from a killed process.

Knows: one cell: how many tokens there are, and which process has taken how many.
Must not know: the names that users call it by.

What is free is not stored: it is all tokens without those that were taken, and who took one has a row of his own. So
each change is one store, and a process can be killed between any two.

A token that is given back by a process that has none is one of another's. So the rows always add up to what is out.

The rule: when a process ends, the tokens that it took and did not give back are free again, but never more than the
semaphore began with. One that begins with 0 is a signal, not a resource: what was taken from it is used up. A token
that was taken in one process may be given back by another.
"""

from __future__ import annotations

from threading import get_ident

from procession.model.light import Any
from procession.shared import cells, kernel, lives
from procession.shared.kernel import back_out, enter, leave, settle, try_enter
from procession.shared.lives import HERE
from procession.shared.naps import Naps

ALL, FIRST, WAKE, SLEEPERS, USED, MOST = 8, 9, 10, 11, 12, 13  # words of the cell; the first 8 are its mutex
ROWS = 16  # where the rows begin: whose, how many
ROOM = 512  # rows: processes that use it at once; the tokens of more are lost with them
NOBODY = 1 << 62  # a row whose tokens were used up


class Tokens:
    """A counting semaphore.

    Args:
        value: Tokens at first.
        most: That there may be at once.
        cell: Of one that another process made. None: make one.
    """

    kind = 1  # _multiprocessing.SemLock has these
    name = None

    def __init__(self, value: int = 1, most: int = 1, cell: cells.Cell | None = None) -> None:
        if cell is None:
            cell = cells.make(ROWS + 2 * ROOM)
            cell.words[ALL] = cell.words[FIRST] = value
            cell.words[MOST] = most
        self._cell = cell
        cells.hold(cell, self)
        self._words = cell.words
        self._mutex = cell.mutex()
        self._row = ROWS
        self._thread = 0
        self.maxvalue = cell.words[MOST]
        self.abandoned = False

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a token; tell whether that came true.

        Args:
            block: Wait for one.
            timeout: Seconds to wait. None: for ever.
        """
        return self._take() or self._wait(timeout if block else 0)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Give a token back, one's own or a new one.

        Raises:
            ValueError: There are as many as there may be.
        """
        words, mutex, row = self._words, self._mutex, self._row
        enter(mutex)
        try:
            free = words[ALL] - words[ROWS + 1] if words[USED] == 1 else self._free()
            if free >= self.maxvalue:
                raise ValueError("semaphore or lock released too many times")
            if words[row] != HERE[0] or not words[row + 1]:
                row = self._row_of_another()
            if row:
                words[row + 1] -= 1
            else:
                words[ALL] += 1
        finally:
            leave(mutex)
        if self.abandoned:
            self.abandoned = False
        if words[SLEEPERS]:
            self._wake()

    def locked(self) -> bool:
        """True if there is no token."""
        return not self._free()

    def _take(self) -> bool:
        words, mutex, thread = self._words, self._mutex, get_ident()
        row = 0
        try:
            code = try_enter(mutex)
            if code:
                settle(mutex, code)
            # Where one process uses it, which has the first row, nothing is to be called.
            free = words[ALL] - words[ROWS + 1] if words[USED] == 1 else self._free()
            if free > 0:
                row = self._row if words[self._row] == HERE[0] else self._own_row()
                words[row + 1] += 1
            leave(mutex)
        except BaseException as error:
            back_out(mutex, error)
            if row:
                self.release()
            raise
        if row:
            self._thread = thread
        return row != 0

    def _wait(self, timeout: float | None) -> bool:
        words, address = self._words, self._cell.address + 8 * WAKE
        naps = Naps(timeout)
        while True:
            words[SLEEPERS] = 1
            seen = words[WAKE]
            came_back = (naps.over() or naps.look_due()) and self._take_back()
            if self._take():
                self.abandoned = came_back
                words[SLEEPERS] = 1
                if self._free() > 0:
                    self._wake()  # and who sleeps beside us may have the next
                return True
            if naps.over():
                return False
            naps.sleep(address, seen)

    def _free(self) -> int:
        words = self._words
        free = words[ALL]
        for row in range(ROWS + 1, ROWS + 2 * words[USED], 2):
            free -= words[row]
        return int(free)

    def _own_row(self) -> int:
        """Find this process's row, or begin one; the mutex is ours."""
        words, here = self._words, HERE[0]
        if words[self._row] == here:
            return self._row
        rows = range(ROWS, ROWS + 2 * words[USED], 2)
        row = next((row for row in rows if words[row] == here), 0)
        row = row or next((row for row in rows if words[row] in (0, NOBODY)), 0)
        row = row or next((row for row in rows if not words[row + 1] and lives.ended(words[row])), 0)
        if not row and words[USED] < ROOM:
            words[USED] += 1
            row = ROWS + 2 * words[USED] - 2
        row = row or ROWS + 2 * ROOM - 2
        words[row] = here
        self._row = row
        return row

    def _row_of_another(self) -> int:
        """Whose token is given back by one who has none: what was used up, or that of whoever has most; 0: nobody's."""
        words = self._words
        rows = [row for row in range(ROWS, ROWS + 2 * words[USED], 2) if words[row + 1]]
        return max(rows, key=lambda row: (words[row] == NOBODY, words[row + 1]), default=0)

    def _take_back(self) -> bool:
        """Free the tokens of processes that have ended; tell whether there were any."""
        words = self._words
        holders = {words[row] for row in range(ROWS, ROWS + 2 * words[USED], 2) if words[row + 1]}
        gone = {each for each in holders if each not in (NOBODY, HERE[0]) and lives.ended(each)}
        found = False
        enter(self._mutex)
        try:
            for row in range(ROWS, ROWS + 2 * words[USED], 2):
                if words[row] in gone:
                    back = min(words[row + 1], max(0, words[FIRST] - self._free()))
                    words[row + 1] -= back
                    words[row] = NOBODY if words[row + 1] else 0
                    found = found or back > 0
        finally:
            leave(self._mutex)
        return found

    def _wake(self) -> None:
        kernel.rouse(self._words, self._cell.address, SLEEPERS, WAKE)

    def _is_mine(self) -> bool:
        return self._count() > 0 and self._thread == get_ident()

    def _count(self) -> int:
        words, row = self._words, self._row
        return int(words[row + 1]) if words[row] == HERE[0] else 0

    def _get_value(self) -> int:
        return self._free()

    def _is_zero(self) -> bool:
        return not self._free()

    def __reduce__(self) -> Any:
        return cells.known, (_at, self._cell)


def _at(cell: cells.Cell) -> Tokens:
    return Tokens(cell=cell)
