"""A channel carries frames whole and in order, however much the socket takes at once, and says when it has ended."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from procession.wire.channel import Channel, ChannelClosed, WorkerChannel
from procession.wire.frames import Kind

pytestmark = pytest.mark.limit(30)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, WorkerChannel, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    channel = Channel(ours)
    yield channel, WorkerChannel(theirs), theirs
    channel.close()
    theirs.close()


def receive_all(channel: Channel, count: int) -> list[tuple[int, bytes]]:
    out: list[tuple[int, bytes]] = []
    while len(out) < count:
        select.select([channel], [], [], 10)
        out += [(kind, bytes(body)) for kind, body in channel.receive() or ()]
    return out


@given(st.lists(st.integers(0, 300_000), min_size=1, max_size=6))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_arrive_whole_and_in_order_both_ways(
    ends: tuple[Channel, WorkerChannel, socket.socket], sizes: list[int]
) -> None:
    ours, theirs, _ = ends
    bodies = [bytes([place + 1]) * size for place, size in enumerate(sizes)]

    def echo() -> None:
        for _ in bodies:
            received = theirs.receive()
            assert received is not None
            theirs.send(received[0], bytes(received[1]))

    thread = threading.Thread(target=echo)
    thread.start()
    for body in bodies:
        ours.send(Kind.BATCH, body)
    got: list[tuple[int, bytes]] = []
    while len(got) < len(bodies):
        readable, writable, _ = select.select([ours], [ours] if ours.blocked else [], [], 10)
        assert readable or writable
        if writable:
            ours.flush()
        if readable:
            got += [(kind, bytes(body)) for kind, body in ours.receive() or ()]
    thread.join()
    assert got == [(Kind.BATCH, body) for body in bodies] and not ours.blocked


def test_full_socket_blocks_nobody_and_the_rest_is_written_later(
    ends: tuple[Channel, WorkerChannel, socket.socket],
) -> None:
    ours, theirs, _ = ends
    for number in range(50):
        ours.send(Kind.FUNCTION, bytes([number]) * 20_000)
    assert ours.blocked
    got: list[bytes] = []

    def read() -> None:
        while len(got) < 50 and (received := theirs.receive()) is not None:
            got.append(bytes(received[1]))

    thread = threading.Thread(target=read)
    thread.start()
    while ours.blocked:
        select.select([], [ours], [], 10)
        ours.flush()
    thread.join()
    assert got == [bytes([number]) * 20_000 for number in range(50)]


def test_nothing_there_is_not_the_end(ends: tuple[Channel, WorkerChannel, socket.socket]) -> None:
    ours, theirs, socket_there = ends
    assert ours.receive() is None
    theirs.send(Kind.READY, b"1")
    assert receive_all(ours, 1) == [(Kind.READY, b"1")]
    theirs.send(Kind.READY, b"2")
    socket_there.close()
    assert receive_all(ours, 1) == [(Kind.READY, b"2")]  # all that was sent comes before the end
    with pytest.raises(ChannelClosed):
        ours.receive()
    with pytest.raises(ChannelClosed):
        for _ in range(3):
            ours.send(Kind.BATCH, b"x" * 100_000)


def test_end_lets_the_worker_finish_and_be_heard(ends: tuple[Channel, WorkerChannel, socket.socket]) -> None:
    ours, theirs, _ = ends
    ours.send(Kind.BATCH, b"last")
    ours.end()
    assert theirs.receive() == (Kind.BATCH, b"last") and theirs.receive() is None
    theirs.send(Kind.RESULTS, b"done")
    assert receive_all(ours, 1) == [(Kind.RESULTS, b"done")]
    ours.end()
