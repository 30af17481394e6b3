"""What runs in workers, and what tests of coroutines share."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

SERVED = itertools.count()


def square(number: int) -> int:
    return number * number


def fail_if_odd(number: int) -> int:
    if number % 2:
        raise ValueError(number)
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), 9)
    return number


def stop_iteration(_: Any) -> None:
    raise StopIteration(3)


def big(_: Any) -> bytes:
    return bytes(20_000)


def mark(path: Path) -> str:
    """Leave a trace of having run."""
    path.touch()
    return path.name


def begin_and_wait(begun: Path, gate: Path) -> int:
    """Say that it runs, with its process id; run until the caller has made the other file."""
    begun.with_suffix(".new").write_text(str(os.getpid()))
    begun.with_suffix(".new").rename(begun)
    end = time.monotonic() + 60
    while not gate.exists() and time.monotonic() < end:
        time.sleep(0.002)
    return os.getpid()


def wait_in_stubbornly(folder: Path) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return wait_in(folder)


def wait_in(folder: Path) -> int:
    return begin_and_wait(folder / "begun", folder / "gate")


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def place(_: Any = None) -> tuple[int, int, int]:
    """The process, its event loop, how many coroutines have run on it."""
    loop: Any = asyncio.get_running_loop()
    return os.getpid(), id(loop), next(SERVED)


async def fail_later(number: int) -> int:
    await asyncio.sleep(0)
    raise ValueError(number)


async def cancel_itself(_: Any = None) -> None:
    raise asyncio.CancelledError


async def wait_on_a_loop(folder: Path) -> None:
    (folder / "begun").write_text(str(os.getpid()))
    await asyncio.sleep(60)


async def leave_something(path: Path) -> None:
    """Leave a task on the loop that says when it is cancelled."""

    async def linger() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            path.touch()

    LEFT.append(asyncio.create_task(linger()))
    await asyncio.sleep(0)


LEFT: list[asyncio.Task[None]] = []


class Adder:
    def __init__(self, number: int) -> None:
        self.number = number

    async def __call__(self, other: int) -> int:
        return self.number + other

    async def add(self, other: int) -> int:
        await asyncio.sleep(0)
        return self.number + other


# In this process.


class Source:
    """An endless input that knows how far it was read, where, and whether it was closed."""

    def __init__(self, make: Callable[[int], Any] = lambda number: number) -> None:
        self.read = 0
        self.closed = False
        self.threads: set[int] = set()
        self._make = make

    def plain(self) -> Iterator[Any]:
        try:
            for number in itertools.count():
                self.read += 1
                self.threads.add(threading.get_ident())
                yield self._make(number)
        finally:
            self.closed = True

    async def asynchronous(self) -> AsyncIterator[Any]:
        for item in self.plain():
            yield item


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


def gated_numbers(count: int) -> Iterator[int]:
    """An input each of whose items waits for the event loop that runs here now: it must not be read there."""
    loop = asyncio.get_running_loop()

    def read() -> Iterator[int]:
        for number in range(count):
            gate = threading.Event()
            loop.call_soon_threadsafe(loop.call_later, 0.01, gate.set)
            if not gate.wait(20):
                raise AssertionError("the event loop is blocked")
            yield number

    return read()


class Ticks:
    """Counts how often the event loop comes round while the body of an `async with` runs."""

    def __init__(self) -> None:
        self.count = 0

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(0.001)
            self.count += 1

    async def __aenter__(self) -> Ticks:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def until(condition: Callable[[], object], message: str = "") -> None:
    """Let the loop go on until the condition is true."""
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() >= end:
            raise AssertionError(f"not so within 20 s: {message or condition}")
        await asyncio.sleep(0.002)
