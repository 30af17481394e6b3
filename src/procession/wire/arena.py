"""The arena: where in its region a process puts its blocks.

Knows: which blocks are in use, which are free and still have memory, how much memory all of them may take.
Must not know: files, buffers, who sees a block. It has no clock and does no I/O; `cool` gives memory back.

How it works: the first touch of fresh memory costs several times what a copy into it costs later, so a free block keeps
its memory ("warm") and is the next to be used for its size. Where there is too much, the block that has been free for
longest loses its memory ("cold"); its addresses are used again.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable

PAGE = mmap.PAGESIZE
STEPS_BITS = 3  # sizes grow by an eighth at the most from one class to the next
ROOMY = 2  # a block may be so many times as large as what it is taken for


def capacity_for(size: int) -> int:
    """The size of the block that `size` bytes get."""
    step = max(PAGE, 1 << max(0, size.bit_length() - STEPS_BITS - 1))
    return max(PAGE, -(-size // step) * step)


class Block:
    """A span of the region."""

    __slots__ = ("capacity", "holders", "offset", "warm")

    def __init__(self, offset: int, capacity: int) -> None:
        self.offset = offset
        self.capacity = capacity
        self.warm = 0  # bytes from its beginning that have memory
        self.holders = 0  # who needs it; nobody else's business here


class Arena:
    """Gives out blocks and takes them back.

    Args:
        begin: Where the first block begins.
        end: Where the last one must end.
        limit: Bytes of memory that blocks in use and warm ones may take together.
        kept: Bytes of memory that free blocks may keep.
        cool: Gives the memory of a free block back.
    """

    def __init__(self, begin: int, end: int, limit: int, kept: int, cool: Callable[[Block], None]) -> None:
        self._next = begin
        self._end = end
        self._limit = limit
        self._kept = kept
        self._cool = cool
        self._free: dict[int, list[Block]] = {}
        self._sizes: list[int] = []  # sorted: the keys of `_free`
        self._warm: OrderedDict[int, Block] = OrderedDict()  # free ones with memory, the oldest first
        self.idle = 0  # bytes of memory of the free ones
        self.held = 0  # bytes of memory: the capacity of those in use, what is warm of the others

    def take(self, size: int) -> Block | None:
        """Take a block of at least `size` bytes; None: there is no room."""
        block = self._find(capacity_for(size))
        if block is None:
            return None
        needed = block.capacity - block.warm
        while self._warm and self.held + needed > self._limit:
            self._chill(next(iter(self._warm.values())))
        if self.held + needed > self._limit:
            self._put(block)
            return None
        self.held += needed
        return block

    def give(self, block: Block) -> None:
        """Take a block back: nobody can see it any more."""
        self.held -= block.capacity - block.warm
        self._put(block)
        while self.idle > self._kept:
            self._chill(next(iter(self._warm.values())))

    def _find(self, capacity: int) -> Block | None:
        """Take out the free block that suits best, or make one; it no longer counts as warm and free."""
        for size in self._sizes[bisect_left(self._sizes, capacity) :]:
            if size > ROOMY * capacity:
                break
            free = self._free[size]
            if free and (size == capacity or free[-1].warm):
                block = free.pop()
                if self._warm.pop(block.offset, None) is not None:
                    self.idle -= block.warm
                return block
        if self._next + capacity > self._end:
            return None
        block = Block(self._next, capacity)
        self._next += capacity
        return block

    def _put(self, block: Block) -> None:
        if block.capacity not in self._free:
            self._free[block.capacity] = []
            self._sizes.insert(bisect_left(self._sizes, block.capacity), block.capacity)
        self._free[block.capacity].append(block)
        if block.warm:
            self._warm[block.offset] = block
            self.idle += block.warm

    def _chill(self, block: Block) -> None:
        del self._warm[block.offset]
        self.held -= block.warm
        self.idle -= block.warm
        block.warm = 0
        self._cool(block)
        free = self._free[block.capacity]  # the cold ones come last
        free.remove(block)
        free.insert(0, block)
