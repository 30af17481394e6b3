"""Where a pool may be used: many threads, other processes, other pools, an event loop, a tight machine."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.launcher import host
from tests.helpers import scripts
from tests.helpers.tasks import square

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def in_thread(work: Callable[[], Any]) -> Any:
    """Run `work` in a thread and give back what it returned."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), name="tests-caller")
    thread.start()
    thread.join()
    return found[0]


def test_eight_threads_use_one_pool(start_method: str | None) -> None:
    wrong = []

    def use(pool: procession.Pool, number: int) -> None:
        for turn in range(5):
            base = 1000 * number + turn
            if pool.map(square, range(base, base + 50)) != [each * each for each in range(base, base + 50)]:
                wrong.append("map")
            if pool.apply(square, (base,)) != base * base:
                wrong.append("apply")
            if list(pool.imap(square, range(base, base + 20))) != [each * each for each in range(base, base + 20)]:
                wrong.append("imap")
            if pool.submit(square, base).result() != base * base:
                wrong.append("submit")

    with procession.Pool(2, context=start_method) as pool:
        threads = [threading.Thread(target=use, args=(pool, number), name="tests-user") for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_pool_made_used_and_ended_in_a_thread(start_method: str | None) -> None:
    def work() -> list[int]:
        with procession.Pool(2, context=start_method) as pool:
            return pool.map(square, range(10))

    assert in_thread(work) == [number * number for number in range(10)]


def test_a_pool_ended_by_another_thread_than_its_maker() -> None:
    pool = in_thread(lambda: procession.Pool(2))
    results = pool.map_async(square, range(20))
    in_thread(pool.close)
    in_thread(pool.join)
    assert results.get() == [number * number for number in range(20)]


def test_a_thread_that_terminates_ends_the_waiting_of_another() -> None:
    pool = procession.Pool(2)
    began = threading.Event()

    def wait() -> str:
        began.set()
        try:
            return str(pool.map(time.sleep, [30, 30]))
        except procession.PoolTerminated as error:
            return str(error)

    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(wait()), name="tests-waiter")
    thread.start()
    began.wait()
    pool.terminate()
    thread.join()
    assert "terminate() was called" in found[0]


def test_inside_an_event_loop() -> None:
    async def work() -> list[Any]:
        with procession.Pool(2) as pool:
            calls = [asyncio.to_thread(pool.map, square, range(10)) for _ in range(4)]
            futures = [asyncio.wrap_future(pool.submit(square, number)) for number in range(10)]
            return [*await asyncio.gather(*calls), await asyncio.gather(*futures)]

    assert asyncio.run(work()) == [[number * number for number in range(10)]] * 5
    assert asyncio.run(_mapped()) == [0, 1, 4]


async def _mapped() -> list[int]:
    return await asyncio.to_thread(procession.map, square, range(3))


# Pools inside of workers and other processes.


def inner_pool(number: int) -> tuple[int, list[int]]:
    with procession.Pool() as pool:
        return pool.size, pool.map(square, range(number))


@pytest.mark.short
def test_a_pool_inside_a_worker(start_method: str | None) -> None:
    outer = 2
    share = max(1, host.worker_count().count // outer)
    with procession.Pool(outer, context=start_method) as pool:
        found = pool.map(inner_pool, range(6), chunksize=1)
    assert found == [(share, [each * each for each in range(number)]) for number in range(6)]


def innermost(depth: int) -> list[int]:
    if not depth:
        return [os.getpid()]
    return [os.getpid(), *procession.map(innermost, [depth - 1], processes=1)[0]]


def test_pools_three_deep() -> None:
    pids = procession.map(innermost, [3], processes=1)[0]
    assert len(set(pids)) == 4


def use_in_process(method: str | None, queue: Any) -> None:
    pool = procession.Pool(2, context=method)
    queue.put(pool.map(square, range(5)))
    pool.close()
    pool.join()
    with procession.Pool(2, context=method) as other:
        queue.put(other.apply(square, (5,)))
    left = procession.Pool(2, context=method)  # open at the end of the process
    queue.put(left.apply(square, (6,)))


@pytest.mark.parametrize("kind", ["fork", "spawn"])
@pytest.mark.parametrize("method", [None, "nursery", "spawn"])
def test_a_pool_inside_a_process_of_multiprocessing(kind: str, method: str | None) -> None:
    context = multiprocessing.get_context(kind)
    queue = context.SimpleQueue()
    process = context.Process(target=use_in_process, args=(method, queue), daemon=True)
    process.start()
    assert [queue.get(), queue.get(), queue.get()] == [[0, 1, 4, 9, 16], 25, 36]
    process.join(20)
    assert process.exitcode == 0
    process.close()
    queue.close()


def in_stdlib_pool(number: int) -> list[int]:
    with procession.Pool(2) as pool:
        return pool.map(square, range(number))


def test_a_pool_inside_a_worker_of_multiprocessing() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(in_stdlib_pool, range(4)) == [[], [0], [0, 1], [0, 1, 4]]


# Tight limits.

LIMITED = """
    import os, resource, sys
    import procession

    def square(number):
        return number * number

    method, kind, limit, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(getattr(resource, kind), (limit, limit))
    before = sorted(os.listdir("/proc/self/fd"))
    try:
        with procession.Pool(workers, context=None if method == "default" else method) as pool:
            assert pool.map(square, range(100)) == [number * number for number in range(100)]
            assert list(pool.imap(square, range(100))) == [number * number for number in range(100)]
            print("worked")
    except procession.StartFailed as error:
        print("StartFailed:", error)
"""


@pytest.mark.parametrize("limit", [5, 7, 10, 13, 14, 16, 40])
@pytest.mark.parametrize("method", ["default", "nursery"])
def test_few_descriptors(run_script: Callable[..., scripts.Finished], method: str, limit: int) -> None:
    finished = run_script(
        LIMITED, arguments=[method, "RLIMIT_NOFILE", str(limit), "8"], flags=["-X", "dev"], timeout=20
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    refused = "StartFailed: a worker could not be started: Too many open files; raise the limit (ulimit -n), or"
    if limit < 13:
        assert finished.stdout.startswith(refused)
    elif limit == 40:
        assert finished.stdout == "worked\n"
    else:  # on the verge it may be the one or the other
        assert finished.stdout == "worked\n" or finished.stdout.startswith(refused)


# The limit of processes does not bind root, so another user's name is taken, and the rights to exceed it are dropped.
OTHER_USER = ["setpriv", "--ruid", "65534", "--bounding-set", "-sys_resource,-sys_admin"]


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
@pytest.mark.parametrize("limit", [1, 2, 4, 6, 20])
@pytest.mark.parametrize("method", ["default", "nursery"])
def test_few_processes(tmp_path: Path, method: str, limit: int) -> None:
    path = scripts.write_script(tmp_path, LIMITED)
    command = [sys.executable, "-X", "dev", str(path), method, "RLIMIT_NPROC", str(limit), "4"]
    finished = scripts.run_command([*OTHER_USER, *command], tmp_path, timeout=20)
    assert (finished.returncode, finished.stderr) == (0, "")
    if limit < 20:
        assert finished.stdout.startswith("StartFailed: a worker could not be started: ")
        assert finished.stdout.endswith("raise the limit (ulimit -u), or use fewer workers\n")
    else:
        assert finished.stdout == "worked\n"


def test_many_workers_do_not_pile_up_on_the_stack(run_script: Callable[..., scripts.Finished]) -> None:
    script = """
        import sys
        import procession

        with procession.Pool(60) as pool:
            pool.map(abs, [1])
            sys.setrecursionlimit(100)
            assert pool.map(abs, range(-5000, 0), chunksize=1) == list(range(5000, 0, -1))
        print("worked")
    """
    assert run_script(script).stdout == "worked\n"
