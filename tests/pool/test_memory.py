"""Limits of memory in real pools: who is replaced, which item is ended, how many run at once."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy
import pytest

import procession
from procession import MemoryLimitExceeded, Pool
from procession.launcher import memory
from tests.engine.test_idle_pool import is_silent
from tests.helpers import processes
from tests.helpers.wait import wait_until

MB = 1_000_000
KEPT: list[bytes] = []

pytestmark = pytest.mark.limit(60)


def hold(megabytes: int) -> int:
    """Take so much memory, and stay for a while where it is much."""
    kept = b"x" * (megabytes * MB)
    time.sleep(20 if megabytes > 200 else 0)
    return len(kept) // MB


def leak(megabytes: int) -> int:
    """Keep so much for ever."""
    KEPT.append(b"x" * (megabytes * MB))
    return os.getpid()


def start_a_program(megabytes: int) -> int:
    """Let another program take so much memory."""
    code = f"import time; kept = b'x' * {megabytes * MB}; time.sleep({20 if megabytes > 200 else 0})"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def running_at_once(folder: str) -> int:
    """Be in a folder for a while; tell how many others were there."""
    mine = Path(folder, f"{os.getpid()}-{threading.get_ident()}")
    mine.touch()
    time.sleep(0.12)  # a look comes every 0.05 s, and later on a busy machine: each item is to be seen
    count = len(os.listdir(folder))
    mine.unlink()
    return count


# The hard limit.


def test_the_item_that_crosses_the_hard_limit_is_ended_and_no_other(start_method: str | None) -> None:
    with Pool(2, context=start_method, max_rss_hard="200MB") as pool:
        outcomes = pool.map(hold, [1, 2, 300, 4, 5, 6], outcomes=True)
        assert pool.map(hold, [7]) == [7]
    assert [each.result for each in outcomes] == [1, 2, None, 4, 5, 6]
    error = outcomes[2].error
    assert type(error) is MemoryLimitExceeded
    assert isinstance(error, MemoryError)
    assert (error.index, error.item, error.limit) == (2, "300", 200 * MB)
    assert 200 * MB < error.rss < 400 * MB and error.pid == outcomes[2].worker
    assert str(error).startswith(f"item 2 (300): worker {error.pid} was killed: it held ")


def test_every_call_tells_of_it() -> None:
    with Pool(2, max_rss_hard="200MB") as pool:
        with pytest.raises(MemoryLimitExceeded, match=r"item 1 \(300\)"):
            pool.map(hold, [1, 300, 2])
        with pytest.raises(MemoryLimitExceeded, match=r"the call hold\(300\)"):
            pool.apply(hold, (300,))
        with pytest.raises(MemoryLimitExceeded, match=r"the call hold\(megabytes=300\)"):
            pool.submit(hold, megabytes=300).result()
        results = pool.imap(hold, [1, 300, 2])
        assert next(results) == 1
        with pytest.raises(MemoryLimitExceeded):
            next(results)
        assert next(results) == 2
    with pytest.raises(MemoryLimitExceeded):
        procession.map(hold, [300], max_rss_hard="200MB")
    with procession.stream(hold, [1, 300], max_rss_hard="200MB", outcomes=True) as stream:
        assert [type(each.error) for each in stream] == [type(None), MemoryLimitExceeded]


def test_an_executor_fails_the_one_future_and_is_not_broken() -> None:
    with procession.ProcessPoolExecutor(2, max_rss_hard="200MB") as executor:
        large, small = executor.submit(hold, 300), executor.submit(hold, 3)
        error = large.exception(30)
        assert type(error) is MemoryLimitExceeded and not isinstance(error, BrokenProcessPool)
        assert (small.result(30), executor.submit(hold, 4).result(30)) == (3, 4)


def test_on_an_event_loop() -> None:
    async def main() -> list[Any]:
        async with procession.aio.Pool(2, max_rss_hard="200MB", memory_floor="1MB") as pool:
            return [(each.result, type(each.error)) for each in await pool.map(hold, [1, 300, 3], outcomes=True)]

    assert asyncio.run(main()) == [(1, type(None)), (None, MemoryLimitExceeded), (3, type(None))]


def test_what_an_item_has_started_counts_too() -> None:
    with Pool(1, max_rss_hard="200MB") as pool:
        outcomes = pool.map(start_a_program, [1, 300, 2], outcomes=True)
        assert [type(each.error) for each in outcomes] == [type(None), MemoryLimitExceeded, type(None)]
        (worker,) = processes.descendants() and pool._pool
        wait_until(lambda: not memory.descendants(worker.pid), 20, "the program has ended with its worker")


def test_a_parent_that_holds_much_is_not_its_forks_fault() -> None:
    kept = b"x" * (300 * MB)
    with Pool(2, context="fork", max_rss="100MB", max_rss_hard="200MB") as pool:
        assert pool.map(hold, [1, 2, 3] * 10) == [1, 2, 3] * 10
        assert len(set(pool.map(leak, [1] * 20))) <= 2
    del kept
    gc.collect()


def test_shared_memory_does_not_count() -> None:
    array = numpy.ones(40_000_000)  # 320 MB
    with Pool(1, max_rss="100MB", max_rss_hard="200MB") as pool:
        pids = pool.map(sum_and_wait, [array] * 3)
    assert len(set(pids)) == 1


def sum_and_wait(array: Any) -> int:
    assert array.sum() == len(array)
    time.sleep(0.2)
    return os.getpid()


# The soft limit.


def test_a_worker_that_leaks_is_replaced_and_nothing_is_lost(start_method: str | None) -> None:
    with Pool(2, context=start_method, max_rss="100MB") as pool:
        pids = pool.map(leak, [10] * 40)
        results = list(pool.imap_unordered(hold, [1] * 50))
    assert len(pids) == 40 and results == [1] * 50
    assert 3 <= len(set(pids)) <= 6  # after ten items, and what it begins until the parent has heard of it


def test_what_an_item_gives_back_replaces_nobody() -> None:
    with Pool(1, max_rss="100MB") as pool:
        assert len({pool.apply(take_and_give_back, (150,)) for _ in range(5)}) == 1
        assert len(pool.apply(bytes, (150 * MB,))) == 150 * MB  # a large result, either


def take_and_give_back(megabytes: int) -> int:
    assert len(b"x" * (megabytes * MB)) == megabytes * MB
    return os.getpid()


def test_singles_too_and_tiny_items() -> None:
    with procession.ProcessPoolExecutor(2, max_rss="50MB") as executor:
        futures = [executor.submit(leak, 5) for _ in range(60)]
        assert len({future.result(30) for future in futures}) >= 4
    with Pool(2, max_rss="50MB") as pool:
        pids = pool.map(leak_little, range(20_000))
    assert len(pids) == 20_000 and len(set(pids)) >= 3


def leak_little(_: int) -> int:
    KEPT.append(bytes(10_000) + b"x")
    return os.getpid()


def test_a_worker_init_that_loads_much_does_not_stop_the_work() -> None:
    with Pool(2, initializer=leak, initargs=(150,), max_rss="100MB") as pool:
        assert pool.map(hold, range(6), chunksize=1) == list(range(6))


# The floor.


class Fake:
    """A machine with so much memory, of which each item takes a part; in place of `memory.Available` and `Sizes`."""

    total = 1000 * MB
    item = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self) -> int:
        return self.total - self.item * len(os.listdir(self.folder))

    def look(self, pids: Any) -> dict[int, int]:
        there = {int(name.partition("-")[0]) for name in os.listdir(self.folder)}
        return {pid: self.item * (pid in there) for pid in pids}

    def forget(self) -> None:
        pass


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    fake = Fake(tmp_path)
    monkeypatch.setattr(memory, "Available", lambda: fake)
    monkeypatch.setattr(memory, "Sizes", lambda: fake)
    return fake


@pytest.mark.parametrize(("floor", "item", "most"), [("2000MB", 0, 1), ("500MB", 240 * MB, 2), ("1MB", 1, 4)])
def test_no_more_run_at_once_than_there_is_memory_for(machine: Fake, floor: str, item: int, most: int) -> None:
    machine.item = item
    with Pool(4, memory_floor=floor) as pool:
        counts = pool.map(running_at_once, [str(machine.folder)] * 40)
        assert len(counts) == 40 and max(counts) == most
        futures = [pool.submit(running_at_once, str(machine.folder)) for _ in range(10)]
        assert max(future.result(30) for future in futures) <= most


def test_room_that_comes_and_goes(machine: Fake) -> None:
    with Pool(4, memory_floor="500MB") as pool:
        results = pool.imap(running_at_once, [str(machine.folder)] * 60, chunksize=1)
        before = [next(results) for _ in range(20)]
        machine.total = 400 * MB
        between = [next(results) for _ in range(20)]
        machine.total = 1000 * MB
        after = list(results)
    assert (max(before), between[-5:], max(after)) == (4, [1] * 5, 4)


def test_a_killed_worker_leaves_its_place_to_another(machine: Fake) -> None:
    with Pool(4, memory_floor="2000MB") as pool:
        outcomes = pool.map(die_or_not, [1, 0, 1, 0], outcomes=True, chunksize=1)
    assert [each.ok for each in outcomes] == [False, True, False, True]


def die_or_not(die: int) -> int:
    if die:
        os.kill(os.getpid(), 9)
    return die


def test_with_all_of_them_any_work_is_done() -> None:
    options: Any = {"max_rss": "50MB", "max_rss_hard": "5GB", "memory_floor": "1%"}
    with Pool(2, **options) as pool:
        assert pool.map(abs, range(-50_000, 0)) == list(range(50_000, 0, -1))
        assert [pool.apply(abs, (-n,)) for n in range(300)] == list(range(300))
        assert sum(pool.imap_unordered(abs, range(5000))) == sum(range(5000))


def test_an_idle_pool_is_not_looked_at() -> None:
    with Pool(2, max_rss_hard="5GB", memory_floor="1MB") as pool:
        pool.map(abs, range(100))
        pids = [os.getpid(), *(worker.pid or 0 for worker in pool._pool)]
        wait_until(lambda: is_silent(pids), 15, "nobody wakes up any more")


@pytest.mark.parametrize("backend", ["threads", "serial"])
@pytest.mark.parametrize("name", ["max_rss", "max_rss_hard", "memory_floor"])
def test_without_processes_they_are_refused(backend: Any, name: str) -> None:
    options: Any = {name: "1GB"}
    with pytest.raises(ValueError, match=f"{name}=: goes with backend='processes' only"):
        Pool(1, backend=backend, **options)
