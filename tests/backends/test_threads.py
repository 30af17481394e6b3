"""Threads: items run side by side in threads of this process, which cannot be killed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from procession import Pool, PoolTerminated, RemoteError
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolWorker")]


def thread_name(_: object = None) -> str:
    return threading.current_thread().name


@pytest.mark.short
def test_items_run_side_by_side() -> None:
    barrier = threading.Barrier(3)
    with Pool(3, backend="threads") as pool:
        names = pool.map(lambda _: (barrier.wait(20), thread_name())[1], range(3), chunksize=1)
        assert sorted(names) == ["ThreadPoolWorker-1", "ThreadPoolWorker-2", "ThreadPoolWorker-3"]
    assert not workers()


def test_long_items_do_not_queue_behind_each_other() -> None:
    gate = threading.Event()

    def wait_once(item: int) -> int:
        if item == 0:
            gate.wait(30)
        elif item == 199:
            gate.set()
        return item

    with Pool(2, backend="threads") as pool:
        assert pool.map(wait_once, range(200)) == list(range(200))
        gate.clear()
        results = [pool.apply_async(wait_once, (item,)) for item in range(200)]
        assert [result.get(20) for result in results] == list(range(200))


def test_initializer_runs_once_in_each_thread() -> None:
    local = threading.local()
    seen: list[str] = []

    def begin(value: int) -> None:
        local.value = value
        seen.append(thread_name())

    barrier = threading.Barrier(2)
    with Pool(2, begin, (7,), backend="threads") as pool:
        assert pool.map(lambda _: (barrier.wait(20), local.value)[1], range(2), chunksize=1) == [7, 7]
    assert sorted(seen) == ["ThreadPoolWorker-1", "ThreadPoolWorker-2"]


def test_quota_replaces_the_thread() -> None:
    with Pool(1, backend="threads", maxtasksperchild=2) as pool:
        names = [pool.apply(thread_name) for _ in range(6)]
        assert len(set(names)) >= 3
        wait_until(lambda: len(workers()) <= 2)
    assert not workers()


def test_ctrl_c_of_a_task_is_its_outcome() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with Pool(1, backend="threads") as pool:
        with pytest.raises(RemoteError) as caught:
            pool.apply(interrupt, (1,))
        assert isinstance(caught.value.cause, KeyboardInterrupt)
        assert pool.apply(work.square, (3,)) == 9


def test_terminate_gives_up_a_thread_that_does_not_end() -> None:
    gate = threading.Event()
    pool = Pool(2, backend="threads")
    begun = threading.Event()
    result = pool.apply_async(lambda: (begun.set(), gate.wait(50)))
    assert begun.wait(10)
    since = time.monotonic()
    pool.terminate()
    assert time.monotonic() - since < 3
    with pytest.raises(PoolTerminated):
        result.get(5)
    (left,) = workers()
    assert left.daemon
    gate.set()  # what it ran ends, and nobody hears of it
    left.join(10)
    assert not left.is_alive()


def test_terminate_does_not_wait_where_nothing_runs() -> None:
    pool = Pool(4, backend="threads")
    pool.map(work.square, range(10))
    since = time.monotonic()
    pool.terminate()
    assert time.monotonic() - since < 0.4
    assert not workers()


def test_terminate_lets_nothing_more_begin() -> None:
    ran: list[int] = []
    gate, begun = threading.Event(), threading.Event()

    def note(item: int) -> None:
        ran.append(item)
        begun.set()
        gate.wait(20)

    pool = Pool(1, backend="threads")
    pool.map_async(note, range(100), chunksize=100)
    assert begun.wait(10)
    pool.terminate()
    gate.set()
    wait_until(lambda: not workers())
    assert ran == [0]


def test_terminate_in_a_task() -> None:
    with Pool(2, backend="threads") as pool:
        with pytest.raises(PoolTerminated):
            pool.apply(pool.terminate)
    assert not workers()


def test_exit_does_not_wait_for_a_thread(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import threading
        from procession import Pool

        pool = Pool(2, backend="threads")
        begun = threading.Event()
        pool.apply_async(lambda: (begun.set(), threading.Event().wait(50)))
        begun.wait(10)
        print("end")
        """,
        timeout=20,
    )
    assert (finished.returncode, finished.stdout) == (0, "end\n"), finished


def test_ctrl_c_in_the_caller(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import os, signal, threading, time
        from procession import Pool

        def interrupt(_):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

        try:
            with Pool(2, backend="threads") as pool:
                pool.map(interrupt, range(1))
        except KeyboardInterrupt:
            print("interrupted", [t.name for t in threading.enumerate()])
        """,
        timeout=20,
    )
    assert (finished.returncode, finished.stdout) == (0, "interrupted ['MainThread']\n"), finished


def test_forgotten_pool_leaves_no_thread() -> None:
    pool = Pool(2, backend="threads")
    pool.apply(work.square, (2,))
    with pytest.warns(ResourceWarning):
        del pool
    wait_until(lambda: not workers())


def test_hundred_threads() -> None:
    barrier = threading.Barrier(100)
    with Pool(100, backend="threads") as pool:
        assert len(set(pool.map(lambda _: (barrier.wait(30), thread_name())[1], range(100), chunksize=1))) == 100


def test_storm_of_calls_from_many_threads() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    failed: list[BaseException] = []

    def use(pool: Pool, number: int) -> None:
        try:
            for turn in range(30):
                count = 1 + (turn * 7 + number) % 40
                assert pool.map(work.square, range(count)) == [n * n for n in range(count)]
                assert list(pool.imap(work.same, iter(range(count)))) == list(range(count))
                results: list[Any] = [pool.apply_async(work.square, (n,)) for n in range(count)]
                assert [each.get(30) for each in results] == [n * n for n in range(count)]
        except BaseException as error:
            failed.append(error)

    try:
        with Pool(4, backend="threads", maxtasksperchild=50) as pool:
            threads = [threading.Thread(target=use, args=(pool, number)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failed, failed
