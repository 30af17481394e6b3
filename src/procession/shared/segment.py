"""A segment: memory that several processes map, and that no name leads to.

Knows: a descriptor, its mapping, how another process finds it.
Must not know: what is in it.

How it works: whoever has a segment can be asked for it by the path of its descriptor in /proc, so its address is a few
numbers and may travel by any pickle. Who opens it has a descriptor of its own, and is an address for others. The memory
is gone when the last process has let go of it, however that process ended.
"""

from __future__ import annotations

import mmap
import os
import secrets
import weakref

from procession.model.light import Any
from procession.shared import lives, passing
from procession.wire.shared_file import SharedFile

Address = tuple[str, int, int, Any]  # token, size, namespace of its process, the descriptor as `passing` has it

_open: weakref.WeakValueDictionary[str, Segment] = weakref.WeakValueDictionary()  # by token: each is mapped once


class Segment:
    """One process's hold on a segment.

    Args:
        descriptor: It is closed with this.
        size: Bytes.
        token: What all processes know the segment by.
    """

    def __init__(self, descriptor: int, size: int, token: str) -> None:
        self._closed = weakref.finalize(self, os.close, descriptor)
        self._closed.atexit = False  # whoever is mapped there until the end goes with the process
        self._descriptor = descriptor
        self.size = size
        self.value: Any = None  # what was rebuilt from it, for all handles of this process
        self._token = token
        self.memory = mmap.mmap(descriptor, size)
        _open[token] = self

    @property
    def address(self) -> Address:
        """Where other processes find it, for as long as this process has it."""
        return self._token, self.size, lives.namespace(), passing.Named(self._descriptor)

    def on_the_way(self) -> Address:
        """The same; to a process that is being born its descriptor goes along."""
        return self._token, self.size, lives.namespace(), passing.along(self._descriptor)

    def take_memory(self, place: int, size: int) -> None:
        """Take memory for a piece.

        Raises:
            OSError: There is none.
        """
        os.posix_fallocate(self._descriptor, place, size)

    def write(self, place: int, data: memoryview) -> None:
        """Write bytes, taking memory for them.

        Raises:
            OSError: There is none.
        """
        SharedFile(self._descriptor).write(place, data)


def create(size: int) -> Segment:
    """Make a segment of zeros.

    Raises:
        OSError: There is no memory or no descriptor for it.
    """
    descriptor = os.memfd_create("procession-shared", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, max(1, size))
    except BaseException:
        os.close(descriptor)
        raise
    return Segment(descriptor, max(1, size), secrets.token_hex(8))


def find(address: Address) -> Segment:
    """Find a segment of another process, or the one that this process has already.

    Raises:
        SharedMemoryGone: The process that named it has let go of it.
    """
    token, size, namespace, along = address
    known = _open.get(token)
    if known is None:
        lives.meet(namespace)
        known = Segment(along.take(size), size, token)
    return known
