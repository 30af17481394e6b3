"""What a future holds when its call failed: the object itself, or a broken pool's error that names the death."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import os
import pickle
import signal
import weakref
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from procession import Pool, ProcessPoolExecutor, RemoteError, RemoteTraceback, TaskExit, WorkerDied
from tests.futures import work

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
@pytest.mark.parametrize("number, text", [(signal.SIGTERM, "SIGTERM(-15)"), (signal.SIGKILL, "SIGKILL(-9)")])
def test_killed_worker_costs_one_future(executor: ProcessPoolExecutor, number: int, text: str) -> None:
    others = [executor.submit(work.square, n) for n in range(50)]
    lost = executor.submit(work.die, number)
    others += [executor.submit(work.square, n) for n in range(50)]
    error = lost.exception(30)
    assert isinstance(error, WorkerDied) and isinstance(error, BrokenProcessPool)
    assert text in str(error) and "die(" in str(error) and error.exitcode == -number
    assert [each.result(30) for each in others] == [n * n for n in range(50)] * 2
    assert executor.submit(work.square, 3).result(30) == 9 and executor._broken is False
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) and again.pid == error.pid


def test_exit_is_named(executor: ProcessPoolExecutor) -> None:
    error = executor.submit(work.leave, 42).exception(30)
    assert isinstance(error, BrokenProcessPool) and "EXIT(42)" in str(error)


def test_map_tells_of_a_death_at_its_place(executor: ProcessPoolExecutor) -> None:
    for options in ({}, {"buffersize": 2}, {"chunksize": 2}):
        mapped = executor.map(work.die_at, range(10), [4] * 10, **options)  # type: ignore[arg-type]
        assert [next(mapped) for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(BrokenProcessPool, match="SIGKILL"):
            next(mapped)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, ValueError])
def test_future_holds_what_the_task_raised(executor: ProcessPoolExecutor, kind: type[BaseException]) -> None:
    error = executor.submit(work.throw, kind, 7).exception(30)
    assert type(error) is kind and error.args == (7,)
    assert type(error.__cause__) is RemoteTraceback and "raise error(*args)" in error.__cause__.tb
    if kind is not StopIteration:
        with pytest.raises(kind):
            next(executor.map(work.throw, [kind]))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, pickle.PicklingError])
def test_future_holds_what_pickling_raised(executor: ProcessPoolExecutor, kind: type[BaseException]) -> None:
    if kind is not KeyboardInterrupt:  # there it is the user's Ctrl-C
        assert type(executor.submit(id, work.Unpicklable(kind)).exception(30)) is kind
    assert type(executor.submit(work.make, kind).exception(30)) is kind
    assert type(executor.submit(id, work.Late(kind)).exception(30)) is kind
    assert type(executor.submit(work.make_late, kind).exception(30)) is kind
    with pytest.raises(pickle.PicklingError):
        next(executor.map(work.Unpicklable(pickle.PicklingError), [1]))  # type: ignore[arg-type]
    assert executor.submit(work.square, 3).result(30) == 9


def nested(kind: type[BaseException]) -> None:
    with Pool(1) as pool:
        pool.apply(work.throw, (kind, 3))


def nested_death() -> None:
    with Pool(1) as pool:
        pool.apply(work.die, (9,))


def test_errors_of_a_pool_inside_stay_what_they_are(executor: ProcessPoolExecutor) -> None:
    assert type(executor.submit(nested, SystemExit).exception(30)) is TaskExit
    assert type(executor.submit(nested, KeyboardInterrupt).exception(30)) is RemoteError
    assert type(executor.submit(nested_death).exception(30)) is WorkerDied


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_failing_initializer_breaks_the_executor(method: str, tmp_path: Path) -> None:
    executor = ProcessPoolExecutor(2, method, initializer=work.fail_to_begin, initargs=(tmp_path / "log",))
    future: concurrent.futures.Future[int]
    try:
        future = executor.submit(work.square, 3)
    except BrokenProcessPool:
        pass  # it was broken before
    else:
        assert isinstance(future.exception(30), BrokenProcessPool)
        assert isinstance(future.exception().__cause__, LookupError)  # type: ignore[union-attr]
    with pytest.raises(BrokenProcessPool, match="no such database"):
        while True:
            concurrent.futures.wait([executor.submit(work.square, 3)], 30)
    with pytest.raises(BrokenProcessPool, match="no such database"):
        executor.map(work.square, [3])
    assert "no such database" in str(executor._broken)
    executor.shutdown()
    logged = (tmp_path / "log").read_text()
    assert "Exception in initializer:" in logged and "LookupError: no such database" in logged


def test_an_error_does_not_keep_what_its_caller_has(executor: ProcessPoolExecutor) -> None:
    def fail() -> weakref.ref[work.Thing]:
        thing = work.Thing()
        with contextlib.suppress(ValueError):
            executor.submit(work.throw, ValueError).result(30)
        with contextlib.suppress(ValueError):
            list(executor.map(work.throw, [ValueError], buffersize=1))
        with contextlib.suppress(ValueError):
            list(executor.map(work.throw, [ValueError]))
        return weakref.ref(thing)

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_callbacks_may_raise_and_may_submit(executor: ProcessPoolExecutor, caplog: pytest.LogCaptureFixture) -> None:
    more: list[concurrent.futures.Future[int]] = []
    future = executor.submit(work.square, 3)
    future.add_done_callback(lambda done: 1 // 0)
    future.add_done_callback(lambda done: more.append(executor.submit(work.square, done.result())))
    assert future.result(30) == 9
    concurrent.futures.wait([executor.submit(work.square, 1)], 30)
    assert "ZeroDivisionError" in caplog.text and more[0].result(30) == 81


def test_a_forked_child_is_told(executor: ProcessPoolExecutor, tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        try:
            executor.submit(work.square, 3)
        except RuntimeError as error:
            (tmp_path / "said").write_text(str(error))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert "belongs to the parent process" in (tmp_path / "said").read_text()
