"""Views: what a process sees of the blocks that others have written.

Knows: the buffers on blocks that live in this process, and when the last view on one is gone.
Must not know: pickles, frames, where blocks come from.

How it works: each block is mapped anew, privately, for each time that it was given; the buffer object on the mapping
tells of its own end. A forked child sees what its parent saw when it was born, so a block that was in view then comes
back only when the child is gone too: it holds the writing end of a pipe, and the reading end tells of its death.
"""

from __future__ import annotations

import mmap
import os
import select
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from procession.model.light import Any
from procession.wire.blocks import Spans
from procession.wire.shared_file import FORKED, MARKS, REGION_BYTES, RETURNED, Piece, SharedFile, ledger, region, view

_all: set[Views] = set()  # they live as long as something is in view
_kept: list[int] = []  # writing ends that this process got at its birth
_of_fork = threading.local()  # writing ends of the fork that goes on in this thread

MOST_MAPPED = 1 << 14  # blocks in view at once; Linux grants a process 65,530 mappings, malloc's among them
NOBODY_ASKS = -1  # a child sees it, and nothing is used again any more


class _Seen:
    """One block in view."""

    __slots__ = ("children", "mark", "offset", "piece", "reference")

    def __init__(self, mark: int, offset: int, piece: Piece) -> None:
        self.mark = mark
        self.offset = offset
        self.piece = piece
        self.children: int | None = None  # what tells of the end of the children that see it too
        self.reference: Any = None


class Views:
    """The blocks that one process sees in one shared file.

    Args:
        file: The pool's.
    """

    def __init__(self, file: SharedFile) -> None:
        self._file = file
        self._home = os.getpid()
        self._ledgers: dict[int, Piece] = {}
        self._seen: dict[int, _Seen] = {}  # by mark
        self._waiting: dict[int, list[_Seen]] = {}  # by the pipe of their children: they are out of view here
        self._buried: set[int] = set()  # ledgers of processes that have ended: nobody takes anything back there
        self._closing = False
        self._lock = threading.RLock()  # a finalizer may run while this thread has it
        self._to_close: list[int] = []  # the descriptor of the file, where it is still needed at the end
        _all.add(self)

    def open(self, mark: int, offset: int, size: int, spans: Spans) -> list[memoryview]:
        """Look at a block: a buffer for each span, writable but for those that were not; a copy if it has to be."""
        if self._waiting:
            self._collect()
        piece = None
        if len(self._seen) < MOST_MAPPED:
            with suppress(OSError):  # the system says so
                piece = self._file.private(offset, size)
        if piece is None:  # there are too many mappings
            memory: Any = self._file.read(offset, size)
            self.return_(mark)
        else:
            memory = piece.memory
            seen = self._seen[mark] = _Seen(mark, offset, piece)
            piece.memory = None
            seen.reference = weakref.ref(memory, self._ended(seen))
        whole = view(memory)
        return [whole[start:stop].toreadonly() if readonly else whole[start:stop] for start, stop, readonly in spans]

    def return_(self, mark: int) -> None:
        """Say that this process does not see a block, or will never look at it."""
        book = ledger(mark)
        with self._lock:
            if book not in self._buried:
                self._book(book).memory[mark - book] = RETURNED

    def bury(self, owner: int) -> None:
        """A process that wrote has ended: of its memory only what is in view here is needed."""
        book = region(owner)
        begin, end = book, book + REGION_BYTES
        with self._lock:
            self._buried.add(book)
            known = self._ledgers.pop(book, None)
            if known is not None:
                known.unmap()
            waiting = [each for group in self._waiting.values() for each in group]
            for each in sorted([*self._seen.values(), *waiting], key=lambda each: each.offset):
                if begin <= each.offset < end:
                    self._file.punch(begin, each.offset - begin)
                    begin = each.offset + _pages(each.piece.size)
            self._file.punch(begin, end - begin)

    def close(self) -> bool:
        """Nothing more will come; what is in view stays, here and in children: the last of them frees the memory.

        Returns:
            True if the descriptor of the file is still needed: it is closed here, then.
        """
        with self._lock:
            self._to_close.append(self._file.descriptor)
            self._closing = True
            pipes = set(self._waiting)
            for seen in list(self._seen.values()):
                if seen.children is not None:
                    pipes.add(seen.children)
                    seen.children = NOBODY_ASKS
            self._waiting.clear()
            for descriptor in pipes:
                os.close(descriptor)
            return bool(self._seen) or self._end() is None

    def _end(self) -> int | None:
        """Nothing is in view any more; give the descriptor that is to be closed, None if that was done."""
        _all.discard(self)
        for piece in self._ledgers.values():
            piece.unmap()
        self._ledgers.clear()
        return self._to_close.pop() if self._to_close else None

    def _book(self, book: int) -> Piece:
        known = self._ledgers.get(book)
        if known is None:
            known = self._ledgers[book] = self._file.shared(book, MARKS)
        return known

    def _ended(self, seen: _Seen) -> Callable[[object], None]:
        def told(_: object) -> None:  # in whichever thread the last view died
            seen.piece.unmap()
            if os.getpid() == self._home:
                self._out_of_view(seen)

        return told

    def _out_of_view(self, seen: _Seen) -> None:
        with self._lock:
            self._seen.pop(seen.mark, None)
            if seen.children is None:
                self._release(seen)
            elif not self._closing:
                self._waiting.setdefault(seen.children, []).append(seen)
            if self._closing and not self._seen and (descriptor := self._end()) is not None:
                os.close(descriptor)

    def _release(self, seen: _Seen) -> None:
        if ledger(seen.mark) in self._buried:
            self._file.punch(seen.offset, _pages(seen.piece.size))
        else:
            self.return_(seen.mark)

    # Forks.

    def before_fork(self) -> int | None:
        """Note which blocks the child will see; return the writing end that it is to hold, None if it sees none."""
        if os.getpid() != self._home:
            return None
        seen = [each for each in list(self._seen.values()) if each.children is None]
        if not seen:
            return None
        if self._closing:
            for each in seen:
                each.children = NOBODY_ASKS
            return None
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for each in seen:
            each.children = read
            book = ledger(each.mark)
            if book not in self._buried:
                self._book(book).memory[each.mark - book] = FORKED
        return write

    def _collect(self) -> None:
        """Give back what no child sees any more."""
        poll = select.poll()
        for descriptor in list(self._waiting):
            poll.register(descriptor, 0)  # hang-up is told in any case
        for descriptor, _ in poll.poll(0):
            with self._lock:
                for seen in self._waiting.pop(descriptor, ()):
                    self._release(seen)
                if not any(each.children == descriptor for each in list(self._seen.values())):
                    os.close(descriptor)

    def forked(self) -> None:
        """In the child: what is in view stays in view, and nobody is told when it no longer is."""
        for descriptor in {each.children for each in self._seen.values()} | set(self._waiting):
            if descriptor is not None and descriptor != NOBODY_ASKS:
                os.close(descriptor)


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _before_fork() -> None:
    _of_fork.ends = [end for views in list(_all) if (end := views.before_fork()) is not None]


def _after_fork_in_parent() -> None:
    for end in _of_fork.ends:
        os.close(end)


def _after_fork_in_child() -> None:
    _kept.extend(_of_fork.ends)
    for views in _all:
        views.forked()
    _all.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
