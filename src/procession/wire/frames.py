"""Frames: what is said over a channel, as bytes; no socket.

A frame is a header (the body's length, the kind) and a body.

Knows: kinds of frames, how bytes are cut into frames.
Must not know: sockets, and what the bodies mean.
"""

from __future__ import annotations

import struct
from enum import IntEnum

HEADER = struct.Struct("<QB")
SMALL = 1 << 16  # bytes read at once; a longer body gets a buffer of its own, so that it is not copied

Body = bytes | bytearray | memoryview


class Kind(IntEnum):
    """What a frame says."""

    # to a worker
    LOOK = 1  # what a worker of a clean nursery must look like
    DEFINE = 2  # names of the parent's main module
    BEGIN = 3  # the initializer and its arguments, if any
    FUNCTION = 4  # a function, under a number
    BATCH = 5  # items to run
    # from a worker
    READY = 6  # the initializer has run; its process id
    BROKEN = 7  # the initializer has failed
    RESULTS = 8  # how the next items of a batch ended
    RECORDS = 9  # log records, before the outcome of their item
    OUTGROWN = 11  # more memory than it may have is left after an item
    # both ways
    STORED = 10  # the kind and the place of a frame whose body is in a block


def frame(kind: int, body: bytes) -> list[bytes | memoryview]:
    """Make a frame; a long body is not copied."""
    header = HEADER.pack(len(body), kind)
    return [header + body] if len(body) < SMALL else [header, body]


class Assembler:
    """Cut a stream of bytes into frames: write into `buffer()`, then say `received(n)`."""

    def __init__(self) -> None:
        self._small = bytearray(SMALL)
        self._view = memoryview(self._small)
        self._filled = 0  # bytes in the small buffer
        self._large: bytearray | None = None  # the body that is being received in a buffer of its own
        self._large_filled = 0
        self._large_kind = 0

    def buffer(self) -> memoryview:
        """Where the next bytes belong."""
        if self._large is not None:
            return memoryview(self._large)[self._large_filled :]
        return self._view[self._filled :]

    def received(self, count: int) -> list[tuple[int, bytes | bytearray]]:
        """Note that `count` bytes were written into `buffer()`; return the frames that are complete now."""
        if self._large is not None:
            self._large_filled += count
            if self._large_filled < len(self._large):
                return []
            body, self._large = self._large, None
            return [(self._large_kind, body)]
        self._filled += count
        frames: list[tuple[int, bytes | bytearray]] = []
        position = 0
        while self._filled - position >= HEADER.size:
            length, kind = HEADER.unpack_from(self._small, position)
            begin = position + HEADER.size
            if begin + length > self._filled:
                if HEADER.size + length > SMALL:
                    self._begin_large(kind, length, begin)
                    return frames
                break
            frames.append((kind, bytes(self._view[begin : begin + length])))
            position = begin + length
        self._keep(position)
        return frames

    def _begin_large(self, kind: int, length: int, begin: int) -> None:
        self._large = bytearray(length)
        self._large_kind = kind
        self._large_filled = self._filled - begin
        self._large[: self._large_filled] = self._view[begin : self._filled]
        self._filled = 0

    def _keep(self, position: int) -> None:
        rest = self._filled - position
        if position and rest:
            self._small[:rest] = self._small[position : self._filled]
        self._filled = rest
