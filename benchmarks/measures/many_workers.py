"""Pools of 2, 8, 32 and 128 workers: their start, and a map of tiny items."""

from __future__ import annotations

import time

from benchmarks import meeting, tasks
from benchmarks.cell import Cell


def workers_2(cell: Cell) -> None:
    """A pool of 2."""
    _measure(cell, 2)


def workers_8(cell: Cell) -> None:
    """A pool of 8."""
    _measure(cell, 8)


def workers_32(cell: Cell) -> None:
    """A pool of 32."""
    _measure(cell, 32)


def workers_128(cell: Cell) -> None:
    """A pool of 128."""
    _measure(cell, cell.pick(128, 16))


def _measure(cell: Cell, workers: int) -> None:
    _start(cell, workers)  # warm-up: imports, and the nursery where there is one
    for _ in range(cell.pick(3, 0)):
        made, first, full = _start(cell, workers)
        cell.report(made_ms=made, first_result_ms=first, all_at_work_ms=full)
    _map(cell, workers)


def _start(cell: Cell, workers: int) -> tuple[float, float, float]:
    """Return the milliseconds to the made pool, to its first result, and until all workers work at once."""
    with cell.folder() as folder, meeting.place(folder):
        peer = cell.make()
        started = time.perf_counter()
        peer.open(workers)
        made = time.perf_counter()
        cell.check(peer.call(tasks.increment, 1) == 2, "first result")
        first = time.perf_counter()
        pids, full = meeting.hold(peer, workers, folder)
        cell.check(len(set(pids)) == workers, f"{len(set(pids))} workers instead of {workers}")
        peer.close()
    return (made - started) * 1e3, (first - started) * 1e3, (full - started) * 1e3


def _map(cell: Cell, workers: int) -> None:
    count = cell.pick(10_000 if cell.peer == "ProcessPoolExecutor" else 200_000, 500)
    expected = list(range(1, count + 1))
    with cell.pool(workers) as pool:
        cell.check(pool.map(tasks.increment, range(count)) == expected, "warm-up")

        def run() -> float:
            started = time.perf_counter()
            results = pool.map(tasks.increment, range(count))
            elapsed = time.perf_counter() - started
            cell.check(results == expected, "results")
            return count / elapsed

        cell.report(map_items_per_second=cell.repeat(run, seconds=1.5))
