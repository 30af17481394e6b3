"""A manager's dict: one set or get after another, and a thousand in one call."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from benchmarks.cell import Cell

LIBRARIES = {"procession": "procession", "Manager": "multiprocessing"}
BATCH = 1000


def _measure(cell: Cell, count: int, act: Callable[[Any], None]) -> None:
    """How many items a second."""

    def once() -> float:
        started = time.perf_counter()
        act(held)
        return count / (time.perf_counter() - started)

    with importlib.import_module(LIBRARIES[cell.peer]).Manager() as manager:
        held = manager.dict({number: number for number in range(BATCH)})
        once()
        cell.report(per_second=cell.repeat(once, seconds=2.0))
        cell.check(len(held) >= BATCH and held[1] == 1, "the items")


def set_one(cell: Cell) -> None:
    """Items are set one after another."""
    count = cell.pick(2000, 10)

    def act(held: Any) -> None:
        for number in range(count):
            held[number] = number

    _measure(cell, count, act)


def get_one(cell: Cell) -> None:
    """Items are read one after another."""
    count = cell.pick(2000, 10)

    def act(held: Any) -> None:
        for number in range(count):
            held[number % BATCH]

    _measure(cell, count, act)


def set_many(cell: Cell) -> None:
    """A thousand items in one `update`."""
    items = {number: number for number in range(BATCH)}
    _measure(cell, BATCH, lambda held: held.update(items))


def get_many(cell: Cell) -> None:
    """A thousand items in one `get_many`, which only procession has."""
    keys = list(range(BATCH))
    _measure(cell, BATCH, lambda held: held.get_many(keys))
