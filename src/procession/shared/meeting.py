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
from procession.shared.kernel import back_out, enter, leave
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
        number, place = self._arrive()
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
        if self.waiting():
            self._break(self._words[NUMBER], closed=False)
        self._words[CLOSED] = 0

    def abort(self) -> None:
        """Break this meeting and all that come, until a reset."""
        self._break(None, closed=True)

    def _arrive(self) -> tuple[int, int]:
        """Come to the next meeting that has room; return its number and this one's place."""
        words = self._words
        naps = Naps(None)
        while True:
            number = row = -1
            try:
                enter(self._mutex)
                if words[CLOSED]:
                    raise BrokenBarrierError
                number = words[NUMBER]
                row = next((row for row in self._rows() if words[row + 1] != number + 1), -1)
                if row > 0:
                    words[row] = HERE[0]
                    words[row + 1] = number + 1
                leave(self._mutex)
            except BaseException as error:
                back_out(self._mutex, error)
                if row > 0:
                    self._break(number, closed=True)
                raise
            if row > 0:
                return number, (row - ROWS) // 2
            # All are there, and the last one is busy: the next meeting is ours.
            naps.sleep(self._cell.address + 8 * NUMBER, number & kernel.WORD)
            if naps.look_due() and self._cannot_be(number):
                self._break(number, closed=True)

    def _complete(self, number: int, action: Callable[[], object] | None) -> None:
        if action is not None:
            action()
        enter(self._mutex)
        try:
            if self._words[NUMBER] != number:  # somebody broke it meanwhile
                raise BrokenBarrierError
            self._words[NUMBER] = number + 1
        finally:
            leave(self._mutex)
        self._wake()

    def _wait(self, number: int, timeout: float | None) -> None:
        words = self._words
        naps = Naps(timeout)
        while words[NUMBER] == number and not self._broken(number):
            if (naps.over() and not self._all_there(number)) or (naps.look_due() and self._cannot_be(number)):
                self._break(number, closed=True)
            elif naps.over():
                naps = Naps(None)  # the last one has come in time, and does what is to be done
            else:
                naps.sleep(self._cell.address + 8 * NUMBER, number & kernel.WORD)
        if self._broken(number):
            raise BrokenBarrierError

    def _all_there(self, number: int) -> bool:
        return all(self._words[row + 1] == number + 1 for row in self._rows())

    def _cannot_be(self, number: int) -> bool:
        """True if one who has come ended: one of all if some are missing, else the last one, who has the word."""
        words = self._words
        rows = [row for row in self._rows() if words[row + 1] == number + 1]
        if len(rows) == self.parties:
            rows = rows[-1:]
        return any(lives.ended(words[row]) for row in rows if words[row] != HERE[0])

    def _broken(self, number: int) -> bool:
        return bool(self._words[ENDINGS + number % KEPT] == number + 1)

    def _break(self, number: int | None, *, closed: bool) -> None:
        """Break a meeting if it is not over (None: the present one, and close it whatever there is)."""
        words = self._words
        enter(self._mutex)
        try:
            present = words[NUMBER]
            if number not in (None, present):
                return
            words[ENDINGS + present % KEPT] = present + 1  # first: whoever waits goes on if we end here
            words[CLOSED] = max(words[CLOSED], closed)
            words[NUMBER] = present + 1
        finally:
            leave(self._mutex)
        self._wake()

    def _wake(self) -> None:
        kernel.wake(self._cell.address + 8 * NUMBER, kernel.MOST_WAITERS)

    def _rows(self) -> range:
        return range(ROWS, ROWS + 2 * self.parties, 2)

    def __reduce__(self) -> Any:
        return _found, (self._cell,)


def _found(cell: cells.Cell) -> Meeting:
    return Meeting(cell=cell)
