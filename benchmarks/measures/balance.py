"""Mixed items: 180 of 1 ms and 20 of 100 ms, by the defaults, over the ideal time.

The items sleep: that needs no free core, so the ideal is half of their sum whatever else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import tasks
from benchmarks.cell import WORKERS, Cell


def shuffled(cell: Cell) -> None:
    """A `map` of the mixed items in a shuffled order, the same one in each run."""
    with cell.pool() as pool:
        _run(cell, pool.map, _items(cell, shuffle=True))


def long_last(cell: Cell) -> None:
    """A `map` of the mixed items with the long ones at the end."""
    with cell.pool() as pool:
        _run(cell, pool.map, _items(cell, shuffle=False))


def unordered(cell: Cell) -> None:
    """The shuffled items through the stream in the order of finishing."""
    with cell.pool() as pool:
        _run(cell, pool.stream_unordered, _items(cell, shuffle=True))


def _items(cell: Cell, shuffle: bool) -> list[float]:
    items = [0.001] * cell.pick(180, 18) + [0.1] * cell.pick(20, 1)
    if shuffle:
        cell.random.seed(42)
        cell.random.shuffle(items)
    return items


def _run(cell: Cell, action: Callable[[Any, Iterable[float]], Iterable[float]], items: list[float]) -> None:
    cell.check(sorted(action(tasks.nap, [0.0] * 4)) == [0.0] * 4, "warm-up")
    ideal = sum(items) / WORKERS
    for _ in range(cell.pick(3, 1)):
        started = time.perf_counter()
        results = list(action(tasks.nap, items))
        elapsed = time.perf_counter() - started
        cell.check(sorted(results) == sorted(items), "results")
        cell.report(over_ideal=elapsed / ideal)
