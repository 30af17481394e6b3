"""The shared counter: which item a worker runs. The worker writes it, the parent reads it after a death.

Two numbers a worker: its batch (0: none), and the position in the batch of the running item (or, bitwise inverted,
of the last finished one while nothing runs). Where time is limited a third: when that item began. And three that the
parent writes: which item shall feel its soft limit, and what that is.

Knows: a shared mapping, cut into slots.
Must not know: what a batch is.

A write is one store of eight bytes (some 20 ns), no system call. It needs no lock: each number has one writer, and
it is read for good only when the writer is dead or stands still.
"""

from __future__ import annotations

import mmap
import os

VAST = 1 << 60  # bytes of the file, of which the counters are the first; wire/shared_file.py has the rest
SLOT_BYTES = 64  # a cache line each, so that two workers never write to the same one
SLOT_NUMBERS = SLOT_BYTES // 8
BATCH, POSITION = 0, 1
STARTED = 2  # nanoseconds of the monotonic clock, which all processes of a machine share
SOFT_BATCH, SOFT_POSITION, SOFT_NS = 3, 4, 5
KEPT: list[mmap.mmap] = []
NOTHING = -(1 << 62)  # the position while no item of the batch has begun


class Counters:
    """The parent's side: one anonymous mapping for all workers of a pool."""

    def __init__(self, slots: int) -> None:
        self.descriptor = os.memfd_create("procession", os.MFD_CLOEXEC)
        self.vast = True
        try:
            os.ftruncate(self.descriptor, VAST)
        except OSError:  # a limit for the size of files
            self.vast = False
        try:
            self._map = self._mapped(slots)
        except BaseException:
            os.close(self.descriptor)
            raise
        self._numbers = memoryview(self._map).cast("q")
        self._free = list(range(len(self._map) // SLOT_BYTES - 1, -1, -1))

    def _mapped(self, slots: int) -> mmap.mmap:
        size = -(-slots * SLOT_BYTES // mmap.PAGESIZE) * mmap.PAGESIZE
        if not self.vast:
            os.ftruncate(self.descriptor, size)
        return mmap.mmap(self.descriptor, size)

    def widen(self, slots: int) -> None:
        """Have at least so many slots; those that are taken stay where they are.

        Raises:
            OSError: There is no memory for them.
        """
        old, numbers = self._map, self._numbers
        if slots * SLOT_BYTES <= len(old):
            return
        self._map = self._mapped(slots)
        self._numbers = memoryview(self._map).cast("q")
        self._free[:0] = range(len(self._map) // SLOT_BYTES - 1, len(old) // SLOT_BYTES - 1, -1)
        numbers.release()
        old.close()

    @property
    def free(self) -> int:
        """How many slots nobody has."""
        return len(self._free)

    def take(self) -> int | None:
        """Reserve a slot, zeroed; None if there is none."""
        if not self._free:
            return None
        slot = self._free.pop()
        begin = slot * SLOT_NUMBERS
        self._numbers[begin + BATCH] = 0
        self._numbers[begin + POSITION] = NOTHING
        self._numbers[begin + STARTED] = self._numbers[begin + SOFT_BATCH] = 0
        return slot

    def give_back(self, slot: int) -> None:
        """Free the slot of a worker that is gone."""
        self._free.append(slot)

    def read(self, slot: int) -> tuple[int, int, bool] | None:
        """Return (batch, position, running) of a worker, or None if it was between batches."""
        begin = slot * SLOT_NUMBERS
        batch, position = self._numbers[begin + BATCH], self._numbers[begin + POSITION]
        if not batch or position == NOTHING:
            return None
        return (batch, position, True) if position >= 0 else (batch, ~position, False)

    def running_since(self, slot: int) -> tuple[int, int, float] | None:
        """Return (batch, position, when it began in monotonic seconds) of what a worker runs, or None: nothing."""
        state = self.read(slot)
        if state is None or not state[2]:
            return None
        return state[0], state[1], self._numbers[slot * SLOT_NUMBERS + STARTED] / 1e9

    def warn(self, slot: int, batch: int, position: int, limit: float) -> None:
        """Name the item that shall feel its soft limit (seconds)."""
        begin = slot * SLOT_NUMBERS
        self._numbers[begin + SOFT_NS] = int(limit * 1e9)
        self._numbers[begin + SOFT_POSITION] = position
        self._numbers[begin + SOFT_BATCH] = batch

    def close(self, keep: bool = False) -> None:
        """Give the mapping and its descriptor back.

        Args:
            keep: Somebody else closes the descriptor.
        """
        self._numbers.release()
        self._map.close()
        if not keep:
            os.close(self.descriptor)


def open_slot(descriptor: int, slot: int) -> memoryview:
    """The worker's side: its slot as a writable view of 64-bit numbers; it outlives the descriptor."""
    page, place = divmod(slot, mmap.PAGESIZE // SLOT_BYTES)
    mapping = mmap.mmap(descriptor, mmap.PAGESIZE, offset=page * mmap.PAGESIZE)
    if hasattr(mmap, "MADV_DONTFORK"):
        # The child of a task must not write here. Python's own fork takes the slot away from it (worker/loop.py); one
        # that C code has forked behind Python's back dies of the attempt, before it could run another item.
        mapping.madvise(mmap.MADV_DONTFORK)
        KEPT.append(mapping)  # a child of a task has none here: it must not unmap what it may have there instead
    numbers = memoryview(mapping).cast("q")
    return numbers[place * SLOT_NUMBERS : (place + 1) * SLOT_NUMBERS]
