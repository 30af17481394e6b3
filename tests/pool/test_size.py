"""How many workers a pool has: `resize`, `idle_timeout`, successors that are there in time."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import procession
from procession import Pool
from tests.engine.test_idle_pool import is_silent
from tests.helpers.tasks import nap
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


def alive(pool: Pool) -> list[int]:
    return [worker.pid for worker in pool._pool if worker.is_alive() and worker.pid]


def has(pool: Pool, count: int) -> None:
    wait_until(lambda: len(alive(pool)) == count, message=f"{count} workers")


# resize


@pytest.mark.short
def test_a_pool_grows_and_shrinks_while_work_runs(start_method: str | None) -> None:
    with Pool(1, context=start_method) as pool:
        result = pool.map_async(work.pause, [0.01] * 60, 1)
        pool.resize(4)
        assert pool.size == pool._processes == 4
        wait_until(lambda: len(alive(pool)) == 4, message="4 workers")
        pool.resize(2)
        has(pool, 2)
        pool.resize(3)
        assert result.get(30) == [0.01] * 60
        assert len({*pool.map(nap, [0.1] * 6, 1)}) == 3
        assert list(pool.imap(work.square, range(50))) == [n * n for n in range(50)]


def test_the_busy_end_after_what_they_run(tmp_path: Path) -> None:
    doors = [tmp_path / str(number) for number in range(3)]
    with Pool(3) as pool:
        results = [pool.apply_async(work.wait_for_file, (door,)) for door in doors]
        wait_until(lambda: all(busy(pid) for pid in alive(pool)) and len(alive(pool)) == 3)
        pool.resize(1)
        assert len(alive(pool)) == 3
        for door, result in zip(doors, results, strict=True):
            door.touch()
            assert result.get(30) == door.name
        has(pool, 1)


def busy(pid: int) -> bool:
    return psutil.Process(pid).num_ctx_switches().voluntary > 20  # it polls for its file


def test_far_more_workers_than_at_the_beginning() -> None:
    with Pool(1) as pool:
        pool.resize(80)  # more than there was room for
        has(pool, 80)
        assert pool.map(work.square, range(500), 1) == [n * n for n in range(500)]
        pool.resize(1)
        has(pool, 1)
        assert pool.apply(work.square, (3,)) == 9


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_none_is_refused(size: int) -> None:
    with Pool(1) as pool:
        with pytest.raises(ValueError):
            pool.resize(size)
        with pytest.raises(TypeError):
            pool.resize("two")  # type: ignore[arg-type]
        assert pool.size == 1
    with pytest.raises(ValueError, match="not running"):
        pool.resize(2)


def test_another_size_from_many_threads() -> None:
    with Pool(2) as pool:

        def change() -> None:
            for size in (1, 4, 2, 3, 1, 2):
                pool.resize(size)

        threads = [threading.Thread(target=change) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert pool.map(work.square, range(3000), 3) == [n * n for n in range(3000)]
        for thread in threads:
            thread.join()
        pool.resize(2)
        has(pool, 2)


# idle_timeout


@pytest.mark.short
def test_idle_workers_end_and_come_back_with_the_next_work(start_method: str | None) -> None:
    with Pool(2, idle_timeout=0.05, context=start_method) as pool:
        for _ in range(2):
            first = {*pool.map(work.pid_after_pause, [0.05] * 4, 1)}
            has(pool, 0)
            assert pool.apply(work.pid) not in first
            has(pool, 0)
            assert pool.submit(work.square, 3).result(30) == 9
            assert list(pool.imap(work.square, iter(range(9)))) == [n * n for n in range(9)]


def test_a_pool_whose_workers_have_gone_does_not_wake_up() -> None:
    with Pool(2, idle_timeout=0.01) as pool:
        pool.map(work.square, range(10))
        has(pool, 0)
        assert any(is_silent([os.getpid()]) for _ in range(5))


def test_who_is_at_work_is_not_idle() -> None:
    with Pool(1, idle_timeout=0.02) as pool:
        pids = pool.map(work.pid_after_pause, [0.1] * 3, 1)
        assert len({*pids}) == 1


def test_an_input_that_comes_slowly_wakes_a_worker_for_each_item() -> None:
    with Pool(2, idle_timeout=0.01) as pool:

        def slowly() -> Any:
            for number in range(3):
                has(pool, 0)
                yield number

        assert list(pool.imap(work.square, slowly())) == [0, 1, 4]


def test_close_while_nobody_is_there() -> None:
    pool = Pool(2, idle_timeout=0.01)
    has(pool, 0)
    result = pool.apply_async(work.square, (2,))
    pool.close()
    pool.join()
    assert result.get(0) == 4


@pytest.mark.parametrize("seconds", [-1, "soon", float("nan")])
def test_a_time_that_is_none_is_refused(seconds: Any) -> None:
    with pytest.raises(ValueError, match="idle_timeout"):
        Pool(1, idle_timeout=seconds)


# maxtasksperchild


def test_a_successor_is_born_before_its_predecessor_has_ended(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(1, maxtasksperchild=1) as pool:
        result = pool.apply_async(work.wait_for_file, (door,))
        wait_until(lambda: len(alive(pool)) == 2, message="a successor, while the only item runs")
        second = pool.apply_async(work.pid)
        _, successor = [worker.pid for worker in pool._pool]  # in the order of their birth
        assert not second.ready()
        door.touch()
        assert result.get(30) and second.get(30) == successor


def test_no_more_items_run_at_once_than_there_are_workers(tmp_path: Path) -> None:
    with Pool(2, maxtasksperchild=1, initializer=work.set_state, initargs=(1,)) as pool:
        spans = pool.map(work.span_of_a_pause, [0.03] * 20, 1)
    for begin, _ in spans:
        assert sum(start <= begin < end for start, end in spans) <= 2


def test_recycling_costs_no_pause() -> None:
    with Pool(1, maxtasksperchild=1, initializer=time.sleep, initargs=(0.2,)) as pool:
        pool.apply(work.pid)
        spans = pool.map(work.span_of_a_pause, [0.4] * 4, 1)
    gaps = [after[0] - before[1] for before, after in zip(spans, spans[1:], strict=False)]
    assert min(gaps) < 0.15, gaps  # not the 0.2 s of the initializer; the least, since machines are busy


def test_a_pool_that_is_closed_has_no_successors_for_nothing() -> None:
    pool = Pool(2, maxtasksperchild=1)
    results = pool.map_async(work.pid_after_pause, [0.05] * 5, 1)
    pool.close()
    pool.join()
    assert len({*results.get(0)}) == 5
    assert not procession.active_children()
