"""submit, map and starmap keep what concurrent.futures promises."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import inspect
import itertools
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import procession
from procession import ProcessPoolExecutor, futures
from tests.futures import work
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
@pytest.mark.parametrize("method", [None, "fork", "spawn", "forkserver", "nursery"])
def test_calls_under_every_start_method(method: str | None) -> None:
    with ProcessPoolExecutor(2, method) as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        future = executor.submit(work.add, 1, 2, more=3)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(30) == 6 and future.done() and not future.cancelled() and future.exception() is None
        assert executor.submit(work.capture, 1, self=2, fn=3).result(30) == ((1,), {"self": 2, "fn": 3})
        assert list(executor.map(pow, range(9), range(9))) == [n**n for n in range(9)]
        assert list(executor.starmap(pow, [(2, 3), (3, 2)])) == [8, 9]
        assert executor.submit(lambda n: n + 1, 1).result(30) == 2
    assert executor._mp_context.get_start_method(True) in (None, method, "fork")


def test_signatures_are_those_of_the_newest_python() -> None:
    names = list(inspect.signature(ProcessPoolExecutor).parameters)
    assert names[:5] == ["max_workers", "mp_context", "initializer", "initargs", "max_tasks_per_child"]
    map_parameters = inspect.signature(ProcessPoolExecutor.map).parameters
    assert [map_parameters[name].default for name in ("timeout", "chunksize", "buffersize")] == [None, 1, None]
    theirs = set(concurrent.futures.__all__)
    assert theirs <= {name for name in theirs if hasattr(futures, name)}
    assert futures.Future is concurrent.futures.Future and futures.wait is concurrent.futures.wait
    assert procession.futures is futures and futures.ProcessPoolExecutor is ProcessPoolExecutor


def test_as_completed_wait_and_asyncio(executor: ProcessPoolExecutor) -> None:
    made = [executor.submit(work.square, n) for n in range(300)]
    assert sorted(each.result() for each in futures.as_completed(made, 30)) == [n * n for n in range(300)]

    async def gather() -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, work.square, n) for n in range(20)))

    assert asyncio.run(gather()) == [n * n for n in range(20)]


def test_eight_threads_submit_and_map_at_once(executor: ProcessPoolExecutor) -> None:
    out: dict[int, list[int]] = {}

    def run(thread: int) -> None:
        made = [executor.submit(work.square, n) for n in range(500)]
        mapped = list(executor.map(work.square, range(500)))
        assert [each.result(30) for each in made] == mapped
        out[thread] = mapped

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out == {n: [m * m for m in range(500)] for n in range(8)}


@pytest.mark.parametrize("chunksize", [1, 3, 50])
@pytest.mark.parametrize("buffersize", [None, 1, 4, 100])
def test_map_gives_all_in_order(executor: ProcessPoolExecutor, chunksize: int, buffersize: int | None) -> None:
    mapped = executor.map(work.square, range(47), chunksize=chunksize, buffersize=buffersize)
    assert list(mapped) == [n * n for n in range(47)]
    assert list(executor.map(work.square, [], chunksize=chunksize, buffersize=buffersize)) == []
    starred = executor.starmap(pow, zip(range(9), range(9), strict=True), chunksize=chunksize, buffersize=buffersize)
    assert list(starred) == [n**n for n in range(9)]


def test_map_without_buffersize_submits_all_at_once(executor: ProcessPoolExecutor, tmp_path: Path) -> None:
    executor.map(work.note_and_square, range(5), [tmp_path / "ran"] * 5)
    wait_until(lambda: (tmp_path / "ran").exists() and len((tmp_path / "ran").read_text().split()) == 5)


def test_map_with_buffersize_reads_as_results_are_taken(executor: ProcessPoolExecutor) -> None:
    read: list[int] = []

    def endless() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    mapped = executor.map(work.square, endless(), buffersize=3)
    assert len(read) == 3
    assert [next(mapped) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(read) == 8
    mapped.close()  # type: ignore[attr-defined]


def test_map_ends_with_the_first_error(executor: ProcessPoolExecutor) -> None:
    for buffersize in (None, 2):
        mapped = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5], buffersize=buffersize)
        assert next(mapped) == (0, 1) and next(mapped) == (0, 1)
        with pytest.raises(ZeroDivisionError):
            next(mapped)
        assert list(mapped) == []


def test_map_takes_a_timeout(executor: ProcessPoolExecutor, tmp_path: Path) -> None:
    for buffersize in (None, 2):
        mapped = executor.map(work.wait_for, [tmp_path / "never"], timeout=0.05, buffersize=buffersize)
        with pytest.raises(TimeoutError) as caught:
            next(mapped)
        assert isinstance(caught.value, procession.TimeoutError)
    (tmp_path / "never").touch()


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"chunksize": 0}, ValueError, "chunksize must be >= 1"),
        ({"chunksize": -1}, ValueError, "chunksize must be >= 1"),
        ({"buffersize": 0}, ValueError, "buffersize must be None or > 0"),
        ({"buffersize": 1.5}, TypeError, "buffersize must be an integer or None"),
    ],
)
def test_options_of_map_are_checked(executor: ProcessPoolExecutor, options: dict, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        executor.map(work.square, [1], **options)


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"max_workers": 0}, ValueError, "max_workers must be greater than 0"),
        ({"max_workers": -1}, ValueError, "max_workers must be greater than 0"),
        ({"max_workers": 1.5}, TypeError, "max_workers must be an integer"),
        ({"max_tasks_per_child": 0}, ValueError, "max_tasks_per_child must be >= 1"),
        ({"max_tasks_per_child": "3"}, TypeError, "max_tasks_per_child must be an integer"),
        ({"initializer": 1}, TypeError, "initializer must be a callable"),
        ({"mp_context": "no such"}, ValueError, "must be one of"),
    ],
)
def test_options_are_checked(options: dict, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ProcessPoolExecutor(**options)


def test_nothing_is_kept_longer_than_needed(executor: ProcessPoolExecutor) -> None:
    argument = work.Thing()
    seen = weakref.ref(argument)
    executor.submit(work.capture, argument).result(30)
    del argument
    gc.collect()
    wait_until(lambda: seen() is None)
    for result in executor.map(work.thing, range(10)):
        seen_result = weakref.ref(result)
        del result
        gc.collect()
        assert seen_result() is None


def test_a_future_does_not_keep_its_executor() -> None:
    executor = ProcessPoolExecutor(1)
    future = executor.submit(work.square, 3)
    seen = weakref.ref(executor)
    del executor
    gc.collect()
    assert seen() is None and future.result(30) == 9


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_are_replaced_after_their_tasks(method: str) -> None:
    with ProcessPoolExecutor(1, method, max_tasks_per_child=3) as executor:
        pids = [executor.submit(work.pid).result(30) for _ in range(7)]
        assert len(set(pids)) == 3 and pids[0] == pids[2] != pids[3] == pids[5] != pids[6]
    executor = ProcessPoolExecutor(3, method, max_tasks_per_child=1)
    made = [executor.submit(work.pid) for _ in range(6)]
    executor.shutdown()
    assert len({each.result(0) for each in made}) == 6


def test_initializer_runs_first_in_every_worker() -> None:
    with ProcessPoolExecutor(2, initializer=work.set_state, initargs=("ready",)) as executor:
        assert list(executor.map(work.state, range(20))) == ["ready"] * 20


def test_what_programs_read(executor: ProcessPoolExecutor) -> None:
    assert executor._max_workers == 2 and executor._broken is False
    before = executor._processes
    assert len(before) == 2 and all(each.is_alive() and each.pid == pid for pid, each in before.items())
    assert executor.submit(work.pid).result(30) in before
    executor.shutdown()
    after = executor._processes
    assert after.keys() == before.keys()
    for each in after.values():
        each.join()
        assert not each.is_alive() and each.exitcode == 0


def test_stdlib_contexts_are_taken() -> None:
    import multiprocessing

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert executor._mp_context is context and executor.submit(work.square, 2).result(30) == 4


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_start_as_they_are_needed(method: str, tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, method) as executor:
        assert not executor._processes
        assert len({executor.submit(work.pid).result(30) for _ in range(5)}) == len(executor._processes) == 1
        running = [executor.submit(work.wait_for, tmp_path / "gate") for _ in range(3)]
        wait_until(lambda: all(future.running() for future in running))
        assert len(executor._processes) == 3
        (tmp_path / "gate").touch()
        assert [future.result(30) for future in running] == ["gate"] * 3
        assert list(executor.map(work.square, range(100))) == [n * n for n in range(100)]
        assert len(executor._processes) <= 4


def test_options_of_a_pool_are_taken(executor: ProcessPoolExecutor) -> None:
    with ProcessPoolExecutor(1, "spawn", preload=["colorsys"], worker_init=work.begin, idle_timeout=60) as executor:
        assert executor.submit(work.state).result(30) == "begun"
    with ProcessPoolExecutor(2, backend="threads") as executor:
        assert executor.submit(work.pid).result(30) == os.getpid()
        assert list(executor.map(work.square, range(10))) == [n * n for n in range(10)]
    with ProcessPoolExecutor(2, backend="serial") as executor:
        assert executor.submit(work.square, 3).result(30) == 9
