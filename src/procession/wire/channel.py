"""A channel: one end of a socket pair that carries frames.

Knows: one socket, what is half read and half written.
Must not know: what the frames mean.
"""

from __future__ import annotations

import socket
import struct
from collections import deque

from procession.wire.frames import Assembler, frame
from procession.wire.patience import NAP, Patience

TIMEVAL = struct.Struct("@ll")  # seconds, microseconds
CHANNEL_LOST = 113  # exit status of a worker that finds its end closed: a task did that
NO_WAIT = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class ChannelClosed(Exception):
    """The other end is gone."""


class Channel:
    """The parent's end: waits only where it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL.pack(0, int(NAP * 1e6)))
        self._socket = sock
        self._patience = Patience(sock)
        self._assembler = Assembler()
        self._outgoing: deque[memoryview] = deque()

    def fileno(self) -> int:
        """The descriptor of the socket, -1 once it is closed."""
        return self._socket.fileno()

    @property
    def blocked(self) -> bool:
        """True if something could not be written yet."""
        return bool(self._outgoing)

    def send(self, kind: int, body: bytes) -> None:
        """Write a frame, or as much of it as the socket takes now; `flush` writes the rest.

        Raises:
            ChannelClosed: The worker's end is closed.
        """
        parts = frame(kind, body)
        if not self._outgoing and len(parts) == 1:
            try:
                sent = self._socket.send(parts[0], NO_WAIT)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                raise ChannelClosed from error
            if sent == len(parts[0]):
                return
            self._outgoing.append(memoryview(parts[0])[sent:])
            return
        self._outgoing.extend(map(memoryview, parts))
        self.flush()

    def flush(self) -> None:
        """Write what is left over, as far as the socket takes it.

        Raises:
            ChannelClosed: The worker's end is closed.
        """
        while self._outgoing:
            part = self._outgoing[0]
            try:
                sent = self._socket.send(part, NO_WAIT)
            except BlockingIOError:
                return
            except OSError as error:
                raise ChannelClosed from error
            if sent == len(part):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = part[sent:]

    def receive(self, wait: bool = False) -> list[tuple[int, bytes | bytearray]] | None:
        """Read what is there and return the complete frames; None if nothing was there.

        Args:
            wait: If nothing is there, wait until something comes, but for no longer than a nap.

        Raises:
            ChannelClosed: The worker's end is closed and all that it sent was read.
        """
        try:
            if wait:
                count = self._patience.recv_into(self._assembler.buffer())
            else:
                count = self._socket.recv_into(self._assembler.buffer(), 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ChannelClosed from error
        if not count:
            raise ChannelClosed
        return self._assembler.received(count)

    def end(self) -> None:
        """Tell the worker that nothing more will come."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already: that is what was wanted

    def hang_up(self) -> None:
        """Let whoever reads this end come to its end, after all that has arrived."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def close(self) -> None:
        """Give the socket back."""
        self._outgoing.clear()
        self._socket.close()


class WorkerChannel:
    """The worker's end: waits until all is read or written."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._patience = Patience(sock)
        self._assembler = Assembler()
        self._frames: deque[tuple[int, bytes | bytearray]] = deque()

    def receive(self) -> tuple[int, bytes | bytearray] | None:
        """Wait for the next frame; None once the parent has nothing more to say."""
        while not self._frames:
            try:
                count = self._patience.recv_into(self._assembler.buffer())
            except ConnectionResetError:  # the parent went away before it had read all
                return None
            if not count:
                return None
            self._frames.extend(self._assembler.received(count))
        return self._frames.popleft()

    def send(self, kind: int, body: bytes) -> None:
        """Write a frame, however long it takes."""
        for part in frame(kind, body):
            self._socket.sendall(part, socket.MSG_NOSIGNAL)

    def try_send(self, kind: int, body: bytes) -> bool:
        """Write a short frame; False if it would have to wait. The kernel takes some 16 kB whole or not at all."""
        (part,) = frame(kind, body)
        try:
            sent = self._socket.send(part, NO_WAIT)
        except BlockingIOError:
            return False
        if sent < len(part):
            self._socket.sendall(memoryview(part)[sent:], socket.MSG_NOSIGNAL)
        return True

    def abandon(self) -> None:
        """Close this process's copy, without a word to the parent."""
        self._socket.close()
