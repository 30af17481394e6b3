"""Short calls: one after another, and twenty thousand at once."""

from __future__ import annotations

import pickle
import socket
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from benchmarks import tasks
from benchmarks.cell import Cell


def one_after_another(cell: Cell) -> None:
    """One tiny call, its result, the next."""
    if cell.peer == "bare socket pair":
        _bare_socket_pair(cell)
        return
    with cell.pool() as pool:
        _time_calls(cell, pool.call, tasks.increment)


def one_after_another_main(cell: Cell) -> None:
    """The same with a function of `__main__`."""
    with cell.pool() as pool:
        _time_calls(cell, pool.call, sys.modules["__main__"].increment_in_main)


def _time_calls(cell: Cell, call: Callable[[Any, int], int], function: Any) -> None:
    for number in range(cell.pick(300, 5)):
        cell.check(call(function, number) == number + 1, "warm-up")
    micros = []
    for number in range(cell.pick(4000, 20)):
        started = time.perf_counter_ns()
        result = call(function, number)
        micros.append((time.perf_counter_ns() - started) / 1e3)
        cell.check(result == number + 1, f"call {number} gave {result}")
    median, p99 = statistics.median(micros), statistics.quantiles(micros, n=100)[98]
    cell.report(median_us=median, p99_us=p99, p99_over_median=p99 / median)


def _bare_socket_pair(cell: Cell) -> None:
    """The floor: a pickled task and a pickled result over a socket pair, with one forked worker and nothing else."""
    import os

    ours, theirs = socket.socketpair()
    worker = os.fork()
    if worker == 0:
        ours.close()
        while task := theirs.recv(65536):
            function, item = pickle.loads(task)
            theirs.send(pickle.dumps(function(item)))
        os._exit(0)
    theirs.close()

    def call(function: Any, item: int) -> int:
        ours.send(pickle.dumps((function, item)))
        return pickle.loads(ours.recv(65536))  # type: ignore[no-any-return]

    _time_calls(cell, call, tasks.increment)
    ours.close()
    os.waitpid(worker, 0)


def many_at_once(cell: Cell) -> None:
    """20,000 calls submitted, then gathered."""
    count = cell.pick(20_000, 50)
    if cell.peer == "bare futures":
        cell.report(per_second=cell.repeat(lambda: _bare_futures(count)))
        return
    with cell.pool() as pool:
        cell.check(pool.call(tasks.increment, 1) == 2, "warm-up")

        def submit_and_gather() -> float:
            started = time.perf_counter()
            handles = [pool.later(tasks.increment, number) for number in range(count)]
            submitted = time.perf_counter()
            results = [pool.result(handle) for handle in handles]
            ended = time.perf_counter()
            cell.check(results == list(range(1, count + 1)), "results")
            cell.report(submitted_per_second=count / (submitted - started))
            return count / (ended - started)

        cell.report(per_second=cell.repeat(submit_and_gather, seconds=2.0, least=2))


def _bare_futures(count: int) -> float:
    """The floor of `submit`: futures made, resolved and read, with no pool."""
    started = time.perf_counter()
    futures: list[Future[int]] = []
    for number in range(count):
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()
        future.set_result(number + 1)
        futures.append(future)
    results = [future.result() for future in futures]
    elapsed = time.perf_counter() - started
    assert results == list(range(1, count + 1))
    return count / elapsed
