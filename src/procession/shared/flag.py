"""A flag that processes set, clear and wait for.

Knows: one word: its last bit is the flag, and each change counts it up.
Must not know: the name that users call it by.

There is no lock in it, so it may be set by a signal's handler, and who is killed leaves nothing behind. That the word
counts lets a waiter see that the flag was set, even if it was cleared again before he woke.
"""

from __future__ import annotations

from procession.model.light import Any
from procession.shared import cells, kernel
from procession.shared.naps import Naps

FLAG = 8  # the word; the first 8 are a mutex that is not used


class Flag:
    """A flag.

    Args:
        cell: Of one that another process made. None: make one.
    """

    def __init__(self, cell: cells.Cell | None = None) -> None:
        self._cell = cell or cells.make(FLAG + 1)
        self._words = self._cell.words

    def is_set(self) -> bool:
        """True if it is set."""
        return bool(self._words[FLAG] & 1)

    def set(self) -> None:
        """Set it; all who wait go on."""
        seen = self._words[FLAG]
        if not seen & 1:
            self._words[FLAG] = (seen + 1) & kernel.WORD
        kernel.wake(self._cell.address + 8 * FLAG, kernel.MOST_WAITERS)

    def clear(self) -> None:
        """Clear it."""
        seen = self._words[FLAG]
        if seen & 1:
            self._words[FLAG] = (seen + 1) & kernel.WORD

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for so many seconds; tell whether it was set."""
        words, address = self._words, self._cell.address + 8 * FLAG
        first = words[FLAG]
        naps = Naps(timeout)
        while words[FLAG] == first and not first & 1:
            if naps.over():
                return False
            naps.sleep(address, first)
        return True

    def __reduce__(self) -> Any:
        return Flag, (self._cell,)
