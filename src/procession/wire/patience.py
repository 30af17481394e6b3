"""Wait for bytes: awake for a moment where they are likely to come within it, else asleep.

Knows: one socket, how long the last wait was.
Must not know: what is waited for.

To be woken costs a process 25 to 50 µs, which is more than a short call takes on its whole way. So who was answered
within a moment last time looks again and again before it goes to sleep; who was not sleeps at once. An idle process
thus looks for one moment at the most, and where there is one core only, which the other side needs, for none.
"""

from __future__ import annotations

import os
import socket
from time import perf_counter

MOMENT = 0.0001  # seconds: some round trips, and what a wasted one costs is the price of two wake-ups
SHORT = 1.5 * MOMENT  # a wait of so long, part of which was waking up, would have been worth staying awake
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1  # that this process may use


class Patience:
    """Reads from one socket, waiting as the last wait advises."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._awake = False  # the last wait was short

    def recv_into(self, buffer: memoryview) -> int:
        """As `socket.recv_into` of a blocking socket."""
        began = perf_counter()
        if self._awake:
            until = began + MOMENT
            while True:
                try:
                    return self._socket.recv_into(buffer, 0, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    os.sched_yield()
                    if perf_counter() >= until:
                        break
        count = self._socket.recv_into(buffer)
        self._awake = CORES > 1 and perf_counter() - began < SHORT
        return count
