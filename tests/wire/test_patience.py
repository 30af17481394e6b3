"""Who waits for bytes stays awake only where that was worth it last time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from procession.wire import patience


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def cpu_time_of(wait: object) -> float:
    before = time.thread_time()
    assert callable(wait)
    wait()
    return time.thread_time() - before


def test_what_is_there_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    waiting, buffer = patience.Patience(ends[0]), memoryview(bytearray(8))
    for _ in range(3):
        ends[1].send(b"ab")
        assert waiting.recv_into(buffer) == 2
    ends[1].close()
    assert waiting.recv_into(buffer) == 0


def test_a_long_wait_costs_one_moment_at_the_most(ends: tuple[socket.socket, socket.socket]) -> None:
    waiting, buffer = patience.Patience(ends[0]), memoryview(bytearray(8))
    ends[1].send(b"a")
    waiting.recv_into(buffer)  # at once: the next wait begins awake
    for _ in range(2):
        timer = threading.Timer(0.3, ends[1].send, [b"a"])
        timer.start()
        assert cpu_time_of(lambda: waiting.recv_into(buffer)) < 0.1
        timer.join()
