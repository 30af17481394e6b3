"""Lines on standard output: each at once when they are few, many in one write when they are many.

Knows: a descriptor, the clock, a lock.
Must not know: what the lines hold.

A line that comes after a pause is written by whoever brings it. Lines that come in a rush are gathered for a few
milliseconds and written together by a thread, which exists only from the first rush on and sleeps while there is none.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time

GATHER_SECONDS = 0.005  # what a line waits at most for its neighbours; 200 writes a second at any rate
GATHER_BYTES = 1 << 18  # where more waits it is written first: a command's large output comes at gigabytes a second


def take_stdout() -> int:
    """Give standard output as a descriptor of its own, and lead what anybody prints from now on to standard error.

    Prints of the function and of its libraries must not tear the lines of results.

    Raises:
        OSError: Standard output is closed.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "is closed")
    results = os.dup(1)
    if _is_open(2):
        os.dup2(2, 1)
    return results


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class OutputClosed(BrokenPipeError):
    """Nobody reads the output any more."""


class LineWriter:
    """Writes lines to a descriptor.

    Args:
        descriptor: Where to.
        name: What that is called in an error.
    """

    def __init__(self, descriptor: int, name: str = "standard output") -> None:
        self._descriptor = descriptor
        self._name = name
        self._lock = threading.Lock()
        self._pending: list[bytes] = []
        self._size = 0  # bytes that are pending
        self._last = 0.0  # when something was written or began to be gathered
        self._error: OSError | None = None
        self._rush = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False

    def write(self, line: bytes) -> None:
        """Write a line, now or a few milliseconds later.

        Raises:
            OutputClosed: Its reader is gone.
            OSError: This line or an earlier one could not be written.
        """
        with self._lock:
            if self._size >= GATHER_BYTES:
                self._flush()
            self._pending.append(line)
            self._size += len(line)
            if len(self._pending) == 1 and time.monotonic() - self._last >= GATHER_SECONDS:
                self._flush()
                self._last = time.monotonic()
            elif len(self._pending) == 1:
                self._call_thread()
            if self._error is not None:
                raise self._error

    def close(self, *, patience: float | None = None) -> None:
        """Write what is left and end the thread.

        Args:
            patience: Seconds to wait for a reader that does not read; then the rest is dropped. None: wait for ever.

        Raises:
            OSError: Something could not be written.
        """
        self._closing = True
        if self._thread is not None:
            self._rush.set()
            self._thread.join(patience)
            if self._thread.is_alive():
                return
        with self._lock:
            self._flush()
            if self._error is not None:
                raise self._error

    def _call_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._gather, name="procession-output", daemon=True)
            self._thread.start()
        self._rush.set()

    def _gather(self) -> None:
        while not self._closing:
            self._rush.wait()
            self._rush.clear()
            if not self._closing:
                time.sleep(GATHER_SECONDS)
            with self._lock:  # a slow reader holds up whoever brings the next line: nothing piles up
                self._flush()
                self._last = time.monotonic()

    def _flush(self) -> None:
        data = memoryview(b"".join(self._pending))
        try:
            while data and self._error is None:
                data = data[os.write(self._descriptor, data) :]
        except BrokenPipeError as error:
            self._error = OutputClosed(*error.args)
        except OSError as error:
            self._error = OSError(error.errno, error.strerror, self._name)
        finally:  # an interrupt in the middle of a line: the rest of it is still to be written
            self._pending = [bytes(data)] if data and self._error is None else []
            self._size = sum(map(len, self._pending))
