"""What processes share: queues, locks, and the dict in a file."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import pickle
import time
from collections.abc import Callable
from typing import Any

from benchmarks.cell import Cell

FORK = multiprocessing.get_context("fork")


def _context(cell: Cell) -> Any:
    if cell.peer.startswith("procession"):
        import procession

        return procession.get_context("fork")
    return FORK


def _queue(cell: Cell) -> Any:
    if cell.peer == "faster-fifo":
        return importlib.import_module("faster_fifo").Queue()
    return _context(cell).SimpleQueue() if cell.peer.endswith("SimpleQueue") else _context(cell).Queue()


def _produce(queue: Any, go: Any, message: Any, count: int) -> None:
    go.wait()
    for _ in range(count):
        queue.put(message)


def _per_second(cell: Cell, message: Any, count: int) -> float:
    """One process puts, this one gets; from the first message on."""
    queue, go = _queue(cell), FORK.Event()
    process = FORK.Process(target=_produce, args=(queue, go, message, count))
    process.start()
    go.set()
    queue.get()
    started = time.perf_counter()
    for _ in range(count - 1):
        queue.get()
    elapsed = time.perf_counter() - started
    process.join()
    return (count - 1) / elapsed


def small_messages(cell: Cell) -> None:
    """Small messages from one process to another, one by one."""
    count = cell.pick(100_000, 100)
    cell.report(per_second=cell.repeat(lambda: _per_second(cell, 12345, count), seconds=3.0))


def large_messages(cell: Cell) -> None:
    """Arrays of 8 MB through a queue."""
    import numpy

    array = numpy.arange(cell.pick(1 << 20, 1 << 10), dtype="f8")
    count = cell.pick(30, 3)

    def once() -> float:
        return _per_second(cell, array, count) * float(array.nbytes) / 1e9

    cell.report(gb_per_second=cell.repeat(once, seconds=3.0))


def lock_pair(cell: Cell) -> None:
    """Acquire and release, nobody else there."""
    count = cell.pick(200_000, 100)
    for name in ("Lock", "RLock", "Semaphore"):
        lock = getattr(_context(cell), name)()

        def once(lock: Any = lock) -> float:
            started = time.perf_counter()
            for _ in range(count):
                lock.acquire()
                lock.release()
            return (time.perf_counter() - started) / count * 1e9

        cell.report(**{f"{name.lower()}_ns": cell.repeat(once, seconds=1.0)})


def _count_up(value: Any, count: int) -> None:
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def counter(cell: Cell) -> None:
    """The tutorial's counter: 8 processes, each with `with value.get_lock(): value.value += 1`."""
    count = cell.pick(5_000, 10)

    def once() -> float:
        value = _context(cell).Value("q", 0)
        processes = [FORK.Process(target=_count_up, args=(value, count)) for _ in range(8)]
        started = time.perf_counter()
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        elapsed = time.perf_counter() - started
        cell.check(value.value == 8 * count, "the count")
        return 8 * count / elapsed

    cell.report(per_second=cell.repeat(once, seconds=3.0))


def dict_in_a_file(cell: Cell) -> None:
    """Sets and gets of small values: one by one, and 1,000 at once; keys are texts."""
    count = cell.pick(20_000, 100)
    with cell.folder() as folder, contextlib.ExitStack() as stack:
        write_one, read_one, write_all, read_all = _dict(cell, str(folder), stack)
        keys = [f"key {number}" for number in range(1000)]

        def rate(step: Callable[[str], object]) -> Callable[[], float]:
            def once() -> float:
                started = time.perf_counter()
                for number in range(count):
                    step(keys[number % 1000])
                return count / (time.perf_counter() - started)

            return once

        def many(step: Callable[[list[str]], object]) -> Callable[[], float]:
            def once() -> float:
                started = time.perf_counter()
                for _ in range(cell.pick(20, 1)):
                    step(keys)
                return cell.pick(20, 1) * 1000.0 / (time.perf_counter() - started)

            return once

        cell.report(sets_per_second=cell.repeat(rate(write_one), seconds=1.0))
        cell.report(gets_per_second=cell.repeat(rate(read_one), seconds=1.0))
        cell.report(batched_sets_per_second=cell.repeat(many(write_all), seconds=1.0))
        cell.report(batched_gets_per_second=cell.repeat(many(read_all), seconds=1.0))


def _dict(cell: Cell, folder: str, stack: contextlib.ExitStack) -> tuple[Any, Any, Any, Any]:
    """Its four operations: set one, get one, set many, get many."""
    if cell.peer == "lmdb":
        return _by_hand(folder)
    if cell.peer == "procession":
        from procession import SharedDict

        held: Any = SharedDict(folder, sync=False)
        get_many: Callable[[list[str]], Any] = held.get_many
    else:
        held = stack.enter_context(multiprocessing.Manager()).dict()

        def get_many(keys: list[str]) -> Any:
            return [held[key] for key in keys]

    return (
        lambda key: held.__setitem__(key, 1),
        lambda key: held[key],
        lambda keys: held.update(dict.fromkeys(keys, 1)),
        get_many,
    )


def _by_hand(folder: str) -> tuple[Any, Any, Any, Any]:
    env = importlib.import_module("lmdb").open(folder, 1 << 28, sync=False, metasync=False)

    def set_many(keys: list[str]) -> None:
        with env.begin(write=True) as transaction:
            for key in keys:
                transaction.put(key.encode(), pickle.dumps(1))

    def get_many(keys: list[str]) -> list[Any]:
        with env.begin() as transaction:
            return [pickle.loads(transaction.get(key.encode())) for key in keys]

    return lambda key: set_many([key]), lambda key: get_many([key]), set_many, get_many
