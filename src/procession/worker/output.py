"""Captured output: what an item prints, and what the programs that it starts print, as two texts.

Knows: the two standard descriptors, `sys.stdout` and `sys.stderr`.
Must not know: items.

How it works: each of the two leads to a file in memory while an item runs, as a descriptor and as Python's object
(which may stand elsewhere, under pytest or in a notebook). Each item has a file of its own: what a program that
outlives its item prints later is lost instead of being taken for the next item's. All of it costs 20 µs an item.
"""

from __future__ import annotations

import io
import os
import sys

from procession.model.light import Any

MOST_BYTES = 1 << 24  # of each text; more is cut, with a note


class _Stream:
    """One of the two."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        self._outside = os.dup(descriptor)
        self._file = os.memfd_create(f"procession-{name}", os.MFD_CLOEXEC)
        self._open_writer()
        self._before: Any = None

    def begin(self) -> None:
        self._before = getattr(sys, self._name)
        _flush(self._before)
        os.dup2(self._file, self._descriptor)
        setattr(sys, self._name, self._writer)

    def end(self) -> str:
        for stream in (getattr(sys, self._name), self._before, self._writer):
            _flush(stream)
        if getattr(sys, self._name) is self._writer:  # else the task has put another in its place, for good
            setattr(sys, self._name, self._before)
        os.dup2(self._outside, self._descriptor)
        if self._writer.closed:  # the task closed it
            self._open_writer()
        size = os.fstat(self._file).st_size
        data = os.pread(self._file, MOST_BYTES, 0) if size else b""
        self._renew()
        text = data.decode("utf-8", "replace")
        return text if size <= MOST_BYTES else f"{text}\n[procession: {size - len(data)} bytes more are left out]\n"

    def _open_writer(self) -> None:
        raw = open(self._file, "wb", buffering=0, closefd=False)
        self._writer = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
        )

    def _renew(self) -> None:
        fresh = os.memfd_create(f"procession-{self._name}", os.MFD_CLOEXEC)
        os.dup2(fresh, self._file, inheritable=False)
        os.close(fresh)


class Capture:
    """Both of them, for one worker."""

    def __init__(self) -> None:
        self._out = _Stream("stdout", 1)
        self._err = _Stream("stderr", 2)

    def begin(self) -> None:
        """Let all output go to memory from here on."""
        self._out.begin()
        self._err.begin()

    def end(self) -> tuple[str, str]:
        """Let it go where it went before; give what came in between."""
        return self._out.end(), self._err.end()


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (AttributeError, OSError, ValueError):
        pass  # closed, or none: nothing is left to be written
