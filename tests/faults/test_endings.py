"""How a pool ends whose tasks do not want to: in time, with a word about it, and with nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import procession
from procession import PoolTerminated
from tests.helpers import processes
from tests.helpers.wait import wait_until

LONG = 60.0
pytestmark = pytest.mark.limit(60)


def leave_thread(item: int) -> int:
    threading.Thread(target=time.sleep, args=(LONG,), daemon=False).start()
    return item


def ignore_and_sleep(path: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    Path(path).write_text("ready")
    time.sleep(LONG)


def stop_itself(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def ring_later(seconds: float) -> int:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return os.getpid()


def leave_subprocess(item: int) -> int:
    return subprocess.Popen(["sleep", str(LONG)]).pid


def own_pid(item: object) -> int:
    return os.getpid()


def test_close_and_join_end_a_worker_whose_task_left_a_thread_and_say_so(capfd: pytest.CaptureFixture[str]) -> None:
    pool = procession.Pool(1)
    assert pool.map(leave_thread, range(12)) == list(range(12))
    pid = pool.apply(os.getpid)
    begin = time.monotonic()
    pool.close()
    pool.join()
    assert 3 < time.monotonic() - begin < 15
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("procession: ")]
    assert len(told) == 1 and f"worker {pid}" in told[0] and "daemon" in told[0]


def test_terminate_does_not_wait_for_a_thread_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with procession.Pool(2) as pool:
        pool.map(leave_thread, range(12))
        begin = time.monotonic()
    assert time.monotonic() - begin < 3
    assert "procession: " not in capfd.readouterr().err


def test_many_workers_that_do_not_end_do_not_stop_those_that_follow(capfd: pytest.CaptureFixture[str]) -> None:
    with procession.Pool(2, maxtasksperchild=1) as pool:
        assert pool.map(leave_thread, range(100), 1) == list(range(100))
    assert "procession: worker " in capfd.readouterr().err


def test_terminate_ends_a_task_that_ignores_signals(start_method: str | None, tmp_path: Path) -> None:
    pool = procession.Pool(1, context=start_method)
    result = pool.apply_async(ignore_and_sleep, (str(tmp_path / "ready"),))
    wait_until((tmp_path / "ready").exists)
    begin = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - begin < 3
    with pytest.raises(PoolTerminated):
        result.get(5)


@pytest.mark.parametrize("end", ["terminate", "close"])
def test_pool_ends_whose_task_has_stopped_itself(end: str, tmp_path: Path) -> None:
    pool = procession.Pool(2)
    result = pool.apply_async(stop_itself, (str(tmp_path / "pid"),))
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    assert pool.map(abs, [-1, -2]) == [1, 2]
    if end == "terminate":
        pool.terminate()
        with pytest.raises(PoolTerminated):
            result.get(5)
    else:
        pool.close()
        os.kill(pid, signal.SIGCONT)
        assert result.get(10) is None
    pool.join()


def test_alarm_that_rings_in_an_idle_worker_is_not_noticed() -> None:
    with procession.Pool(1) as pool:
        for _ in range(3):
            pid = pool.apply(ring_later, (0.05,))
            wait_until(lambda pid=pid: not processes.running(pid))  # type: ignore[misc]
            assert pool.map(abs, [-1, -2]) == [1, 2]
            assert pool.apply(os.getpid) != pid


@pytest.mark.parametrize("end", ["terminate", "close"])
def test_subprocess_that_a_task_left_ends_with_its_worker(start_method: str | None, end: str) -> None:
    pool = procession.Pool(2, context=start_method)
    pids = pool.map(leave_subprocess, range(4), 1)
    getattr(pool, end)()
    pool.join()
    wait_until(lambda: not any(map(processes.running, pids)))


RESULT_ENDS_PARENT = """
    import os
    import procession
    from procession import Pool

    class Ends:
        def __reduce__(self):
            return os._exit, (7,)

    def task(index):
        return Ends() if index == 5 else index

    if __name__ == "__main__":
        print("begin", flush=True)
        {body}
        print("never", flush=True)
"""
BODIES = {
    "map": "Pool(2, context={method!r}).map(task, range(12))",
    "apply": "Pool(2, context={method!r}).apply(task, (5,))",
    "imap_unordered": "list(Pool(2, context={method!r}).imap_unordered(task, range(12)))",
    "submit": "Pool(2, context={method!r}).submit(task, 5).result()",
    "procession.map": "procession.map(task, range(12), processes=2)",
    "procession.stream": "list(procession.stream(task, range(12), processes=2))",
}
ROWS = [("default", body) for body in BODIES] + [(method, "map") for method in ("nursery", "forkserver", "spawn")]


@pytest.mark.parametrize(("method", "call"), ROWS)
def test_result_that_ends_its_reader_ends_the_parent_and_nothing_is_left(
    method: str, call: str, run_script: Callable[..., Any]
) -> None:
    body = BODIES[call].format(method=None if method == "default" else method)
    ended = run_script(RESULT_ENDS_PARENT.format(body=body), timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "begin\n", "")


assert sys.platform == "linux"
