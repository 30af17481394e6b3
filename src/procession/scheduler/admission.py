"""Admission: how many items may run at once, for the memory that there is.

Knows: what is available, what each worker that runs something was seen to hold, how many items have ended.
Must not know: how it is measured, and which items wait.

How it works: each item is expected to take as much as the largest one that was seen lately. Memory for so many beside
the floor, with what the running ones hold already, is how many may run. While less than the floor is available, no
item is started beside another one: then somebody takes more than was expected. As long as no item has ended nobody
knows what one takes, so the first ones start one after another.
"""

from __future__ import annotations

from collections.abc import Iterable

LEAST_BYTES = 1 << 20  # what an item is expected to take at least: smaller ones end unseen between two looks
KEPT_SECONDS = 10.0  # a pool that was idle for longer may get items of another kind
PROBE_SECONDS = 1.0  # an item that has not ended in this time is joined by another: memory is taken at 1 GB/s or more


class Admission:
    """Says how many items may run at once.

    Args:
        floor: Bytes that shall stay available.
    """

    def __init__(self, floor: int) -> None:
        self._floor = floor
        self._largest = 0  # bytes that a worker held while it ran something
        self._begun: float | None = None  # when the first item was seen to run
        self._known = False  # an item has ended
        self._resting: float | None = None  # since when nothing runs

    def ended(self) -> bool:
        """Note that an item has ended; True if this is the first of which that is known."""
        first = self._begun is not None and not self._known
        self._known = self._known or first
        return first

    def rest(self, now: float) -> None:
        """Note that nothing runs any more."""
        self._resting = now

    def look(self, now: float, available: int, held: Iterable[int]) -> int:
        """Say how many may run from now on.

        Args:
            now: The time, in seconds.
            available: Bytes.
            held: What each of the workers that run something holds, in bytes.
        """
        if self._resting is not None and now - self._resting > KEPT_SECONDS:
            self._largest, self._begun, self._known = 0, None, False
        self._resting = None
        if self._begun is None:
            self._begun = now
        sizes = list(held)
        self._largest = max([self._largest, *sizes])
        if available < self._floor:
            return 1
        room = (available - self._floor + sum(sizes)) // max(self._largest, LEAST_BYTES)
        if not self._known:
            room = min(room, 1 + int((now - self._begun) / PROBE_SECONDS))
        return max(1, room)
