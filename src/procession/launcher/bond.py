"""What binds a `Process` to the one that started it: it ends when that does, and tells how it ended.

Knows: a lifeline, and how a last word gets over it.
Must not know: start methods, and what is done with the outcome.

How it works: the child's last word goes over the lifeline, which nobody need read for the child to end: a message waits
in the socket. What is longer goes into an anonymous file (memfd), whose descriptor the message carries; large buffers
are seen there by whoever has the result. So a running process costs its parent one descriptor, and one that was joined
costs none.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from procession.launcher import forks, lifeline
from procession.model.light import Any
from procession.wire import exceptions
from procession.wire.store import Apart

VALUE, FAILURE = b"v", b"f"  # how a message begins
INLINE = 60_000  # bytes; a socket of Linux takes 200,000 without a reader
FLAGS = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
Outcome = tuple[Any, BaseException | None]


class Bond:
    """Both ends, until the child is born; then each side has its own."""

    def __init__(self, ours: socket.socket | None, theirs: socket.socket | None) -> None:
        self._ours = ours
        self._theirs = theirs
        self._holder: tuple[int, int] | None = None  # in the child: its process id, and which socket it held
        self._word: tuple[bytes, int] | None = None  # in the parent: the message, and its file
        self.reading = threading.RLock()  # one for each: a fork must not inherit a held one that it needs

    @property
    def theirs(self) -> socket.socket:
        """The child's end of the lifeline."""
        assert self._theirs is not None
        return self._theirs

    # In the child.

    def hold(self) -> None:
        """End when the other side does."""
        lifeline.hold(self.theirs, group=False)
        self._holder = os.getpid(), os.fstat(self.theirs.fileno()).st_ino

    def tell(self, run: Callable[[], Any]) -> None:
        """Run the process's work and say how it ended.

        Raises:
            BaseException: What the work raised.
        """
        try:
            value = run()
        except BaseException as error:
            self._say_failure(exceptions.encode(error, "procession."))
            raise
        try:
            self._say(VALUE, value)
        except BaseException as error:  # a user's __reduce__ may raise anything; the process has done its work
            self._say_failure(exceptions.encode_unsendable(error, value))

    def _say_failure(self, record: exceptions.Encoded) -> None:
        with suppress(OSError):  # a long text and no descriptor for it: the failure itself must not be hidden
            self._say(FAILURE, record)

    def _say(self, kind: bytes, value: object) -> None:
        if not self._is_held():
            return
        writer, apart = _Writer(), Apart()
        try:
            pickle.Pickler(writer, 5, buffer_callback=apart).dump(value)
            writer.send(self.theirs, kind, writer.add(apart))
        finally:
            writer.close()

    def _is_held(self) -> bool:
        """False in a process that the work forked, and where the work has closed descriptors that are not its own."""
        try:
            return self._holder == (os.getpid(), os.fstat(self.theirs.fileno()).st_ino)
        except OSError:
            return False

    # In the parent.

    def born(self) -> None:
        """The child has its end now."""
        if self._theirs is not None:
            forks.close(self._theirs)
            self._theirs = None

    def ended(self) -> None:
        """The child has ended: take its last word and let the lifeline go."""
        with self.reading:
            if self._ours is None:
                return
            with suppress(OSError):  # it said nothing
                data, files, *_ = socket.recv_fds(self._ours, INLINE + 1, 1, FLAGS)
                if data:
                    self._word = data, files[0] if files else -1
            forks.close(self._ours)
            self._ours = None

    def outcome(self) -> Outcome | None:
        """Rebuild what the child said last, once; None if it said nothing."""
        with self.reading:
            word, self._word = self._word, None
        if word is None:
            return None
        data, file = word
        if file < 0:
            return _rebuilt(data[:1], memoryview(data)[1:])
        try:
            if len(data) > 1:
                return _rebuilt_in_place(file, int(data[1:]))
            with mmap.mmap(file, 0, prot=mmap.PROT_READ) as whole, memoryview(whole) as body:
                return _rebuilt(data[:1], body)
        finally:
            os.close(file)

    def close(self) -> None:
        """Give the descriptors back; the child, if it still runs, ends."""
        self.born()
        if self._ours is not None:
            forks.close(self._ours)
            self._ours = None
        word, self._word = self._word, None
        if word is not None and word[1] >= 0:
            os.close(word[1])

    def __del__(self, close: Callable[[Bond], None] = close) -> None:
        close(self)

    def __reduce__(self) -> Any:
        from multiprocessing import context, reduction

        context.assert_spawning(self)
        return _inherited, (reduction.DupFd(self.theirs.fileno()),)


def _inherited(theirs: Any) -> Bond:
    return Bond(None, socket.socket(fileno=theirs.detach()))


def _rebuilt(kind: bytes, body: memoryview, buffers: Sequence[memoryview] = ()) -> Outcome:
    if kind == FAILURE:
        return None, exceptions.decode(pickle.loads(body))
    value, failed = exceptions.rebuild(body, buffers)
    if failed is not None:
        return None, exceptions.harmless(failed, "raised while the result was rebuilt in the parent")
    return value, None


def _rebuilt_in_place(file: int, place: int) -> Outcome:
    """Rebuild a value whose large buffers stay where they are: they are mapped as long as somebody looks at them.

    Args:
        place: Where in the file the spans of the pickle and of the buffers are told.
    """
    from procession.wire.spans import cut
    from procession.wire.views import mapped

    whole = mapped(file)
    data, *buffers = cut(whole, pickle.loads(whole[place:]))
    return _rebuilt(VALUE, data, buffers)


class _Writer:
    """Where a pickle is written to: memory, and a file as soon as it is too long for a message."""

    def __init__(self) -> None:
        self._short = bytearray()
        self._file = -1
        self._size = 0  # of the file

    def write(self, data: bytes | memoryview) -> int:
        """Take a part, as `pickle` asks of a file."""
        size = memoryview(data).nbytes
        if self._file < 0 and len(self._short) + size <= INLINE:
            self._short += data
            return size
        self._write_out(data)
        return size

    def _write_out(self, data: bytes | bytearray | memoryview) -> None:
        if self._file < 0:
            self._file = os.memfd_create("procession-outcome", os.MFD_CLOEXEC)
            self._write_out(self._short)
        left = memoryview(data).cast("B")
        self._size += len(left)
        while left:
            left = left[os.write(self._file, left) :]

    def add(self, buffers: Sequence[memoryview]) -> int:
        """Write large buffers behind the pickle, and their spans behind them; return where, 0 if there are none."""
        if not buffers:
            return 0
        from procession.wire.spans import ALIGNMENT, lay_out

        self._write_out(b"")
        size = self._size
        spans, place = lay_out(buffers, size + -size % ALIGNMENT)
        for each, (begin, _, _) in zip(buffers, spans, strict=True):
            self._write_out(bytes(begin - self._size))
            self._write_out(each)
        self._write_out(bytes(place - self._size) + pickle.dumps(((0, size, True), *spans), 5))
        return place

    def send(self, end: socket.socket, kind: bytes, place: int) -> None:
        """Say it; nobody need listen.

        Args:
            place: As `add` gave it.

        Raises:
            OSError: The system refuses to carry one more descriptor.
        """
        with suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone, and so are we in a moment
            if self._file < 0:
                end.send(kind + self._short, socket.MSG_NOSIGNAL)
            else:
                where = b"%d" % place if place else b""
                socket.send_fds(end, [kind + where], [self._file], socket.MSG_NOSIGNAL)

    def close(self) -> None:
        """Give the file back; it lives on in the message."""
        if self._file >= 0:
            os.close(self._file)


def make() -> Bond:
    """Make a bond for a process that is about to be started.

    Raises:
        OSError: There are no descriptors left.
    """
    return Bond(*forks.control_pair())
