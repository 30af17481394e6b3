"""Wait for bytes: awake for a moment where they are likely to come within it, else asleep.

Knows: one socket, how long the last wait was, whether others want this core.
Must not know: what is waited for.

To be woken costs a process 25 to 50 µs, which is more than a short call takes on its whole way. So who was answered
within a moment last time looks again and again before it goes to sleep; who was not sleeps at once. An idle process
thus looks for one moment at the most, and where there is one core only, which the other side needs, for none.

Between two looks the core is offered to others. Whoever takes it may keep it for milliseconds, while a sleeper is
woken at once; so who has lost the core sleeps for some waits before it tries again, each time for more of them.
"""

from __future__ import annotations

import os
import socket
from time import perf_counter

MOMENT = 0.0001  # seconds: some round trips, and what a wasted one costs is the price of two wake-ups
SHORT = 1.5 * MOMENT  # a wait of so long, part of which was waking up, would have been worth staying awake
LOST = 0.00003  # seconds between two looks, which are 2 µs apart while nobody else wants the core
NAP = 0.25  # seconds: the longest sleep of a thread that must see signals (engine/waits.py says why)
FEWEST, MOST = 8, 1024  # waits asleep after the core was lost
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1  # that this process may use


class Patience:
    """Reads from one socket, waiting as the last waits advise."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._awake = False  # the last wait was short
        self._asleep = 0  # waits that are slept through
        self._penalty = FEWEST  # what `_asleep` begins with when the core is lost once more

    def recv_into(self, buffer: memoryview) -> int:
        """As `socket.recv_into` of a blocking socket."""
        began = perf_counter()
        if self._asleep:
            self._asleep -= 1
        elif self._awake and (count := self._look(buffer, began)) is not None:
            return count
        count = self._socket.recv_into(buffer)
        self._awake = CORES > 1 and perf_counter() - began < SHORT
        return count

    def _look(self, buffer: memoryview, began: float) -> int | None:
        """Look again and again for a moment; None: nothing came, or somebody else wanted the core."""
        before, until = began, began + MOMENT
        while before < until:
            try:
                count = self._socket.recv_into(buffer, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
            else:
                self._penalty = max(FEWEST, self._penalty - 1)
                return count
            now = perf_counter()
            if now - before > LOST:
                self._asleep, self._penalty = self._penalty, min(MOST, 2 * self._penalty)
                return None
            before = now
        return None
