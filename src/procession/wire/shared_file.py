"""The shared file of a pool: a file in memory to which no name leads, and of which its processes map pieces.

Layout: the counters (wire/counter.py), then a region for each process that writes: first its ledger, a byte for each
mark, then its blocks. The file is vast and consists of holes: only what was written takes memory.

Knows: the layout; how pieces are mapped, written, read and given back to the system.
Must not know: who uses which block, and when.

How it works: a block is written by its owner alone. The others map it privately, so that what they change is their own,
in a forked child too. Memory is taken by `pwrite`, which says where there is none; a store into a fresh page of a
mapping would end the process by SIGBUS.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from pickle import PickleBuffer

from procession.model.light import Any

REGION_BITS = 38
REGION_BYTES = 1 << REGION_BITS
MARKS = 1 << 16  # bytes of a ledger

FREE, GIVEN, RETURNED, FORKED = range(4)  # a mark; FORKED: a child of the process that it was given to sees it too

_PUNCH_HOLE, _KEEP_SIZE = 2, 1  # linux/falloc.h
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_mmap, _munmap, _fallocate = _libc.mmap, _libc.munmap, _libc.fallocate
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_longlong]
_munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]


def region(owner: int) -> int:
    """Where the region of a process begins; 0 is the parent, a worker is its number and 1."""
    return (owner + 1) << REGION_BITS


def ledger(mark: int) -> int:
    """Where the ledger begins that a mark is in."""
    return mark >> REGION_BITS << REGION_BITS


class Piece:
    """A piece of the file, mapped until `unmap`: `memory` is a buffer that knows nothing of that."""

    __slots__ = ("address", "memory", "size")

    def __init__(self, descriptor: int, offset: int, size: int, flags: int) -> None:
        address = _mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, descriptor, offset)
        if address == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self.address: int = address
        self.size = size
        self.memory: Any = (ctypes.c_ubyte * size).from_address(address)

    def unmap(self) -> None:
        """Take the mapping away; nobody may look at it any more."""
        _munmap(self.address, self.size)


def view(memory: Any) -> memoryview:
    """A view of bytes on some memory, which it keeps alive."""
    return PickleBuffer(memory).raw()


class SharedFile:
    """One process's hold on the file.

    Args:
        descriptor: Of the file; whoever made it closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def shared(self, offset: int, size: int) -> Piece:
        """Map a piece of what this process owns, or a ledger.

        Raises:
            OSError: The system refused.
        """
        return Piece(self.descriptor, offset, size, mmap.MAP_SHARED)

    def private(self, offset: int, size: int) -> Piece:
        """Map a piece of what another process has written.

        Raises:
            OSError: The system refused.
        """
        return Piece(self.descriptor, offset, size, mmap.MAP_PRIVATE)

    def write(self, offset: int, data: memoryview) -> None:
        """Write bytes, taking memory for them.

        Raises:
            OSError: There is none.
        """
        done = 0
        while done < len(data):
            done += os.pwrite(self.descriptor, data[done:], offset + done)

    def read(self, offset: int, size: int) -> bytearray:
        """Copy bytes."""
        data = bytearray(size)
        room, done = memoryview(data), 0
        while done < size:
            count = os.preadv(self.descriptor, [room[done:]], offset + done)
            if not count:
                break  # behind what was written: zeros
            done += count
        return data

    def punch(self, offset: int, size: int) -> None:
        """Give the memory of a piece back to the system; it reads as zeros."""
        _fallocate(self.descriptor, _PUNCH_HOLE | _KEEP_SIZE, offset, size)
