"""Options of a pool with threads and serial: what each of them means there, or why it is refused."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import numpy
import pytest

import procession
from procession import Pool, worker
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


def make(backend: str, processes: int = 2, **options: Any) -> Pool:
    chosen: Any = {"backend": backend, **options}
    return Pool(processes, **chosen)


@pytest.mark.parametrize(
    "backend, option",
    [
        ("threads", {"threads_per_worker": 1}),
        ("threads", {"capture_output": True}),
        ("serial", {"threads_per_worker": 1}),
        ("serial", {"capture_output": True}),
    ],
)
def test_what_only_a_process_has_to_itself_is_refused(backend: str, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(ValueError, match=f"{name}=.*goes with backend='processes' only"):
        make(backend, **option)


def test_logging_and_preload_are_without_effect(inside: str) -> None:
    with make(inside, logging=False, preload=["no_such_module"]) as pool:
        assert pool.apply(abs, (-1,)) == 1


def test_state_number_and_item(inside: str) -> None:
    def begin() -> None:
        worker.state.seen = []

    def note(item: int) -> tuple[int | None, int | None, int]:
        worker.state.seen.append(item)
        return worker.id, worker.item, len(worker.state.seen)

    with make(inside, 1, worker_init=begin) as pool:
        assert pool.map(note, range(5)) == [(0, item, item + 1) for item in range(5)]
        assert list(pool.imap(note, range(3))) == [(0, item, item + 6) for item in range(3)]
    assert (worker.id, worker.item) == (None, None)
    with pytest.raises(AttributeError):
        _ = worker.state.seen


def test_numbers_of_threads_are_small_and_given_again() -> None:
    with make("threads", 3, maxtasksperchild=1) as pool:
        assert set(pool.map(lambda _: worker.id, range(30), chunksize=1)) <= set(range(6))


def test_first_and_last_words(inside: str) -> None:
    said: list[str] = []
    pool = make(inside, 2, worker_init=lambda: said.append("first"), worker_exit=lambda: said.append("last"))
    pool.map(work.square, range(10))
    pool.close()
    pool.join()
    assert sorted(said) == ["first"] * (said.count("first")) + ["last"] * said.count("first")
    assert said.count("first") == (2 if inside == "threads" else 1)


def test_last_words_when_terminated(inside: str) -> None:
    said: list[int] = []
    with make(inside, 1, worker_exit=lambda: said.append(1)) as pool:
        pool.apply(work.square, (1,))
    assert said == [1]


def test_last_words_that_fail_are_told(inside: str, capfd: pytest.CaptureFixture[str]) -> None:
    with make(inside, 1, worker_exit=lambda: 1 / 0) as pool:
        pool.apply(work.square, (1,))
    assert "worker_exit= failed" in capfd.readouterr().err


def draw(_: object) -> tuple[float, float]:
    return random.random(), float(numpy.random.random())


def test_seeds_of_serial_are_those_of_processes_and_leave_the_callers_alone() -> None:
    random.seed(1)
    numpy.random.seed(1)
    expected = random.random(), float(numpy.random.random())
    random.seed(1)
    numpy.random.seed(1)
    with make("serial", seed=3) as pool:
        serial = pool.map(draw, range(10))
        lazy = list(pool.imap(draw, range(10)))
    assert (random.random(), float(numpy.random.random())) == expected
    with make("processes", seed=3) as pool:
        assert pool.map(draw, range(10)) == serial
        assert list(pool.imap(draw, range(10))) == lazy
    assert len(set(serial + lazy)) == 20


def test_threads_leave_the_shared_generators_alone_and_have_one_for_each_item() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    with make("threads", seed=3) as pool:
        drawn = pool.map(lambda _: float(worker.rng().random()), range(10))
    assert random.random() == expected
    with make("processes", 1, seed=3) as pool:
        assert pool.map(lambda _: float(worker.rng().random()), range(10)) == drawn
    assert len(set(drawn)) == 10


def test_idle_threads_end_and_others_start_with_the_next_work() -> None:
    def alive() -> int:
        return sum(thread.name.startswith("ThreadPoolWorker") for thread in threading.enumerate())

    with make("threads", 2, idle_timeout=0.05) as pool:
        assert pool.map(work.square, range(4)) == [0, 1, 4, 9]
        wait_until(lambda: alive() == 0)
        assert pool.map(work.square, range(4)) == [0, 1, 4, 9]
        assert pool.apply(work.square, (5,)) == 25


def test_idle_serial_worker_begins_anew() -> None:
    begun: list[int] = []
    with make("serial", 1, idle_timeout=0.02, worker_init=lambda: begun.append(threading.get_ident())) as pool:
        for _ in range(3):
            assert pool.apply(work.square, (5,)) == 25
            assert list(pool.imap(work.square, range(3))) == [0, 1, 4]
            time.sleep(0.1)
        assert set(begun) == {threading.get_ident()}


async def later(number: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    return number * 2


def test_coroutine_functions(inside: str) -> None:
    with make(inside) as pool:
        assert pool.map(later, range(5)) == [0, 2, 4, 6, 8]
        assert pool.apply(later, (4,)) == 8


def test_functions_that_take_many_items(inside: str) -> None:
    with make(inside) as pool:
        double = procession.chunked(lambda items: [item * 2 for item in items])
        assert pool.map(double, range(500)) == [n * 2 for n in range(500)]


def test_cancel_ends_what_waits_and_nothing_that_runs() -> None:
    gate, begun = threading.Event(), threading.Event()
    with make("threads", 1) as pool:
        running = pool.submit(lambda: (begun.set(), gate.wait(30))[1])
        assert begun.wait(10)
        waiting = [pool.submit(work.square, n) for n in range(20)]
        assert not procession.cancel(running)
        assert all(procession.cancel(each) for each in waiting[5:])
        gate.set()
        assert running.result(10) is True
        assert [each.result(10) for each in waiting[:5]] == [0, 1, 4, 9, 16]
        assert all(each.cancelled() for each in waiting[5:])


# The executor.


def make_executor(backend: str, workers: int = 2, **options: Any) -> procession.ProcessPoolExecutor:
    return procession.ProcessPoolExecutor(workers, **{"backend": backend, **options})


def test_executor(inside: str) -> None:
    import concurrent.futures

    box: list[int] = []
    with make_executor(inside) as executor:
        futures = [executor.submit(work.square, n) for n in range(20)]
        assert sum(future.result(10) for future in concurrent.futures.as_completed(futures)) == 2470
        assert list(executor.map(lambda n: box.append(n) or n, range(50))) == list(range(50))
        assert list(executor.map(work.square, range(20), buffersize=3)) == [n * n for n in range(20)]
        assert isinstance(executor.submit(work.fail, 1).exception(10), ValueError)
        assert isinstance(executor.submit(exit, 3).exception(10), SystemExit)
        assert executor._max_workers == 2
    assert box == list(range(50)) or inside == "threads" and sorted(box) == list(range(50))
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(work.square, 1)


def test_executor_that_is_ended(inside: str) -> None:
    for end in ("terminate_workers", "kill_workers"):
        executor = make_executor(inside)
        assert executor.submit(work.square, 3).result(10) == 9
        getattr(executor, end)()
        executor.shutdown()


def test_executor_cancels_what_waits() -> None:
    gate, begun = threading.Event(), threading.Event()
    executor = make_executor("threads", 1)
    running = executor.submit(lambda: (begun.set(), gate.wait(30))[1])
    assert begun.wait(10)
    waiting = [executor.submit(work.square, n) for n in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(each.cancelled() for each in waiting)
    gate.set()
    assert running.result(10) is True
    executor.shutdown()


def test_executor_refuses_what_does_not_go_together(inside: str) -> None:
    with pytest.raises(ValueError, match="starts no processes"):
        make_executor(inside, mp_context="spawn")
    with pytest.raises(ValueError, match="must be one of 'processes'"):
        make_executor("dask2")


def test_executor_whose_initializer_fails(inside: str) -> None:
    from concurrent.futures.process import BrokenProcessPool

    with make_executor(inside, initializer=work.fail_to_begin) as executor, pytest.raises(BrokenProcessPool):
        executor.submit(work.square, 1).result(10)
