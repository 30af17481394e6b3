"""The parent, or the nursery, or both are killed: workers and what their tasks have started end at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import procession
from tests.helpers import processes, scripts
from tests.helpers.tasks import nursery_pid
from tests.helpers.wait import wait_until

ENOUGH = 1.0  # seconds; a few milliseconds where the machine has nothing else to do

SCRIPT = """
    import os, subprocess, sys, time
    import procession

    def task(path):
        child = subprocess.Popen(["sleep", "300"])
        with open(path + ".new", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename(path + ".new", path)
        while True:
            BUSY

    if __name__ == "__main__":
        with procession.Pool(2, context=None if sys.argv[1] == "default" else sys.argv[1]) as pool:
            pool.map(task, ["task-0", "task-1"], chunksize=1)
"""
SLEEPS = "time.sleep(300)"
HOLDS_THE_LOCK = "sum(range(10 ** 10))"  # minutes without a look at signals or other threads


@contextmanager
def running(folder: Path, method: str | None, busy: str) -> Iterator[tuple[int, list[int]]]:
    """A script with two busy tasks: its process id, and those of everything below it."""
    path = scripts.write_script(folder, SCRIPT.replace("BUSY", busy))
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(path), method or "default"],
            cwd=folder,
            env=scripts.environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    below: list[psutil.Process] = []
    try:
        wait_until(lambda: (folder / "task-0").exists() and (folder / "task-1").exists(), message="both tasks run")
        below = processes.descendants(process.pid)
        assert len(below) == 5  # nursery, workers, what their tasks have started
        yield process.pid, [each.pid for each in below]
    finally:
        processes.kill([psutil.Process(process.pid), *below])
        process.wait()


def all_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(map(processes.running, pids)), ENOUGH, "all have ended")


@pytest.mark.short
@pytest.mark.parametrize("busy", [SLEEPS, HOLDS_THE_LOCK], ids=["sleeps", "holds-the-lock"])
def test_killed_parent_takes_all_along(tmp_path: Path, start_method: str | None, busy: str) -> None:
    with running(tmp_path, start_method, busy) as (parent, below):
        os.kill(parent, signal.SIGKILL)
        all_gone(below)
    assert (tmp_path / "output").read_text() == ""


@pytest.mark.parametrize("busy", [SLEEPS, HOLDS_THE_LOCK], ids=["sleeps", "holds-the-lock"])
def test_parent_and_nursery_killed_at_once_take_all_along(tmp_path: Path, start_method: str | None, busy: str) -> None:
    with running(tmp_path, start_method, busy) as (parent, below):
        os.killpg(parent, signal.SIGKILL)
        all_gone(below)


def test_terminated_parent_takes_all_along(tmp_path: Path, start_method: str | None) -> None:
    with running(tmp_path, start_method, HOLDS_THE_LOCK) as (parent, below):
        os.kill(parent, signal.SIGTERM)
        all_gone(below)
    assert (tmp_path / "output").read_text() == ""


def test_parent_killed_while_workers_are_stopped(tmp_path: Path) -> None:
    with running(tmp_path, None, SLEEPS) as (parent, below):
        for pid in below:
            os.kill(pid, signal.SIGSTOP)
        os.kill(parent, signal.SIGKILL)
        nursery = below[0]
        os.kill(nursery, signal.SIGKILL)  # it is stopped, so only the lifelines are left
        all_gone(below)


# The nursery.


def kill_nursery(number: int) -> None:
    nursery = psutil.Process(os.getppid())
    assert nursery.pid > 1
    nursery.kill()
    signal.pause()


def append(path: str, number: int) -> int:
    with open(path, "a") as file:
        file.write(f"{number}\n")
    return number


CALLS = {
    "apply": lambda pool: pool.apply(kill_nursery, (5,)),
    "get": lambda pool: pool.apply_async(kill_nursery, (5,)).get(),
    "result": lambda pool: pool.submit(kill_nursery, 5).result(),
    "map": lambda pool: pool.map(kill_nursery, [5]),
    "imap": lambda pool: list(pool.imap(kill_nursery, [5])),
}


@pytest.mark.parametrize(
    ("method", "call"),
    [*((None, call) for call in CALLS), *((each, "map") for each in ("nursery", "forkserver", "spawn"))],
)
def test_killed_nursery_is_named_and_replaced(method: str | None, call: str) -> None:
    with procession.Pool(2, context=method) as pool:
        before = pool.apply(nursery_pid)
        with pytest.raises(procession.WorkerDied, match=f"the nursery {before} was killed"):
            CALLS[call](pool)
        assert pool.map(abs, range(-9, 0)) == list(range(9, 0, -1))
        assert pool.apply(nursery_pid) != before


@pytest.mark.parametrize("method", [None, "nursery"])
def test_killed_nursery_of_an_idle_pool_is_not_noticed(method: str | None) -> None:
    with procession.Pool(2, context=method) as pool:
        for _ in range(3):
            before = pool.apply(nursery_pid)
            workers = {worker.pid for worker in pool._pool}
            os.kill(before, signal.SIGKILL)
            # A call that runs in this moment is lost with its worker, and says so; here none does.
            wait_until(lambda workers=workers: workers.isdisjoint(worker.pid for worker in pool._pool))
            assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]
            assert pool.apply(nursery_pid) != before


def test_two_pools_survive_the_nursery_that_they_share() -> None:
    with procession.Pool(1, context="nursery") as one, procession.Pool(1, context="nursery") as other:
        shared = one.apply(nursery_pid)
        assert other.apply(nursery_pid) == shared
        os.kill(shared, signal.SIGKILL)
        wait_until(lambda: one.map(nursery_pid, [0]) == other.map(nursery_pid, [0]) != [shared])


def test_no_item_runs_twice_when_the_nursery_is_killed(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / str(number)
        inputs = [(str(path), item) for item in range(3000)]
        with procession.Pool(2) as pool:
            nursery = pool.apply(nursery_pid)
            results = pool.starmap_async(append, inputs, 1, outcomes=True)
            wait_until(lambda path=path, size=500 * number: path.exists() and path.stat().st_size > size)
            os.kill(nursery, signal.SIGKILL)
            outcomes = results.get()
        ran = path.read_text().split()
        assert len(ran) == len(set(ran))
        lost = [outcome.index for outcome in outcomes if outcome.error is not None]
        assert len(lost) <= 2
        assert {*map(int, ran), *lost} == set(range(3000))
