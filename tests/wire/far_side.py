"""A worker made of two pipes, for scripts that test what of `__main__` travels. Used by scripts, not imported by tests.

`FAR_SIDE` in the environment says what it is: `clean` (a new interpreter with an empty main module), `early` (a fork of
the script before it defined anything, as in a notebook) or `late` (a fork at the first call).
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import subprocess
import sys
import traceback
import types
from typing import Any

from procession.wire import functions
from procession.wire.functions import Shipper

HEAD = struct.Struct("<QQ")


class Failed(Exception):
    """What the far side raised, as text."""


class Far:
    """The parent's end.

    Args:
        kind: One of the three above; None: as the environment says.
    """

    def __init__(self, kind: str | None = None) -> None:
        self.kind = kind or os.environ.get("FAR_SIDE", "clean")
        self.definitions_sent = 0
        self.last = b""
        self._sent: dict[str, int] = {}
        self._socket: socket.socket | None = None
        self.shipper: Shipper
        if self.kind != "late":
            self.start()

    def start(self) -> None:
        main = sys.modules["__main__"].__dict__
        self.shipper = Shipper(None if self.kind == "clean" else dict(main))
        self._socket, theirs = socket.socketpair()
        if self.kind == "clean":
            command = "import far_side; far_side.serve_clean()"
            os.set_inheritable(theirs.fileno(), True)
            self._process = subprocess.Popen(
                [sys.executable, "-c", command, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )
        elif os.fork() == 0:
            self._socket.close()
            serve(theirs)
        theirs.close()

    def twin(self) -> Far:
        """Give another far side of the same pool: a replacement worker."""
        other = object.__new__(Far)
        other.__dict__.update(self.__dict__, _sent={}, _socket=None, definitions_sent=0)
        shipper = self.shipper
        Far.start(other)
        other.shipper = shipper
        return other

    def __call__(self, function: Any, *arguments: Any) -> Any:
        if self._socket is None:
            self.start()
        assert self._socket is not None
        packed = self.shipper.pack((function, arguments))
        definitions = self.shipper.definitions(packed.names, self._sent) or b""
        self.definitions_sent += bool(definitions)
        self.last = definitions
        send(self._socket, definitions, packed.data)
        _, answer = receive(self._socket)
        worked, value = pickle.loads(answer)
        if not worked:
            raise Failed(value)
        return value


def send(channel: socket.socket, first: bytes, second: bytes) -> None:
    channel.sendall(HEAD.pack(len(first), len(second)) + first + second)


def receive(channel: socket.socket) -> tuple[bytes, bytes]:
    first, second = HEAD.unpack(_exactly(channel, HEAD.size))
    return _exactly(channel, first), _exactly(channel, second)


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(1 << 20, size - len(parts)))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def serve(channel: socket.socket) -> None:
    """Answer calls until the other end is closed, then end this process."""
    while True:
        try:
            definitions, data = receive(channel)
        except EOFError:
            os._exit(0)
        try:
            if definitions:
                functions.install(definitions)
            function, arguments = pickle.loads(data)
            answer = pickle.dumps((True, function(*arguments)))
        except BaseException:
            answer = pickle.dumps((False, traceback.format_exc()))
        send(channel, b"", answer)


def serve_clean() -> None:
    """Serve in an interpreter whose main module is empty."""
    sys.modules["__main__"] = types.ModuleType("__main__")
    serve(socket.socket(fileno=int(sys.argv[1])))
