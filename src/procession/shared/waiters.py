"""Who waits for a condition: those who are notified wake, and no others; who was killed is passed over.

Knows: one cell: a row for each waiter.
Must not know: the lock that belongs to the condition.

A waiter sleeps on his own row, so that a notification wakes him alone and is never taken by one who has ended.
"""

from __future__ import annotations

import operator

from procession.model.light import Any
from procession.shared import cells, kernel, lives
from procession.shared.kernel import back_out, enter, leave
from procession.shared.lives import HERE
from procession.shared.naps import Naps

TURN, USED = 8, 9  # words of the cell; the first 8 are its mutex
ROWS = 16  # where the rows begin: whose, which turn, what has happened
WIDTH = 4  # words
ROOM = 512  # rows: threads that wait at once
WAITING, NOTIFIED = 1, 2


class Waiters:
    """Those who wait.

    Args:
        cell: Of a condition that another process made. None: make one.
    """

    def __init__(self, cell: cells.Cell | None = None) -> None:
        self._cell = cell or cells.make(ROWS + WIDTH * ROOM)
        self._words = self._cell.words
        self._mutex = self._cell.mutex()

    def join(self) -> int:
        """Become one of them; return the row. `leave` must follow.

        Raises:
            RuntimeError: They are too many.
        """
        words, row = self._words, 0
        try:
            enter(self._mutex)
            row = self._room()
            words[TURN] += 1
            words[row], words[row + 1] = HERE[0], words[TURN]
            words[row + 2] = WAITING
            leave(self._mutex)
        except BaseException as error:
            back_out(self._mutex, error)
            if row:
                words[row + 2] = 0
            raise
        return row

    def sleep(self, row: int, timeout: float | None) -> None:
        """Sleep until this waiter is notified, or for so many seconds (None: for ever)."""
        naps = Naps(timeout)
        while self._words[row + 2] == WAITING and not naps.over():
            if naps.look_due():
                self._pass_on()
            naps.sleep(self._cell.address + 8 * (row + 2), WAITING)

    def leave(self, row: int) -> bool:
        """Stop waiting; tell whether this waiter was notified."""
        words = self._words
        enter(self._mutex)
        try:
            notified = bool(words[row + 2] == NOTIFIED)
            words[row + 2] = 0
            return notified
        finally:
            leave(self._mutex)

    def notify(self, count: int | None) -> None:
        """Wake those who wait longest, so many of them; None: all."""
        words = self._words
        chosen: list[int] = []
        enter(self._mutex)
        try:
            for row in self._waiting():
                if len(chosen) == count:
                    break
                if words[row] != HERE[0] and lives.ended(words[row]):
                    words[row + 2] = 0
                    continue
                words[row + 2] = NOTIFIED
                chosen.append(row)
        finally:
            leave(self._mutex)
        for row in chosen:
            kernel.wake(self._cell.address + 8 * (row + 2))

    def _pass_on(self) -> None:
        """Hand on the notifications of those who were killed before they could act on them."""
        words = self._words
        rows = [row for row in self._rows() if words[row + 2] == NOTIFIED and words[row] != HERE[0]]
        dead = [row for row in rows if lives.ended(words[row])]
        if not dead:
            return
        enter(self._mutex)
        try:
            for row in dead:
                if words[row + 2] == NOTIFIED and lives.ended(words[row]):
                    heir = next((each for each in self._waiting() if not lives.ended(words[each])), 0)
                    if heir:
                        words[heir + 2] = NOTIFIED
                    words[row + 2] = 0
                    kernel.wake(self._cell.address + 8 * (heir + 2))
        finally:
            leave(self._mutex)

    def __len__(self) -> int:
        return len(self._waiting())

    def _waiting(self) -> list[int]:
        words = self._words
        rows = [row for row in self._rows() if words[row + 2] == WAITING]
        return sorted(rows, key=lambda row: operator.index(words[row + 1]))

    def _rows(self) -> range:
        return range(ROWS, ROWS + WIDTH * self._words[USED], WIDTH)

    def _room(self) -> int:
        words = self._words
        rows = self._rows()
        free = next((row for row in rows if not words[row + 2]), None)
        if free is None and words[USED] < ROOM:
            words[USED] += 1
            free = ROWS + WIDTH * words[USED] - WIDTH
        if free is None:
            free = next((row for row in rows if lives.ended(words[row])), None)
        if free is None:
            raise RuntimeError(f"more than {ROOM} threads wait for this condition")
        return free

    def __reduce__(self) -> Any:
        return Waiters, (self._cell,)
