"""What the processes of these tests run."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import procession


def add(first: int, second: int = 1) -> int:
    return first + second


def fail(text: str) -> None:
    raise LookupError(text)


def leave(code: object) -> None:
    sys.exit(code)  # type: ignore[arg-type]


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def many_bytes(size: int) -> bytes:
    return b"x" * size


def many_objects(count: int) -> list[int]:
    return list(range(count))


def unsendable() -> Any:
    return lambda: 0


def wait_for(event: Any) -> str:
    event.wait()
    return "was set"


def pid() -> int:
    return os.getpid()


def interrupt() -> None:
    raise KeyboardInterrupt


class Rebuilt(Exception):
    """Cannot be rebuilt: its constructor wants more than it hands to Exception."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def fail_oddly() -> None:
    raise Rebuilt("one", "two")


class Trap:
    """Pickles here, raises where it is rebuilt."""

    def __reduce__(self) -> Any:
        return fail, ("rebuilt",)


def trap() -> Trap:
    return Trap()


def ends_the_pickler() -> Any:
    class Exits:
        def __reduce__(self) -> Any:
            sys.exit(9)

    return Exits()


def fork_that_returns() -> str:
    """Leave `run` twice: the one that was forked must not speak for the process."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return "parent"
    return "child"


def close_all_descriptors() -> str:
    """As a daemon does at its begin."""
    os.closerange(3, 4096)
    return "closed"


def replace_all_descriptors() -> list[str]:
    """Let sockets of our own stand where others were."""
    import socket

    os.closerange(3, 4096)
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(20)]
    open("/dev/null").close()
    KEPT.extend(pairs)
    return ["never"]


KEPT: list[Any] = []


class Worker(procession.Process):
    """A subclass with attributes that have the names of ours."""

    def __init__(self, context: Any, number: int) -> None:
        super().__init__()
        self.number = number
        self._bond = self._ended = self._outcome = "the user's own"

    def run(self) -> int:
        assert self._bond == self._ended == self._outcome == "the user's own"
        return self.number * 2
