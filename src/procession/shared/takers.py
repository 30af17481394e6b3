"""Who has taken messages of a queue that are not done.

Knows: rows of words beside the log.
Must not know: what a message is; who waits.

There are two rules. By the first a killed consumer's messages count as done: it is enough to count them, a row for each
process (`Counts`). By the second another consumer gets them: each has a row that says where it lies (`Claims`). A row
is written before the message is taken; whoever is killed in between has taken nothing, and his row means nothing.

All of this is called by who has the log's mutex for taking, but for what only looks.
"""

from __future__ import annotations

from threading import get_ident

from procession.model.light import Any
from procession.shared import lives
from procession.shared.lives import HERE

USED = 33  # words of the log: how many rows were ever used
FIRST = 64  # where the rows begin: whose; how many, or which one: where it lies and its count, as the head has it
ROOM = 1024  # rows
NOBODY = 1 << 62  # whose a message is that its consumer never saw, since an exception came in between
COUNT = (1 << 27) - 1


class _Rows:
    """What both have in common.

    Args:
        words: Of the log.
    """

    def __init__(self, words: Any) -> None:
        self._words = words

    def _rows(self) -> range:
        return range(FIRST, FIRST + 2 * self._words[USED], 2)

    def _free_row(self) -> int:
        words = self._words
        row = next((row for row in self._rows() if not words[row]), 0)
        if not row and words[USED] < ROOM:
            words[USED] += 1
            row = FIRST + 2 * words[USED] - 2
        return row

    def of_the_dead(self) -> list[int]:
        """The rows of processes that have ended."""
        words = self._words
        known: dict[int, bool] = {0: False, HERE[0]: False, NOBODY: True}
        found = []
        for row in self._rows():
            who = words[row]
            if who not in known:
                known[who] = lives.ended(who)
            if known[who]:
                found.append(row)
        return found

    def lose(self, rows: list[int]) -> None:
        """Count what ended processes had taken as done."""
        for row in rows:
            if lives.ended(self._words[row]):
                self._words[row] = 0


class Counts(_Rows):
    """How many messages each process has."""

    _row = FIRST

    def note(self, message: int) -> None:
        """This process takes one."""
        words = self._words
        if words[self._row] != HERE[0]:
            self._begin()
        words[self._row + 1] += 1

    def _begin(self) -> None:
        words = self._words
        self._row = next((row for row in self._rows() if words[row] == HERE[0]), 0) or self._free_row()
        if not self._row:
            dead = self.of_the_dead()
            if not dead:
                raise RuntimeError(f"more than {ROOM} processes take messages from this queue")
            self._row = dead[0]
        if words[self._row] != HERE[0]:
            words[self._row] = 0
            words[self._row + 1] = 0
            words[self._row] = HERE[0]

    def done(self, head: int) -> bool:
        """One that this process has is done, or else one of another; False: nobody has one."""
        words = self._words
        rows = [row for row in self._rows() if words[row] and words[row + 1]]
        row = next((row for row in rows if words[row] == HERE[0]), rows[0] if rows else 0)
        if row:
            words[row + 1] -= 1
        return row != 0

    def unfinished(self, head: int) -> int:
        """How many were taken and are not done."""
        words = self._words
        return sum(words[row + 1] for row in self._rows() if words[row])

    def mend(self, head: int) -> None:
        """One was killed in the midst of taking. His row is that of an ended process: nothing is to be done."""

    def earliest(self, place: int) -> int:
        """What was taken is not read again."""
        return place


class Claims(_Rows):
    """Which messages each process has."""

    def __init__(self, words: Any) -> None:
        super().__init__(words)
        self._last: dict[int, int] = {}  # by thread: the row of what it takes right now

    def begin(self) -> None:
        """This thread begins to take a message."""
        self._last.pop(get_ident(), None)

    def give_up(self) -> None:
        """What this thread has taken since it began is nobody's: an exception came before it saw it."""
        row = self._last.pop(get_ident(), 0)
        if row and self._words[row] == HERE[0]:
            self._words[row] = NOBODY

    def note(self, message: int) -> None:
        """This process takes one.

        Raises:
            RuntimeError: Too many are not done.
        """
        row = self._free_row()
        if not row:
            raise RuntimeError(f"{ROOM} messages were taken and not done: call task_done() for each")
        self._words[row + 1] = message
        self._last[get_ident()] = row
        self._words[row] = HERE[0]

    def done(self, head: int) -> bool:
        """The oldest that this process has is done, or else one of another; False: nobody has one."""
        words = self._words
        taken = [row for row in self._rows() if words[row]]
        mine = [row for row in taken if words[row] == HERE[0]] or taken
        if mine:
            words[self._oldest(mine, head)[0]] = 0
        return bool(mine)

    def unfinished(self, head: int) -> int:
        """How many were taken and are not done."""
        return sum(self._words[row] != 0 for row in self._rows())

    def mend(self, head: int) -> None:
        """One was killed between noting that he takes a message and taking it: it is still there."""
        words = self._words
        for row in self._rows():
            if words[row] and not (words[row + 1] - head) & COUNT:
                words[row] = 0

    def earliest(self, place: int) -> int:
        """Where the first message lies that may be read again, if that is before a place."""
        words = self._words
        for row in self._rows():
            message = words[row + 1] >> 27
            if words[row] and (place - message) & ((1 << 37) - 1) < 1 << 36:
                place = message
        return place

    def take_over(self, rows: list[int], head: int) -> int | None:
        """Take the oldest of ended processes' messages; return which one. None: others were quicker."""
        words = self._words
        for row in self._oldest(rows, head):
            if words[row] == NOBODY or (words[row] and lives.ended(words[row])):
                self._last[get_ident()] = row
                words[row] = HERE[0]
                return int(words[row + 1])
        return None

    def _oldest(self, rows: list[int], head: int) -> list[int]:
        return sorted(rows, key=lambda row: -((head - self._words[row + 1]) & COUNT))
