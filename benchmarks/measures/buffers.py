"""Large arrays: to a worker, from it, both, and as part of a function."""

from __future__ import annotations

import functools
import time
from typing import Any

from benchmarks import tasks
from benchmarks.cell import WORKERS, Cell
from benchmarks.peers import Peer

MEGA = 1 << 20


def _array(megabytes: int) -> Any:
    import numpy

    return numpy.arange(megabytes * MEGA // 8, dtype="f8")


def _run(pool: Peer, function: Any, item: Any) -> Any:
    """One call; by `map` where the peer has no other."""
    try:
        return pool.call(function, item)
    except NotImplementedError:
        return pool.map(function, [item])[0]


def array_in(cell: Cell) -> None:
    """A 64 MB array is sent and summed up there."""
    array = _array(cell.pick(64, 1))
    wanted = float(array.sum())

    def once() -> float:
        started = time.perf_counter()
        found = _run(pool, tasks.total, array)
        elapsed = time.perf_counter() - started
        cell.check(found == wanted, "the sum")
        return float(array.nbytes) / elapsed / 1e9

    with cell.pool() as pool:
        once(), once()
        cell.report(gb_per_second=cell.repeat(once, seconds=3.0))


def array_out(cell: Cell) -> None:
    """A 64 MB array is made there and comes back; dropped before the next one, or four are kept."""
    megabytes = cell.pick(64, 1)

    def once(kept: list[Any]) -> float:
        started = time.perf_counter()
        array = _run(pool, tasks.ones, megabytes * MEGA // 8)
        elapsed = time.perf_counter() - started
        cell.check(array[0] == array[-1] == 1.0, "the array")
        kept.append(array)
        return float(array.nbytes) / elapsed / 1e9

    def four() -> float:
        kept: list[Any] = []
        started = time.perf_counter()
        for _ in range(4):
            once(kept)
        return 4.0 * megabytes * MEGA / (time.perf_counter() - started) / 1e9

    with cell.pool() as pool:
        once([]), once([])
        cell.report(dropped_gb_per_second=cell.repeat(lambda: once([]), seconds=3.0))
        cell.report(kept_gb_per_second=cell.repeat(four, seconds=3.0))


def there_and_back(cell: Cell) -> None:
    """1 MB goes in and comes out, 500 times one after another."""
    array = _array(1)
    count = cell.pick(500, 3)

    def all_of_them() -> float:
        started = time.perf_counter()
        for _ in range(count):
            found = _run(pool, tasks.identity, array)
        elapsed = time.perf_counter() - started
        cell.check(found[-1] == array[-1], "the array")
        return 2.0 * count * array.nbytes / elapsed / 1e9

    with cell.pool() as pool:
        _run(pool, tasks.identity, array)
        cell.report(gb_per_second=cell.repeat(all_of_them, seconds=3.0))


def large_partial(cell: Cell) -> None:
    """200 tasks of a partial that holds a 100 MB array."""
    table = _array(cell.pick(100, 1))
    count = cell.pick(200, 4)

    def all_of_them() -> float:
        function = functools.partial(tasks.pick, table)
        started = time.perf_counter()
        found = pool.map(function, range(count))
        elapsed = time.perf_counter() - started
        cell.check(list(found) == [float(number) for number in range(count)], "the results")
        return elapsed

    with cell.pool() as pool:
        _run(pool, tasks.increment, 1)
        cell.report(seconds=cell.repeat(all_of_them, seconds=3.0, least=2))


def parallel_arrays(cell: Cell) -> None:
    """`joblib.Parallel(n_jobs=2)` over 64 arrays of 8 MB, each summed up."""
    import joblib

    import procession.joblib  # noqa: F401  # registers the backend

    arrays = [_array(cell.pick(8, 1)) + number for number in range(cell.pick(64, 2))]
    wanted = [float(array.sum()) for array in arrays]

    def once() -> float:
        started = time.perf_counter()
        found = parallel(joblib.delayed(tasks.total)(array) for array in arrays)
        elapsed = time.perf_counter() - started
        cell.check(found == wanted, "the sums")
        return sum(array.nbytes for array in arrays) / elapsed / 1e9

    backend = "procession" if cell.peer == "procession" else "loky"
    with joblib.parallel_config(backend=backend), joblib.Parallel(n_jobs=WORKERS) as parallel:
        once()
        cell.report(gb_per_second=cell.repeat(once, seconds=3.0, least=2))
