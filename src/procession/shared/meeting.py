"""A meeting of several processes: each waits until all are there.

Knows: one cell: who has come, how each of the last meetings ended.
Must not know: the name that users call it by.

Meetings are numbered; that all have come is one store, the next number. How a meeting ended is written before that. If
one who has come is killed before the others are there, the meeting is broken: it could never be complete.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import BrokenBarrierError

from procession.model.light import Any
from procession.shared import cells, kernel, lives
from procession.shared.kernel import enter, leave
from procession.shared.lives import HERE
from procession.shared.naps import Naps

NUMBER, CLOSED, PARTIES = 8, 9, 10  # words of the cell; the first 8 are its mutex. CLOSED: broken until a reset
ENDINGS = 16  # where the endings of the last meetings begin: their numbers if they were broken
KEPT = 48  # endings
ROWS = ENDINGS + KEPT  # where the rows begin: who has come, and to which meeting (its number and 1)


class Meeting:
    """The place where they meet.

    Args:
        parties: How many must come.
        cell: Of a place that another process made. None: make one.
    """

    def __init__(self, parties: int = 1, cell: cells.Cell | None = None) -> None:
        if cell is None:
            cell = cells.make(ROWS + 2 * parties)
            cell.words[PARTIES] = parties
        self._cell = cell
        self._words = cell.words
        self._mutex = cell.mutex()
        self.parties: int = cell.words[PARTIES]

    def come(self, action: Callable[[], object] | None, timeout: float | None) -> int:
        """Come, and wait for the others; return this one's place, of which each has another one.

        Args:
            action: What the last one to come does before all go on.
            timeout: Seconds to wait for the others. None: for ever.

        Raises:
            BrokenBarrierError: Somebody did not come in time, was killed, gave up, or called `reset` or `abort`.
            BaseException: What `action` raised.
        """
        number, row = self._arrive()
        place = (row - ROWS) // 2
        try:
            if place == self.parties - 1:
                self._complete(number, action)
            else:
                self._wait(number, timeout)
        except BaseException:
            self._break(number, closed=True)
            raise
        return place

    def waiting(self) -> int:
        """How many have come and wait."""
        number = self._words[NUMBER] + 1
        return sum(self._words[row + 1] == number for row in self._rows())

    def closed(self) -> bool:
        """True after a meeting was broken, until a reset."""
        return bool(self._words[CLOSED])

    def reset(self) -> None:
        """Begin anew; who waits gets a BrokenBarrierError."""
        words = self._words
        if self.waiting():
            self._break(words[NUMBER], closed=False)
        words[CLOSED] = 0

    def abort(self) -> None:
        """Break this meeting and all that come, until a reset."""
        self._words[CLOSED] = 1
        self._break(self._words[NUMBER], closed=True)

    def _arrive(self) -> tuple[int, int]:
        words = self._words
        naps = Naps(None)
        while True:
            enter(self._mutex)
            try:
                if words[CLOSED]:
                    raise BrokenBarrierError
                number: int = words[NUMBER]
                row = next((row for row in self._rows() if words[row + 1] != number + 1), 0)
                if row:
                    words[row] = HERE[0]
                    words[row + 1] = number + 1
                    return number, row
            finally:
                leave(self._mutex)
            naps.sleep(self._cell.address + 8 * NUMBER, number & kernel.WORD)  # all are there: the next meeting is ours
            if naps.look_due() and self._somebody_ended(number):
                self._break(number, closed=True)

    def _complete(self, number: int, action: Callable[[], object] | None) -> None:
        if action is not None:
            action()
        self._end(number)

    def _wait(self, number: int, timeout: float | None) -> None:
        words = self._words
        naps = Naps(timeout)
        while words[NUMBER] == number:
            if naps.over() or (naps.look_due() and self._somebody_ended(number)):
                self._break(number, closed=True)
                break
            naps.sleep(self._cell.address + 8 * NUMBER, number & kernel.WORD)
        if words[ENDINGS + number % KEPT] == number + 1:
            raise BrokenBarrierError

    def _somebody_ended(self, number: int) -> bool:
        words = self._words
        there = {words[row] for row in self._rows() if words[row + 1] == number + 1}
        return any(lives.ended(each) for each in there if each != HERE[0])

    def _break(self, number: int, *, closed: bool) -> None:
        words = self._words
        enter(self._mutex)
        try:
            if words[NUMBER] != number:
                return
            words[CLOSED] = max(words[CLOSED], closed)
            words[ENDINGS + number % KEPT] = number + 1
        finally:
            leave(self._mutex)
        self._end(number)

    def _end(self, number: int) -> None:
        enter(self._mutex)
        try:
            if self._words[NUMBER] == number:
                self._words[NUMBER] = number + 1
        finally:
            leave(self._mutex)
        kernel.wake(self._cell.address + 8 * NUMBER, kernel.MOST_WAITERS)

    def _rows(self) -> range:
        return range(ROWS, ROWS + 2 * self.parties, 2)

    def __reduce__(self) -> Any:
        return _found, (self._cell,)


def _found(cell: cells.Cell) -> Meeting:
    return Meeting(cell=cell)
