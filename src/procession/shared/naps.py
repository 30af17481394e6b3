"""How a process sleeps until a word changes: in naps, between which it looks whether somebody has ended.

Knows: the time, what is due.
Must not know: locks.
"""

from __future__ import annotations

import time

from procession.shared import kernel

FIRST_LOOK = 0.02  # seconds: most waits are over by then
PAUSE = 0.1  # seconds between looks for processes that have ended; no nap is longer, so signals are seen, too


class Naps:
    """One wait.

    Args:
        timeout: Seconds until it is over; it may be negative. None: it has no end.
    """

    __slots__ = ("_look", "_until")

    def __init__(self, timeout: float | None) -> None:
        now = time.monotonic()
        self._until = None if timeout is None else now + timeout
        self._look = now + FIRST_LOOK

    def over(self) -> bool:
        """True if the time is up."""
        return self._until is not None and time.monotonic() >= self._until

    def look_due(self) -> bool:
        """True if it is time to look for who has ended; then the next time is set."""
        now = time.monotonic()
        if now < self._look:
            return False
        self._look = now + PAUSE
        return True

    def sleep(self, address: int, seen: int) -> None:
        """Sleep until the word at an address changes, or the next thing is due."""
        now = time.monotonic()
        seconds = self._look - now if self._look > now else PAUSE  # who does not look has nobody to look for
        if self._until is not None:
            seconds = min(seconds, max(0.0, self._until - now))
        kernel.sleep(address, seen, seconds)
