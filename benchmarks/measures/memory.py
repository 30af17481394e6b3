"""Memory of the parent: five million items through an ordered stream, and an endless input with a slow reader."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from benchmarks import processes, tasks
from benchmarks.cell import Cell

OURS, OTHERS = 5_000_000, 1_000_000  # peers get a million: they need half a minute and hundreds of MB for it


def long_stream(cell: Cell) -> None:
    """By how much the parent grows while millions of items pass."""
    count = cell.pick(OURS if cell.peer.startswith("procession") else OTHERS, 2000)
    with cell.pool() as pool:
        before = _settle(cell, pool.stream(tasks.increment, iter(range(1000))))
        started = time.perf_counter()
        total = sum(pool.stream(tasks.increment, iter(range(count))))
        elapsed = time.perf_counter() - started
        cell.check(total == count * (count + 1) // 2, "sum of the results")
        cell.report(grown_mb=(processes.peak_memory() - before) / 1e6, items=count, items_per_second=count / elapsed)


def slow_reader(cell: Cell) -> None:
    """An endless input, one result read each 10 ms: how far the input is read ahead, and how much memory grows."""
    source = Endless(cell.pick(OURS if cell.peer.startswith("procession") else OTHERS, 2000))
    with cell.pool() as pool:
        before = _settle(cell, pool.stream(tasks.increment, iter(range(1000))))
        started = time.perf_counter()
        read = 0
        for result in pool.stream(tasks.increment, source):
            read += 1
            cell.check(result == read, f"result {read} is {result}")
            if read == 1:
                cell.report(first_result_ms=(time.perf_counter() - started) * 1e3)
            if time.perf_counter() - started > cell.pick(10.0, 0.1):
                break
            time.sleep(0.01)
        cell.report(grown_mb=(processes.peak_memory() - before) / 1e6, read_ahead_items=source.read - read)
        source.end()


def _settle(cell: Cell, warm_up: Iterator[int]) -> int:
    cell.check(sum(warm_up) == 500_500, "warm-up")
    processes.forget_peak()
    return processes.peak_memory()


class Endless:
    """An endless input. It ends after `most` items, to spare the machine a peer that reads all of its input."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        for number in itertools.count():
            if number >= self.most:
                return
            self.read = number + 1
            yield number

    def end(self) -> None:
        """Give no more items, so that the pool can be closed."""
        self.most = 0
