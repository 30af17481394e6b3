"""Cells: some words of memory that several processes share, for a lock or the like.

Knows: how cells get their place in segments, and how they travel.
Must not know: what is in them.

A process takes the cells that it makes from a segment of its own. A place is used once: others may see the cell for
longer than its maker. The segment goes when all its cells have gone, in all processes.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable

from procession.model.light import Any
from procession.shared import kernel, segment

CHUNK = 1 << 20  # bytes of a segment for cells: holes until a cell is made there
LARGE = 512  # bytes; a semaphore has 8 K
LINE = 64  # bytes: cells do not share a line of the cache


class Cell:
    """Some words of shared memory, zeros when it is made; it pickles to any of our processes.

    Args:
        home: The segment.
        place: Where it begins there.
        size: Bytes.
    """

    __slots__ = ("_home", "_place", "_size", "address", "words")

    def __init__(self, home: segment.Segment, place: int, size: int) -> None:
        self._home = home
        self._place = place
        self._size = size
        self.words = memoryview(home.memory)[place : place + size].cast("Q")
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(home.memory, place))

    def mutex(self, word: int = 0) -> Any:
        """The mutex that begins at a word; whoever has it keeps the cell."""
        return kernel.mutex_at(self.address + 8 * word)

    def __reduce__(self) -> Any:
        return _found, (self._home.on_the_way(), self._place, self._size)


def _found(address: Any, place: int, size: int) -> Cell:
    return Cell(segment.find(address), place, size)


def make(words: int) -> Cell:
    """Make a cell of so many words of 8 bytes, the first of which are a mutex.

    Raises:
        OSError: There is no memory or no descriptor for it.
    """
    size = -(-8 * words // LINE) * LINE
    with _lock:
        home, place = _room(size)
        home.take_memory(place, size)
    cell = Cell(home, place, size)
    kernel.make_mutex(cell.mutex())
    return cell


# By address: what this process has in each cell, so that two pickles of a lock are one lock here.
_held: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def hold(cell: Cell, value: Any) -> None:
    """Note what this process has in a cell."""
    _held[cell.address] = value


def known(make_it: Callable[[Cell], Any], cell: Cell) -> Any:
    """What this process has in a cell, or else what is made for it."""
    found = _held.get(cell.address)
    return make_it(cell) if found is None else found


_lock = threading.Lock()
# For small cells and for large ones: process id, a weak reference to the segment, the first free byte. Apart, or a lock
# would keep the memory of a hundred conditions that have gone.
_current: dict[bool, tuple[int, Any, int]] = {}


def _room(size: int) -> tuple[segment.Segment, int]:
    large = size > LARGE
    owner, home_of, place = _current.get(large, (0, None, 0))
    home = home_of() if home_of is not None and owner == os.getpid() else None
    if home is None or place + size > home.size:
        home, place = segment.create(max(size, CHUNK)), 0
    _current[large] = os.getpid(), weakref.ref(home), place + size
    return home, place


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
