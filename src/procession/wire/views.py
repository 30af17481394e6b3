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
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from procession.model.light import Any
from procession.wire.shared_file import FORKED, MARKS, REGION_BYTES, RETURNED, Piece, SharedFile, ledger, region, view
from procession.wire.spans import Spans, cut

_all: set[Views] = set()  # they live as long as something is in view
_kept: list[int] = []  # writing ends that this process got at its birth
_files: dict[int, object] = {}  # by its id: what tells of the end of the views on a whole file
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
        self.children: set[int] = set()  # what tells of the ends of the children that see it too
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
        self._waiting: list[_Seen] = []  # out of view here, in view of children
        self._buried: set[int] = set()  # ledgers of processes that have ended: nobody takes anything back there
        self._closing = False
        self._lock = threading.RLock()  # a finalizer may run while this thread has it
        self._ended_views: deque[_Seen] = deque()  # they are still to be given back
        self._to_close: list[int] = []  # the descriptor of the file, where it is still needed at the end
        _all.add(self)

    def open(self, mark: int, offset: int, size: int, spans: Spans) -> list[memoryview]:
        """Look at a block: a buffer for each span, writable but for those that were not; a copy if it has to be."""
        if self._waiting:
            with self._lock:
                self._collect()
        self._tidy()
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
        return cut(view(memory), spans)

    def return_(self, mark: int) -> None:
        """Say that this process does not see a block, or will never look at it."""
        with self._lock:
            self._tell(mark)
        self._tidy()

    def _tell(self, mark: int) -> None:
        book = ledger(mark)
        if book not in self._buried:
            with suppress(OSError):  # no mapping for the ledger: the block is lost, and nothing else
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
            for each in sorted([*self._seen.values(), *self._waiting], key=lambda each: each.offset):
                if begin <= each.offset < end:
                    self._file.punch(begin, each.offset - begin)
                    begin = each.offset + _pages(each.piece.size)
            self._file.punch(begin, end - begin)
        self._tidy()

    def close(self) -> bool:
        """Nothing more will come; what is in view stays, here and in children: the last of them frees the memory.

        Returns:
            True if the descriptor of the file is still needed: it is closed here, then.
        """
        with self._lock:
            self._to_close.append(self._file.descriptor)
            self._closing = True
            pipes = set().union(*(each.children for each in (*self._seen.values(), *self._waiting)))
            for seen in list(self._seen.values()):
                if seen.children:
                    seen.children = {NOBODY_ASKS}
            self._waiting.clear()
            for descriptor in pipes - {NOBODY_ASKS}:
                os.close(descriptor)
            self._settle()
            ended = not self._seen and self._end() is not None
        self._tidy()
        return not ended

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
                self._ended_views.append(seen)
                self._tidy()

        return told

    def _tidy(self) -> None:
        """See to the views that have ended. Never waits: a finalizer may run while its thread holds any lock; who has
        ours does this when it lets go."""
        while self._ended_views and self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()

    def _settle(self) -> None:
        """Under the lock."""
        while self._ended_views:
            seen = self._ended_views.popleft()
            self._seen.pop(seen.mark, None)
            if not seen.children:
                self._release(seen)
            elif not self._closing:
                self._waiting.append(seen)
            if self._closing and not self._seen and (descriptor := self._end()) is not None:
                os.close(descriptor)

    def _release(self, seen: _Seen) -> None:
        if ledger(seen.mark) in self._buried:
            self._file.punch(seen.offset, _pages(seen.piece.size))
        else:
            self._tell(seen.mark)

    # Forks.

    def before_fork(self) -> int | None:
        """Note that the child will see what is in view; return the writing end that it is to hold, if there is one.

        The lock is held until `after_fork`.
        """
        self._lock.acquire()
        if os.getpid() != self._home:
            return None
        self._collect()
        if not self._seen:
            return None
        read, write = NOBODY_ASKS, None
        if not self._closing:
            with suppress(OSError):  # no descriptors: what the child sees is never used again
                read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for each in list(self._seen.values()):
            each.children.add(read)
            book = ledger(each.mark)
            if book not in self._buried:
                with suppress(OSError):
                    self._book(book).memory[each.mark - book] = FORKED
        return write

    def after_fork(self) -> None:
        """In the parent."""
        self._lock.release()
        self._tidy()

    def forked(self) -> None:
        """In the child: what is in view stays in view, and nobody is told when it no longer is."""
        self._lock = threading.RLock()
        if os.getpid() == self._home:
            return
        pipes = set().union(*(each.children for each in (*self._seen.values(), *self._waiting)))
        for descriptor in pipes - {NOBODY_ASKS}:
            with suppress(OSError):  # a child of a child has none of them
                os.close(descriptor)

    def _collect(self) -> None:
        """Under the lock: give back what no child sees any more."""
        held = [*self._seen.values(), *self._waiting]
        pipes = set().union(*(each.children for each in held)) - {NOBODY_ASKS}
        if not pipes:
            return
        poll = select.poll()
        for descriptor in pipes:
            poll.register(descriptor, 0)  # hang-up is told in any case
        gone = {descriptor for descriptor, _ in poll.poll(0)}
        for each in held:
            each.children -= gone
        free = [each for each in self._waiting if not each.children]
        self._waiting[:] = [each for each in self._waiting if each.children]
        for each in free:
            self._release(each)
        for descriptor in gone:
            os.close(descriptor)


def mapped(descriptor: int) -> memoryview:
    """Map a whole file privately, for as long as somebody looks at it; it needs no descriptor for that.

    Raises:
        OSError: The system refused.
    """
    size = os.fstat(descriptor).st_size
    piece = Piece(descriptor, 0, size, mmap.MAP_PRIVATE)
    memory, piece.memory = piece.memory, None

    def ended(dead: object) -> None:
        _files.pop(id(dead), None)
        piece.unmap()

    reference = weakref.ref(memory, ended)
    _files[id(reference)] = reference
    return view(memory)


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _before_fork() -> None:
    _of_fork.views, _of_fork.ends = list(_all), []
    for each in _of_fork.views:
        end = each.before_fork()
        if end is not None:
            _of_fork.ends.append(end)


def _after_fork_in_parent() -> None:
    ends, views = _of_fork.ends, _of_fork.views
    _of_fork.views, _of_fork.ends = [], []
    for end in ends:
        os.close(end)
    for each in views:
        each.after_fork()


def _after_fork_in_child() -> None:
    _kept.extend(_of_fork.ends)
    for each in _of_fork.views:
        each.forked()
    _of_fork.views, _of_fork.ends = [], []
    _all.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
