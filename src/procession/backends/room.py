"""Room: how many workers may live at once, with those that are ending.

Knows: the shared counters, of which each worker that lives has a slot; who found none.
Must not know: how workers are born and end.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from procession.backends.link import Link
from procession.wire.counter import Counters

SLOTS_FOR_EACH = 4  # workers that may live at once, for each one that the pool has
MOST_ENDING = 16  # retired workers, beside as many as the pool has, that may take their time
HURRY_SECONDS = 1.0  # what the oldest of them has left when there are more


class Room(Counters):
    """The counters of a pool of so many workers."""

    def __init__(self, workers: int) -> None:
        super().__init__(SLOTS_FOR_EACH * workers + MOST_ENDING)
        self._most_ending = workers + MOST_ENDING
        self._waiting: list[int] = []

    def resize(self, workers: int) -> None:
        """Have room for so many workers."""
        self._most_ending = workers + MOST_ENDING
        self.widen(SLOTS_FOR_EACH * workers + MOST_ENDING)

    def enter(self, worker: int) -> int | None:
        """Reserve a slot for a worker that is to be born; None: it is put off."""
        slot = self.take()
        if slot is None:
            self._waiting.append(worker)
        return slot

    def put_off(self) -> list[int]:
        """Those that were put off, and that may be born now."""
        ready = self._waiting[: self.free]
        del self._waiting[: len(ready)]
        return ready

    def hurry(self, links: Iterable[Link]) -> None:
        """Where too many are ending, let the oldest of them end soon."""
        ending = [each for each in links if each.end_by is not None]
        if len(ending) > self._most_ending:
            oldest = min(ending, key=lambda each: each.end_by or 0.0)
            oldest.end_by = min(oldest.end_by or 0.0, monotonic() + HURRY_SECONDS)
