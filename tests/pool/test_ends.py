"""How pools begin and end, and what misuse is told."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procession
import procession.pool
from procession import Pool, PoolTerminated
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


@pytest.mark.parametrize("processes", [0, -1, 0.5])
def test_too_few_workers_are_refused(processes: Any) -> None:
    with pytest.raises(ValueError, match="processes="):
        Pool(processes)


@pytest.mark.parametrize("processes", ["2", 2.5, [1], "many"])
def test_number_of_workers_that_is_none_is_refused(processes: Any) -> None:
    with pytest.raises(TypeError, match="processes="):
        Pool(processes)


@pytest.mark.parametrize("quota", [0, -1, 0.5, "12"])
def test_bad_maxtasksperchild_is_refused(quota: Any) -> None:
    with pytest.raises(ValueError, match="maxtasksperchild="):
        Pool(1, maxtasksperchild=quota)


def test_initializer_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="initializer="):
        Pool(initializer=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", ["frok", 3, object()])
def test_unknown_context_is_refused(context: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Pool(1, context=context)


@pytest.mark.short
def test_pool_tells_its_size_and_state() -> None:
    pool = Pool(2)
    assert pool._processes == pool.size == 2 and pool._state == procession.pool.RUN
    assert repr(pool) == "<procession.pool.Pool state=RUN pool_size=2>"
    pool.close()
    assert pool._state == procession.pool.CLOSE and "state=CLOSE" in repr(pool)
    pool.join()
    pool.terminate()
    assert pool._state == procession.pool.TERMINATE and "state=TERMINATE" in repr(pool)


def test_number_of_workers_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSION_WORKERS", "3")
    with Pool() as pool:
        assert pool.size == 3 == len(pool._pool)


@pytest.mark.short
def test_workers_are_listed_as_processes() -> None:
    with Pool(2) as pool:
        first, second = pool._pool
        assert {first.pid, second.pid} == {*map(int, pool.map(work.pid_after_pause, [0.02] * 8))}
        assert first.is_alive() and first.exitcode is None and first.daemon and first.name != second.name
        pid = first.pid
        first.kill()
        first.join(20)
        assert not first.is_alive() and first.exitcode == -9 and first.pid == pid
        wait_until(lambda: len(pool._pool) == 2)
        assert pid not in [worker.pid for worker in pool._pool]
        second.terminate()
        second.join(20)
        assert second.exitcode == -15
        pool._repopulate_pool()
        assert pool.map(work.square, [1, 2]) == [1, 4]


CALLS: dict[str, Callable[[Pool], Any]] = {
    "apply": lambda pool: pool.apply(work.square, (1,)),
    "apply_async": lambda pool: pool.apply_async(work.square, (1,)),
    "submit": lambda pool: pool.submit(work.square, 1),
    "map": lambda pool: pool.map(work.square, [1]),
    "map_async": lambda pool: pool.map_async(work.square, [1]),
    "starmap": lambda pool: pool.starmap(work.square, [(1,)]),
    "starmap_async": lambda pool: pool.starmap_async(work.square, [(1,)]),
    "imap": lambda pool: pool.imap(work.square, [1]),
    "imap_unordered": lambda pool: pool.imap_unordered(work.square, [1]),
    "with": lambda pool: pool.__enter__(),
    "nothing": lambda pool: pool.map(work.square, []),
}


@pytest.mark.parametrize("how", ["close", "terminate", "with"])
def test_ended_pool_takes_nothing_more(how: str) -> None:
    pool = Pool(1)
    if how == "with":
        with pool:
            pass
    else:
        getattr(pool, how)()
    for call in CALLS.values():
        with pytest.raises(ValueError, match="not running"):
            call(pool)
    for _ in range(2):
        pool.close()
        pool.join()
        pool.terminate()


def test_join_before_close_is_refused(pool: Pool) -> None:
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    assert pool.apply(work.square, (2,)) == 4


def test_close_and_join_wait_for_all_that_was_submitted() -> None:
    pool = Pool(2)
    results = [pool.apply_async(work.pause, (0.01,)) for _ in range(20)]
    future, lazy = pool.submit(work.pause, 0.1), pool.imap(work.square, iter(range(100)))
    pool.close()
    pool.join()
    assert all(result.ready() for result in results) and future.done()
    assert list(lazy) == [n * n for n in range(100)]


def test_terminate_ends_what_runs_and_tells_who_waits(pool: Pool, tmp_path: Path) -> None:
    never = tmp_path / "never"
    errors: list[BaseException] = []

    def wait(call: Callable[[], Any]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    iterator = pool.imap(work.wait_if_path, [never])
    calls = [
        lambda: pool.apply(work.wait_for_file, (never,)),
        lambda: pool.map(work.wait_if_path, [never, 1]),
        lambda: pool.submit(work.wait_for_file, never).result(),
        lambda: next(iterator),
    ]
    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(pool._engine._loop.calls) == 3)
    begun = time.monotonic()
    pool.terminate()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun < 3
    assert len(errors) == 4 and all(isinstance(error, (PoolTerminated, ValueError)) for error in errors)
    assert sum(isinstance(error, PoolTerminated) for error in errors) >= 3


def test_ten_thousand_long_tasks_are_ended_at_once() -> None:
    pool = Pool(2)
    pool.map_async(time.sleep, [300] * 10_000, chunksize=1)
    begun = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - begun < 5


@pytest.mark.short
def test_forgotten_pool_warns_and_ends() -> None:
    pool = Pool(2)
    pids = pool.map(work.pid, range(4))
    with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool"):
        del pool
        gc.collect()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_pool_that_ended_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for how in ("close", "terminate"):
            pool = Pool(1)
            getattr(pool, how)()
            pool.join()
            del pool
            gc.collect()


def test_results_keep_a_forgotten_pool_alive() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = Pool(1).apply_async(work.pause, (0.1,))
        iterator = Pool(1).imap(work.square, range(50))
        gc.collect()
        assert result.get(30) == 0.1 and list(iterator) == [n * n for n in range(50)]
        del result, iterator
        gc.collect()


def test_owner_in_a_cycle_may_end_its_pool_when_it_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.pool = Pool(1)
            self.me = self

        def __del__(self) -> None:
            self.pool.close()

    for _ in range(5):
        owner = Owner()
        assert owner.pool.map(work.square, range(2000)) == [n * n for n in range(2000)]
        del owner
    gc.collect()


def test_pool_cannot_be_passed_to_another_process(pool: Pool) -> None:
    with pytest.raises(NotImplementedError, match="another process"):
        pickle.dumps(pool)
    with pytest.raises(NotImplementedError, match="another process"):
        pool.apply(work.same, (pool,))
    outcomes = pool.map(work.same, [1, pool], outcomes=True)
    assert outcomes[0].ok and isinstance(outcomes[1].error, NotImplementedError)


def test_copy_of_a_pool_in_a_forked_child_says_whose_it_is(pool: Pool) -> None:
    def use(queue: Any) -> None:
        seen: list[Any] = []
        for call in (lambda: pool.apply(work.square, (2,)), lambda: pool.map(work.square, [2])):
            try:
                seen.append(call())
            except Exception as error:
                seen.append(f"{type(error).__name__}: {error}")
        queue.put(seen)

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=use, args=(queue,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child.start()
    seen = queue.get()
    child.join()
    queue.close()
    assert all("RuntimeError" in text and "parent" in text for text in seen) and child.exitcode == 0
    assert pool.map(work.square, [1, 2]) == [1, 4]
    child.close()


def test_initializer_runs_before_the_first_item_and_without_any(tmp_path: Path) -> None:
    with Pool(2, work.set_state, ("set",)) as pool:
        assert pool.map(work.state, range(4)) == ["set"] * 4
    pool = Pool(1, lambda path: path.touch(), (tmp_path / "mark",))
    pool.close()
    pool.join()
    assert (tmp_path / "mark").exists()


@pytest.mark.short
def test_initializer_that_raises_ends_the_pool_with_its_error() -> None:
    pool = Pool(2, work.fail_to_begin)
    for _ in range(2):
        with pytest.raises(LookupError, match="no such database") as caught:
            pool.map(work.square, [1])
        assert "in fail_to_begin" in str(caught.value.__cause__)
    with pytest.raises(LookupError):
        pool.apply(work.square, (1,))
    pool.terminate()


def test_fault_of_our_own_ends_the_calls_in_place_of_hanging(pool: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    scheduler = pool._engine._loop.scheduler
    waiting = pool.map_async(work.pause, [0.05])

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("a fault")

    scheduler._handlers[type_of_finished()] = fail
    with pytest.raises(PoolTerminated, match="ZeroDivisionError"):
        waiting.get(20)
    with pytest.raises(PoolTerminated):
        pool.map(work.square, [1])
    pool.terminate()
    assert "a fault" in capfd.readouterr().err


def type_of_finished() -> Any:
    from procession.scheduler import events

    return events.Finished


@pytest.mark.parametrize("way", ["close", "leave"])
def test_script_with_a_pool_ends_quietly(run_script: Callable[..., Finished], way: str) -> None:
    script = f"""
        import procession
        from procession import Pool

        def square(number):
            return number * number

        pool = Pool(2)
        print(pool.map(square, range(4)), pool.apply(lambda: 5))
        if {way!r} == "close":
            pool.close()
            pool.join()
    """
    ended = run_script(script)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[0, 1, 4, 9] 5\n", "")


def test_signal_handler_may_end_the_pool(run_script: Callable[..., Finished]) -> None:
    script = """
        import os, signal, sys, threading, time
        from procession import Pool

        pool = Pool(2)

        def end(number, frame):
            pool.terminate()
            sys.exit(5)

        signal.signal(signal.SIGUSR1, end)
        threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), signal.SIGUSR1)), daemon=True).start()
        while True:
            pool.apply_async(len, ([1, 2],)).ready()
    """
    assert run_script(script, timeout=30).returncode == 5


@pytest.mark.parametrize("method", ["fork", "nursery", "spawn"])
def test_worker_that_cannot_start_leaves_none_behind(run_script: Callable[..., Finished], method: str) -> None:
    script = """
        import os, resource, sys, time
        import psutil
        import procession

        if __name__ == "__main__":
            procession.Pool(1, context=sys.argv[1]).terminate()  # whatever stays is there
            procession.Pool(1, context=sys.argv[1]).terminate()
            me = psutil.Process()
            stays = len(me.children(recursive=True))
            before = len(os.listdir("/proc/self/fd"))
            ended = []
            for left in range(0, 30, 2):  # of six workers the first, the second, ... or none finds no descriptors
                resource.setrlimit(resource.RLIMIT_NOFILE, (before + left, 4096))
                try:
                    pool = procession.Pool(6, context=sys.argv[1])
                    ended.append(sorted(pool.map(abs, range(12))) == list(range(12)))
                    pool.terminate()
                except procession.StartFailed as error:
                    assert "Too many open files" in str(error), error
                    ended.append("failed")
                pool = None
                resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
                until = time.monotonic() + 10
                while len(me.children(recursive=True)) > stays and time.monotonic() < until:
                    time.sleep(0.01)
                assert len(me.children(recursive=True)) == stays, me.children(recursive=True)
                assert len(os.listdir("/proc/self/fd")) <= before, (left, os.listdir("/proc/self/fd"))
            print(ended[0], ended[-1], set(ended) <= {"failed", True})
    """
    ended = run_script(script, arguments=[method], environ={"PYTHONWARNINGS": "ignore"})
    assert ended.stdout.splitlines()[-1:] == ["failed True True"], ended
