"""A connection to a manager's server, or of it: whole messages, one question and one answer at a time.

Knows: the framing of `multiprocessing.connection`, which it keeps, so that either side may be the standard library's;
how to pickle what a manager carries.
Must not know: what the messages mean.

How it works: a message is written with one call and read with one, where the standard library reads twice, and who has
been answered quickly stays awake for the next answer (`wire/patience.py`).
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import socket
import struct
import threading
import weakref
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

from procession.wire.patience import Patience

FIRST = 1 << 14  # bytes that are read at once; what is longer gets memory of its own
LONGEST_SHORT = 0x7FFFFFFF  # bytes; a longer message has its length in 8 bytes behind a -1
_pack, _unpack = struct.Struct("!i").pack, struct.Struct("!i").unpack_from

Reducers = ChainMap[type, Callable[[Any], Any]]
_theirs: Any = ForkingPickler
# Live views: who registers a type later, there or in copyreg, registers it for managers too.
_STANDARD: tuple[Any, ...] = (_theirs._extra_reducers, copyreg.dispatch_table)


def pickler(reducers: dict[type, Callable[[Any], Any]]) -> type[pickle.Pickler]:
    """Make a pickler that treats some types in its own way, and all others as a `multiprocessing` connection does."""
    return type("Pickler", (pickle.Pickler,), {"dispatch_table": ChainMap(reducers, *_STANDARD)})


class Line:
    """One side of a connection. Only one thread uses it at a time.

    Args:
        connection: What has been let in; the line takes it over.
        kind: The pickler for what is sent.
    """

    __slots__ = ("__weakref__", "_buffer", "_got", "_patience", "_pickler", "_socket", "busy")

    def __init__(self, connection: Any, kind: type[pickle.Pickler]) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._socket.settimeout(None)
        connection.close()
        self._pickler = kind
        self._patience = Patience(self._socket)
        self._buffer = memoryview(bytearray(FIRST))
        self._got = 0  # bytes in the buffer that belong to the next message
        self.busy = False  # somebody is between the question and the answer

    def dumps(self, message: object, kind: type[pickle.Pickler] | None = None) -> bytes:
        """Pickle a message into a frame.

        Args:
            kind: The pickler, where it is not the usual one.

        Raises:
            Exception: Whatever pickling raises.
        """
        file = io.BytesIO()
        file.write(b"\0\0\0\0")
        (kind or self._pickler)(file, 5).dump(message)
        size = file.tell() - 4
        if size > LONGEST_SHORT:
            return struct.pack("!iQ", -1, size) + file.getbuffer()[4:]
        file.seek(0)
        file.write(_pack(size))
        return file.getvalue()  # no copy

    def send_frame(self, frame: bytes) -> None:
        """Send what `dumps` made.

        Raises:
            OSError: The other side is gone.
        """
        self._socket.sendall(frame)

    def send(self, message: object) -> None:
        """Pickle a message and send it."""
        self._socket.sendall(self.dumps(message))

    def receive(self) -> bytes | memoryview:
        """Wait for a message and return its pickle.

        Raises:
            EOFError: The other side has closed the connection and has read all that we sent.
            OSError: It is gone, and what we sent last was not read.
        """
        buffer, got = self._buffer, self._got
        if got:  # a lifeline may say several things at once
            self._got = 0
        else:
            got = self._read(buffer)
        while got < 4:
            got += self._read(buffer[got:])
        size, begin = _unpack(buffer)[0], 4
        if size < 0:
            while got < 12:
                got += self._read(buffer[got:])
            size, begin = struct.unpack_from("!Q", buffer, 4)[0], 12
        end = begin + size
        if end <= got:
            message = bytes(buffer[begin:end])  # a copy: loading it may need this line for another question
            if end < got:
                self._got = got - end
                buffer[: got - end] = bytes(buffer[end:got])
            return message
        whole = memoryview(bytearray(size))
        place = got - begin
        whole[:place] = buffer[begin:got]
        while place < size:
            place += self._read(whole[place:])
        return whole

    def _read(self, buffer: memoryview) -> int:
        count = self._patience.recv_into(buffer)
        if not count:
            raise EOFError
        return count

    def recv(self) -> Any:
        """Wait for a message and rebuild it."""
        return pickle.loads(self.receive())

    def loads(self, data: bytes | memoryview) -> Any:
        """Rebuild what `receive` gave."""
        return pickle.loads(data)

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()

    def limit(self, seconds: float) -> None:
        """From now on a wait is an OSError after so long. By `settimeout` a look would wait, too."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(seconds), 0))

    def is_cut(self) -> bool:
        """True where the other side is gone, of a line on which nothing is to come."""
        try:
            return self._socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def __del__(self) -> None:  # a thread that ends lets its line go; that deserves no ResourceWarning
        if hasattr(self, "_socket"):
            self._socket.close()


class OtherLine:
    """A line for a serializer other than pickle: the connection does all."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.busy = False

    def dumps(self, message: Any, kind: object = None) -> Any:
        """Nothing: the connection will do it."""
        return message

    def send_frame(self, frame: Any) -> None:
        """Send a message."""
        self._connection.send(frame)

    send = send_frame

    def receive(self) -> Any:
        """Wait for a message."""
        return self._connection.recv()

    recv = receive

    def loads(self, data: Any) -> Any:
        """Nothing: the connection has done it."""
        return data

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def limit(self, seconds: float) -> None:
        """Nothing: it waits for ever."""

    def is_cut(self) -> bool:
        """True where the other side is gone."""
        try:
            return bool(self._connection._conn.poll(0))
        except OSError:
            return True


# A copy of a line in a forked child would hide our end from the server: each child closes its copies at once. Between
# the making of a line and its entry here no other thread may fork; a signal's handler may, in the same thread.
making = threading.RLock()
_lines: list[weakref.ref[Any]] = []


def keep_from_children(line: Any) -> None:
    """Note a line of this process. Call with `making` held since before it was made."""
    _lines[:] = [each for each in _lines if each() is not None]
    _lines.append(weakref.ref(line))


def _close_copies() -> None:
    for each in _lines:
        if (line := each()) is not None:
            line.close()
    _lines.clear()
    making.release()


os.register_at_fork(before=making.acquire, after_in_parent=making.release, after_in_child=_close_copies)
