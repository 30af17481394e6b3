"""shutdown, its races, the interpreter's exit: nothing that was taken is lost, nothing is left behind."""

from __future__ import annotations

import concurrent.futures
import gc
import threading
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from procession import ProcessPoolExecutor
from tests.futures import work
from tests.helpers.processes import running
from tests.helpers.scripts import run_script
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_after_shutdown_nothing_is_taken() -> None:
    executor = ProcessPoolExecutor(2)
    executor.shutdown()
    for call in (
        lambda: executor.submit(work.square, 3),
        lambda: executor.map(work.square, [3]),
        lambda: executor.map(work.square, [3], buffersize=1),
    ):
        with pytest.raises(RuntimeError, match="^cannot schedule new futures after shutdown$"):
            call()
    executor.shutdown()
    executor.terminate_workers()


def test_shutdown_waits_for_all_that_was_submitted() -> None:
    executor = ProcessPoolExecutor(2)
    made = [executor.submit(work.square, n) for n in range(500)]
    mapped = executor.map(work.square, range(500))
    executor.shutdown()
    assert [each.result(0) for each in made] == list(mapped) == [n * n for n in range(500)]
    assert not any(map(running, executor._processes))


def test_shutdown_without_waiting_and_forgetting_lose_nothing() -> None:
    for end in ("shutdown", "forget"):
        executor = ProcessPoolExecutor(2)
        mapped = executor.map(work.square, range(500))
        made = [executor.submit(work.square, n) for n in range(500)]
        processes = executor._processes
        if end == "shutdown":
            executor.shutdown(wait=False)
        del executor
        gc.collect()
        assert list(mapped) == [each.result(30) for each in made] == [n * n for n in range(500)]
        for each in processes.values():
            each.join(30)
            assert not each.is_alive()


def test_cancel_futures(tmp_path: Path) -> None:
    executor = ProcessPoolExecutor(2)
    for future in [executor.submit(work.square, n) for n in range(300)]:
        future.result(30)
    running_ones = [executor.submit(work.wait_for, tmp_path / "gate", tmp_path / name) for name in "ab"]
    wait_until(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    others = [executor.submit(work.note_and_square, n, tmp_path / "ran") for n in range(300)]
    mapped = executor.map(work.square, range(10))
    others[7].cancel()
    called: list[object] = []
    others[9].add_done_callback(called.append)
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in others) and called == [others[9]]
    assert not concurrent.futures.wait(others, timeout=0).not_done
    with pytest.raises(concurrent.futures.CancelledError):
        list(mapped)
    (tmp_path / "gate").touch()
    executor.shutdown()
    assert [future.result(0) for future in running_ones] == ["gate", "gate"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["terminate_workers", "kill_workers"])
def test_workers_are_ended(name: str, method: str, tmp_path: Path) -> None:
    executor = ProcessPoolExecutor(2, method)
    running_one = executor.submit(work.wait_for, tmp_path / "never", tmp_path / "a")
    deaf = executor.submit(work.deafly_wait_for, tmp_path / "never", tmp_path / "b")
    wait_until(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    queued = [executor.submit(work.square, n) for n in range(100)]
    pids = list(executor._processes)
    getattr(executor, name)()
    assert all(future.cancelled() for future in queued)
    for future in (running_one, deaf):
        assert isinstance(future.exception(30), BrokenProcessPool) and name in str(future.exception())
    with pytest.raises(RuntimeError, match="^cannot schedule new futures after shutdown$"):
        executor.submit(work.square, 3)
    executor.shutdown()
    assert not any(map(running, pids)) and list(executor._processes) == pids


def test_many_threads_meet_the_end() -> None:
    for cancel in (False, True):
        executor = ProcessPoolExecutor(2)
        made: list[concurrent.futures.Future[int]] = []
        begun = threading.Barrier(9)
        odd: list[BaseException] = []

        def submit(executor: ProcessPoolExecutor = executor, begun: threading.Barrier = begun) -> None:
            begun.wait()
            try:
                while True:
                    made.append(executor.submit(work.square, 3))  # noqa: B023  # joined below
            except RuntimeError as error:
                if str(error) != "cannot schedule new futures after shutdown":
                    odd.append(error)  # noqa: B023

        threads = [threading.Thread(target=submit) for _ in range(8)]
        for thread in threads:
            thread.start()
        begun.wait()
        wait_until(lambda: len(made) > 100)  # noqa: B023
        executor.shutdown(cancel_futures=cancel)
        for thread in threads:
            thread.join()
        assert not odd
        assert not concurrent.futures.wait(made, timeout=30).not_done
        assert all(future.cancelled() or future.result() == 9 for future in made)
        assert cancel or not any(future.cancelled() for future in made)


def test_shutdown_in_a_callback_returns(tmp_path: Path) -> None:
    executor = ProcessPoolExecutor(1)
    future = executor.submit(work.wait_for, tmp_path / "gate")
    ended = threading.Event()
    future.add_done_callback(lambda done: (executor.shutdown(), ended.set()))
    (tmp_path / "gate").touch()
    assert ended.wait(30) and future.result(30) == "gate"
    executor.shutdown()


def test_a_dying_worker_does_not_hold_up_the_end() -> None:
    executor = ProcessPoolExecutor(2)
    made = [executor.submit(work.die, 9), *(executor.submit(work.square, n) for n in range(50))]
    executor.shutdown()
    assert isinstance(made[0].exception(0), BrokenProcessPool)
    assert [future.result(0) for future in made[1:]] == [n * n for n in range(50)]


AT_EXIT = """
    import time
    from procession import ProcessPoolExecutor

    def late(text):
        time.sleep(0.3)
        print(text)

    if __name__ == "__main__":
        executor = ProcessPoolExecutor(2, {method!r})
        executor.submit(late, "apple")
        executor.map(late, ["pear", "plum"])
        {end}
"""


@pytest.mark.parametrize("end", ["pass", "executor.shutdown(wait=False)", "del executor"])
@pytest.mark.parametrize("method", [None, "spawn", "forkserver"])
def test_at_exit_what_was_submitted_still_runs(method: str | None, end: str, tmp_path: Path) -> None:
    ended = run_script(AT_EXIT.format(method=method, end=end), tmp_path)
    assert sorted(ended.stdout.split()) == ["apple", "pear", "plum"]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_after_exit_nothing_is_taken(tmp_path: Path) -> None:
    text = """
        import atexit

        @atexit.register
        def last():
            for call in (lambda: executor.submit(id, None), lambda: executor.map(id, [1])):
                try:
                    call()
                except RuntimeError as error:
                    print(type(error), error)

        from procession import ProcessPoolExecutor
        executor = ProcessPoolExecutor(2)
        print(executor.submit(abs, -3).result())
    """
    ended = run_script(text, tmp_path)
    line = "<class 'RuntimeError'> cannot schedule new futures after interpreter shutdown\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "3\n" + 2 * line, "")


def test_a_death_at_exit_is_told_too(tmp_path: Path) -> None:
    text = """
        import os, sys, time
        from procession import ProcessPoolExecutor

        def die():
            time.sleep(0.3)
            os._exit(42)

        executor = ProcessPoolExecutor(1)
        future = executor.submit(die)
        future.add_done_callback(lambda done: print("EXIT(42)" in str(done.exception())))
        executor.submit(print, "after")
    """
    ended = run_script(text, tmp_path)
    assert (ended.returncode, sorted(ended.stdout.split()), ended.stderr) == (0, ["True", "after"], "")
