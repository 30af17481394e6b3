"""Blocks: what a process has written into the shared file for others to see.

Knows: its own region; who was given which block, and whether it has come back.
Must not know: pickles, frames, how the others look at a block.

How it works: `put` copies buffers into a block, `give` lets a process see it and returns a mark: a byte of the ledger,
which that process changes when nobody there can see the block any more. So what comes back costs no message, and no
lock but that of this side's threads. A block is free when it was given back by all and its `Stored` is dead.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Sequence

from procession.model.light import Any
from procession.wire.arena import Arena, Block
from procession.wire.shared_file import (
    FORKED,
    FREE,
    GIVEN,
    MARKS,
    REGION_BYTES,
    RETURNED,
    Piece,
    SharedFile,
    region,
    view,
)
from procession.wire.spans import Spans, lay_out

KEPT_BYTES = 1 << 28  # memory of free blocks
RETURNED_BYTE = bytes([RETURNED])


class Stored:
    """Buffers in a block, for as long as this lives or somebody was given it."""

    __slots__ = ("_dropped", "block", "size", "spans")

    def __init__(self, block: Block, size: int, spans: Spans, dropped: deque[Block]) -> None:
        self.block = block
        self.size = size
        self.spans = spans
        self._dropped = dropped

    def __del__(self) -> None:
        self._dropped.append(self.block)  # without a lock: this may run anywhere


class Blocks:
    """The blocks of one process.

    Args:
        file: The pool's.
        owner: Whose region it is; see `shared_file.region`.
        limit: Bytes that they may take.
    """

    def __init__(self, file: SharedFile, owner: int, limit: int) -> None:
        begin = region(owner)
        self._file = file
        self._begin = begin
        self._ledger = file.shared(begin, MARKS)
        self._arena = Arena(begin + MARKS, begin + REGION_BYTES, limit, min(limit, KEPT_BYTES), self._cool)
        self._windows: dict[int, tuple[Piece, memoryview]] = {}  # by the offset of a block: where it is mapped
        self._given: dict[int, tuple[Block, Any]] = {}  # by mark: the block, and to whom
        self._next = 0  # mark
        self._vacant: list[int] = []  # marks that were used and came back
        self._dropped: deque[Block] = deque()
        self._lock = threading.RLock()  # a finalizer may put something while this thread has it
        self._lost: list[Block] = []  # children of processes that have ended may see these
        self._closed = False
        self._busy = False  # a finalizer or a signal's handler may send while this thread is in the midst of it

    def put(self, buffers: Sequence[memoryview]) -> Stored | None:
        """Copy buffers of bytes into a block; None: there is no room.

        Args:
            buffers: One-dimensional views of format B.

        Raises:
            OSError: The system gives no memory.
        """
        spans, size = lay_out(buffers)
        with self._lock:
            if self._closed or self._busy:
                return None
            self._busy = True
            try:
                self._collect()
                return self._put(buffers, spans, size)
            finally:
                self._busy = False

    def _put(self, buffers: Sequence[memoryview], spans: Spans, size: int) -> Stored | None:
        block = self._arena.take(size)
        if block is None:
            return None
        block.holders = 1
        try:
            self._write(block, buffers, spans, size)
        except BaseException:  # no memory, or Ctrl-C
            self._let_go(block)
            raise
        return Stored(block, size, spans, self._dropped)

    def give(self, stored: Stored, receiver: object, kept: int = 0) -> int | None:
        """Let a process see a block; return the mark that it gives back, None if there is none left.

        Args:
            kept: Marks that must be left for others.
        """
        with self._lock:
            if self._closed or self._busy or len(self._vacant) + MARKS - self._next <= kept:
                return None
            if self._vacant:
                mark = self._vacant.pop()
            else:
                mark, self._next = self._next, self._next + 1
            stored.block.holders += 1
            self._given[mark] = stored.block, receiver
            self._ledger.memory[mark] = GIVEN
            return self._begin + mark

    def bury(self, receiver: object) -> None:
        """A process has ended: it sees nothing any more. What a child of it may see is never used again."""
        with self._lock:
            if self._closed:
                return
            for mark, (block, other) in list(self._given.items()):
                if other is receiver:
                    self._take_back(mark, block, self._ledger.memory[mark] == FORKED)
            self._lost.sort(key=lambda block: block.offset)

    def close(self) -> None:
        """Give all memory back; nobody sees any of it."""
        with self._lock:
            self._closed = True
            for piece, memory in self._windows.values():
                memory.release()
                piece.unmap()
            self._windows.clear()
            self._given.clear()
            begin = self._begin
            for block in self._lost:
                self._file.punch(begin, block.offset - begin)
                begin = block.offset + block.capacity
            self._file.punch(begin, self._begin + REGION_BYTES - begin)
            self._ledger.unmap()

    def _write(self, block: Block, buffers: Sequence[memoryview], spans: Spans, size: int) -> None:
        if block.warm >= size:
            window = self._window(block)
            for each, (start, stop, _) in zip(buffers, spans, strict=True):
                window[start:stop] = each
            return
        for each, (start, _, _) in zip(buffers, spans, strict=True):
            self._file.write(block.offset + start, each)
        block.warm = max(block.warm, min(block.capacity, size))

    def _window(self, block: Block) -> memoryview:
        known = self._windows.get(block.offset)
        if known is None:
            piece = self._file.shared(block.offset, block.capacity)
            known = self._windows[block.offset] = piece, view(piece.memory)
        return known[1]

    def _cool(self, block: Block) -> None:
        self._file.punch(block.offset, block.capacity)
        known = self._windows.pop(block.offset, None)
        if known is not None:
            known[1].release()
            known[0].unmap()

    def _collect(self) -> None:
        """Take back what has come back."""
        for _ in range(len(self._dropped)):
            self._let_go(self._dropped.popleft())
        marks = ctypes.string_at(self._ledger.address, self._next)
        mark = marks.find(RETURNED_BYTE)
        while mark >= 0:
            self._take_back(mark, self._given[mark][0], False)
            mark = marks.find(RETURNED_BYTE, mark + 1)

    def _take_back(self, mark: int, block: Block, seen: bool) -> None:
        self._ledger.memory[mark] = FREE
        del self._given[mark]
        self._vacant.append(mark)
        if seen:
            self._lost.append(block)
        else:
            self._let_go(block)

    def _let_go(self, block: Block) -> None:
        block.holders -= 1
        if not block.holders:
            self._arena.give(block)
