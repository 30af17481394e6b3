"""What binds a `Process` to the one that started it: it ends when that does, and tells how it ended.

Knows: a lifeline, and a file in memory for what the target returned or raised.
Must not know: start methods, and what is done with the outcome.

How it works: a pipe would be full before a large result is written, and nobody may ever read it; a child that waits for
that could not end. So the outcome goes into an anonymous file that both hold (memfd), its length last of all.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from procession.launcher import forks, lifeline
from procession.model.light import Any
from procession.wire import codec, exceptions

LENGTH = 8  # bytes at the begin of the file; zero until all is written


class Bond:
    """Both ends, until the child is born; then each side has its own."""

    def __init__(self, report: int, ours: socket.socket | None, theirs: socket.socket | None) -> None:
        self._report = report
        self._ours = ours
        self._theirs = theirs

    @property
    def theirs(self) -> socket.socket:
        """The child's end of the lifeline."""
        assert self._theirs is not None
        return self._theirs

    # In the child.

    def hold(self) -> None:
        """End when the other side does."""
        lifeline.hold(self.theirs, group=False)

    def tell(self, run: Callable[[], Any]) -> None:
        """Run the process's work and note how it ended.

        Raises:
            BaseException: What the work raised.
        """
        try:
            value = run()
        except BaseException as error:
            self._write(None, {0: exceptions.encode(error, "procession.")})
            raise
        self._write(value, {})

    def _write(self, value: Any, failures: dict[int, exceptions.Encoded]) -> None:
        body = memoryview(codec.encode_results(0, 0.0, [value], failures, None))
        written = 0
        while written < len(body):
            written += os.pwrite(self._report, body[written:], LENGTH + written)
        os.pwrite(self._report, len(body).to_bytes(LENGTH, "little"), 0)

    # In the parent.

    def born(self) -> None:
        """The child has its end now."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def outcome(self) -> codec.Results | None:
        """Rebuild what the child noted before it ended; None if it did not come to that."""
        length = int.from_bytes(os.pread(self._report, LENGTH, 0), "little")
        if not length:
            return None
        body = bytearray()
        while len(body) < length and (part := os.pread(self._report, length - len(body), LENGTH + len(body))):
            body += part
        flags = codec.RESULTS_HEAD.unpack_from(body)[3]
        return codec.decode_results(flags, memoryview(body)[codec.RESULTS_HEAD.size :])

    def close(self) -> None:
        """Give the descriptors back; the child, if it still runs, ends."""
        self.born()
        if self._ours is not None:
            self._ours.close()
            self._ours = None
        report, self._report = self._report, -1
        if report >= 0:
            os.close(report)

    def __del__(self, close: Callable[[Bond], None] = close) -> None:
        close(self)

    def __reduce__(self) -> Any:
        from multiprocessing import reduction

        return _rebuild, (reduction.DupFd(self._report), reduction.DupFd(self.theirs.fileno()))


def _rebuild(report: Any, theirs: Any) -> Bond:
    return Bond(report.detach(), None, socket.socket(fileno=theirs.detach()))


def make() -> Bond:
    """Make a bond for a process that is about to be started.

    Raises:
        OSError: There are no descriptors left.
    """
    ours, theirs = forks.control_pair()
    try:
        return Bond(os.memfd_create("procession-outcome", os.MFD_CLOEXEC), ours, theirs)
    except OSError:
        ours.close()
        theirs.close()
        raise
