"""`procession.dump`: what each worker runs, since when, with its stack; nobody is disturbed, nothing hangs."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import psutil
import pytest

import procession
from procession import Pool
from tests.helpers.wait import wait_until
from tests.inspection import tasks
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


def dumped(pool: Any, timeout: float = 5.0) -> str:
    out = io.StringIO()
    procession.dump(pool, out, timeout=timeout)
    return out.getvalue()


def until(pool: Any, text: str) -> str:
    """Dump again and again until a text is in it."""
    seen: list[str] = []

    def there() -> bool:
        seen.append(dumped(pool))
        return text in seen[-1]

    wait_until(there, 20, message=text)
    return seen[-1]


@pytest.mark.short
def test_what_runs_since_when_and_where(start_method: str | None, tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(2, context=start_method) as pool:
        begun = time.monotonic()
        result = pool.apply_async(tasks.wait_here, (door,))
        text = until(pool, "in wait_here")
        pid = next(int(line.split()[3].rstrip(":")) for line in text.splitlines() if "wait_here(" in line)
        assert pid in [worker.pid for worker in pool._pool]
        line = next(line for line in text.splitlines() if f"pid {pid}" in line)
        assert f"wait_here({str(door)[:8]}" in line or "wait_here(PosixPath" in line
        seconds = float(line.rpartition("for ")[2].split()[0])
        assert 0 <= seconds <= time.monotonic() - begun + 0.1
        assert "tests/inspection/tasks.py" in text and "procession/worker" not in text
        assert text.startswith(f"procession: 2 workers of process {os.getpid()}\n")
        door.touch()
        assert result.get(30) == "door"
        assert until(pool, "idle for").count("idle for") >= 1


def test_items_of_a_map_are_named(tmp_path: Path) -> None:
    doors = [tmp_path / str(number) for number in range(4)]
    with Pool(2) as pool:
        result = pool.map_async(tasks.wait_here, doors, 2)
        text = until(pool, "item 2 (")
        assert "item 0 (" in text and text.count("1 more wait for it") == 2
        doors[2].touch()
        text = until(pool, "item 3 (")
        for door in doors:
            door.touch()
        assert len(result.get(30)) == 4


def test_a_call_for_many_items(tmp_path: Path) -> None:
    doors = [tmp_path / str(number) for number in range(3)]
    with Pool(1) as pool:
        result = pool.map_async(procession.chunked(tasks.wait_for_all), doors, 3)
        assert "items 0 to 2 in one call" in until(pool, "in wait_for_all")
        for door in doors:
            door.touch()
        assert len(result.get(30)) == 3


def test_all_threads_of_a_worker(tmp_path: Path) -> None:
    with Pool(1) as pool:
        result = pool.apply_async(tasks.with_a_thread, (tmp_path / "door",))
        text = until(pool, "in wait_in_a_thread")
        assert "in with_a_thread" in text
        (tmp_path / "door").touch()
        result.get(30)


@pytest.mark.short
def test_a_system_call_is_not_broken_off(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    with Pool(1) as pool:
        result = pool.apply_async(tasks.read_in_c, (path,))
        with open(path, "wb", buffering=0) as pipe:
            for _ in range(20):
                assert "no stack" not in until(pool, "in read_in_c")
            pipe.write(b"x")
            assert result.get(30) == (1, 0)


def test_c_code_that_holds_the_interpreter(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(1) as pool:
        result = pool.apply_async(tasks.hold_the_interpreter, (door,))
        wait_until(door.exists)
        assert "in hold_the_interpreter" in until(pool, "hold_the_interpreter")
        result.get(30)


def test_a_stopped_worker_does_not_hang_it(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(1) as pool:
        result = pool.apply_async(tasks.stop_oneself, (door,))
        wait_until(lambda: all(psutil.Process(w.pid).status() == psutil.STATUS_STOPPED for w in pool._pool))
        begun = time.monotonic()
        text = dumped(pool)
        assert "no stack: it is stopped" in text and "stop_oneself(" in text
        assert time.monotonic() - begun < 2
        pool._pool[0]._signal(signal.SIGCONT)
        door.touch()
        assert result.get(30) == "door"


def test_signals_that_are_blocked(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(1) as pool:
        result = pool.apply_async(tasks.block_all_signals, (door,))
        wait_until(door.with_suffix(".begun").exists)
        if "numpy" not in sys.modules:  # another test's: its library has a thread of its own, which answers
            assert "no stack: it did not answer within 0.2 s" in dumped(pool, 0.2)
        door.touch()
        assert result.get(30) == "door"


def test_a_worker_that_became_another_program_lives_on(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with Pool(1) as pool:
        result = pool.apply_async(tasks.become_another, (door,))
        wait_until(lambda: any(psutil.Process(w.pid).name() == "sleep" for w in pool._pool) or result.ready())
        text = dumped(pool)
        assert "no stack" in text or "idle" in text or "starting" in text


def test_dead_workers_do_not_hang_it() -> None:
    with Pool(2) as pool:
        pool.map(work.pause, [0.01] * 4, 1)
        for _ in range(10):
            for worker in pool._pool:
                worker.kill()
            assert dumped(pool).startswith("procession: ")


def test_while_everything_moves() -> None:
    with Pool(3, maxtasksperchild=5) as pool:
        result = pool.map_async(work.pause, [0.001] * 600, 1)
        while not result.ready():
            assert dumped(pool).startswith("procession: ")
        assert result.get(0) == [0.001] * 600


def test_every_kind_of_pool(tmp_path: Path) -> None:
    door = tmp_path / "door"
    executor: Executor = procession.ProcessPoolExecutor(2)
    with executor:
        future = executor.submit(tasks.wait_here, door)
        until(executor, "in wait_here")
        door.touch()
        future.result(30)
    door.unlink()
    with procession.stream(tasks.wait_here, [door]) as stream:
        until(stream, "in wait_here")
        assert "item 0 (" in dumped(stream)
        door.touch()
        assert list(stream) == ["door"]
    door.unlink()
    with Pool(2, backend="threads") as pool:
        result = pool.apply_async(tasks.wait_here, (door,))
        text = until(pool, "in wait_here")
        assert "wait_here(" in text and "threading.py" in text
        door.touch()
        result.get(30)
    with Pool(1, backend="serial") as pool:
        assert "idle" in dumped(pool) or "starting" in dumped(pool)
    assert dumped(pool) == f"procession: 0 workers of process {os.getpid()}\n"


def test_a_worker_s_own_workers(tmp_path: Path) -> None:
    with Pool(1) as pool:
        assert "in wait_here" in pool.apply(tasks.have_a_pool, (tmp_path / "door",))


def test_another_thing_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match=r"dump\(int\): must be a Pool"):
        procession.dump(3)
    with Pool(1) as pool:
        procession.dump(pool)
    assert capfd.readouterr().err.startswith("procession: 1 worker of")
