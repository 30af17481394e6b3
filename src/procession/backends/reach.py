"""What an engine may do to a worker process that runs something: signal it, end it, look at it.

Knows: the shared counters, process groups.
Must not know: why.
"""

from __future__ import annotations

import os
from contextlib import suppress

from procession.backends import ending
from procession.backends.link import Link
from procession.backends.room import Room
from procession.launcher import nursery


class Reach:
    """The part of a backend that deals with what runs."""

    _counters: Room
    ends = True

    def signal(self, link: Link, number: int) -> None:
        """Send a signal to a worker and all that its tasks have started."""
        if link.pid and link.exitcode is None:
            nursery.signal_group(link.pid, number)

    def end(self, link: Link, batch: int, position: int | None, since: float | None = None) -> bool | None:
        """Kill a worker, and what its task has started, if it runs this item; None if it does not."""
        return ending.end(link, self._counters, batch, position, since) or None

    def running(self, link: Link) -> tuple[int, int] | None:
        """What its counter says."""
        state = self._counters.read(link.slot)
        return state[:2] if state is not None and state[2] else None

    def since(self, link: Link) -> tuple[int, int, float] | None:
        """What its counter says, and since when it is so (monotonic seconds)."""
        return self._counters.running_since(link.slot)

    def interrupt(self, link: Link, batch: int, position: int, limit: float) -> None:
        """Let the soft limit be felt by an item, if it still runs."""
        from procession.worker.limits import SIGNAL

        found = self.since(link)
        if found is None or found[:2] != (batch, position) or not link.pid or link.exitcode is not None:
            return
        self._counters.warn(link.slot, batch, position, limit)
        with suppress(ProcessLookupError):
            os.kill(link.pid, SIGNAL)
