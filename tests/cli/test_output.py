"""Lines on standard output: at once, in order, whole, and few writes for many."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from procession.cli.output import LineWriter
from tests.helpers import wait


class Pipe:
    """A pipe whose reading end never waits."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.got = b""

    def read(self) -> bytes:
        """All that has been written so far."""
        with suppress(BlockingIOError):
            while data := os.read(self.reading, 1 << 20):
                self.got += data
        return self.got

    def close(self) -> None:
        for end in (self.reading, self.writing):
            with suppress(OSError):
                os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_a_line_after_a_pause_is_written_at_once(pipe: Pipe) -> None:
    LineWriter(pipe.writing).write(b"a\n")
    assert pipe.read() == b"a\n"


def test_lines_of_a_rush_come_without_another_line(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing)
    for line in (b"a\n", b"b\n", b"c\n"):
        writer.write(line)
    assert wait.poll(lambda: pipe.read() == b"a\nb\nc\n", 10)
    writer.close()


def test_many_lines_take_few_writes(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(len(data)) or write(fd, data))
    writer = LineWriter(pipe.writing)
    lines = [b"%d\n" % number for number in range(5000)]
    for line in lines:
        writer.write(line)
    writer.close()
    assert pipe.read() == b"".join(lines)
    assert len(writes) < 100


def test_a_slow_reader_holds_up_the_writer_and_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.reading, True)
    writer = LineWriter(pipe.writing)
    lines = [b"%d %s\n" % (number, b"x" * 1000) for number in range(2000)]

    def write_all() -> None:
        for line in lines:
            writer.write(line)
        writer.close()
        os.close(pipe.writing)

    thread = threading.Thread(target=write_all, name="tests-writer")
    thread.start()
    got = b""
    while data := os.read(pipe.reading, 100_000):
        got += data
    thread.join()
    assert got == b"".join(lines)


def test_a_reader_that_is_gone(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing)
    os.close(pipe.reading)
    with pytest.raises(BrokenPipeError):
        writer.write(b"a\n")
    with pytest.raises(BrokenPipeError):
        writer.close()


def test_a_reader_that_goes_in_a_rush(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing)
    writer.write(b"a\n")
    os.close(pipe.reading)
    with pytest.raises(BrokenPipeError):
        for _ in range(10**6):
            writer.write(b"b\n")
    with pytest.raises(BrokenPipeError):
        writer.close()


def test_close_does_not_wait_for_ever_if_told_so(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing)
    writer.write(b"a\n")
    writer.write(b"x" * 10**6)  # more than a pipe holds: the thread is stuck in it
    writer.close(patience=0.05)
    os.set_blocking(pipe.reading, True)
    got = 0
    while got < 2 + 10**6:
        got += len(os.read(pipe.reading, 1 << 20))
