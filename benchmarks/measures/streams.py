"""Many trivial items: through `map`, and through lazy streams from a generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks import tasks
from benchmarks.cell import Cell

SLOW = {"ProcessPoolExecutor", "pebble", "loky"}  # no batches by default: 20,000 items say it as well


def map_1e3(cell: Cell) -> None:
    """A `map` of 1,000 trivial items."""
    _map(cell, 1_000)


def map_1e4(cell: Cell) -> None:
    """A `map` of 10,000 trivial items."""
    _map(cell, 10_000)


def map_1e5(cell: Cell) -> None:
    """A `map` of 100,000 trivial items."""
    _map(cell, 100_000)


def map_1e6(cell: Cell) -> None:
    """A `map` of 1,000,000 trivial items."""
    _map(cell, 1_000_000)


def _map(cell: Cell, full: int) -> None:
    count = cell.pick(full, min(full // 10, 2000))
    expected = list(range(1, count + 1))
    with cell.pool() as pool:
        cell.check(pool.map(tasks.increment, range(100)) == expected[:100], "warm-up")

        def run() -> float:
            started = time.perf_counter()
            results = pool.map(tasks.increment, range(count))
            elapsed = time.perf_counter() - started
            cell.check(results == expected, "results")
            return count / elapsed

        run()
        cell.report(items_per_second=cell.repeat(run, seconds=1.5))


def ordered(cell: Cell) -> None:
    """An ordered lazy stream of 200,000 items, and how far ahead of the first result its input was read."""
    with cell.pool() as pool:
        _stream(cell, pool.stream)


def unordered(cell: Cell) -> None:
    """A lazy stream in the order of finishing."""
    with cell.pool() as pool:
        _stream(cell, pool.stream_unordered)


def _stream(cell: Cell, stream: Callable[[Any, Iterable[int]], Iterator[int]]) -> None:
    count = cell.pick(20_000 if cell.peer in SLOW else 200_000, 300)
    cell.check(sorted(stream(tasks.increment, iter(range(100)))) == list(range(1, 101)), "warm-up")

    def run() -> float:
        numbers = Numbers(count)
        started = time.perf_counter()
        results = stream(tasks.increment, numbers)
        first = next(results)
        ahead = numbers.read - 1
        rest = list(results)
        elapsed = time.perf_counter() - started
        cell.check(sorted([first, *rest]) == list(range(1, count + 1)), "results")
        cell.report(read_ahead_items=ahead)
        return count / elapsed

    cell.report(items_per_second=cell.repeat(run, seconds=3.0, least=1))


class Numbers:
    """A lazy input of `count` numbers that knows how many were read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            self.read = number + 1
            yield number
