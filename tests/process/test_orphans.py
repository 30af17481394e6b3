"""A process ends when its parent does, however the parent ends, whatever the process is doing, whoever was forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import processes, scripts
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)
ENOUGH = 2.0  # seconds; a few milliseconds where the machine has nothing else to do

SCRIPT = """
    import multiprocessing, os, signal, sys, time
    import procession as mp

    METHOD = None if sys.argv[1] == "default" else sys.argv[1]
    WAY = sys.argv[2]

    def note(name):
        with open(name + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(name + ".new", name)

    def sleep(name):
        note(name)
        time.sleep(300)

    def hold_the_lock(name):
        note(name)
        sum(range(10 ** 10))  # minutes without a look at signals or other threads

    def ignore_signals(name):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO):
            signal.signal(number, signal.SIG_IGN)
        sleep(name)

    def nest(name, daemon):
        child = mp.get_context(METHOD).Process(target=sleep, args=(name + "-below",), daemon=daemon)
        child.start()
        sleep(name)

    def main():
        context = mp.get_context(METHOD)
        if WAY == "plain":
            made = [context.Process(target=sleep, args=(name,), daemon=name == "two") for name in ("one", "two")]
        elif WAY == "lock":
            made = [context.Process(target=hold_the_lock, args=("one",))]
        elif WAY == "signals":
            made = [context.Process(target=ignore_signals, args=("one",))]
        elif WAY == "nested":
            made = [context.Process(target=nest, args=("one", False)), context.Process(target=nest, args=("two", True))]
        elif WAY == "siblings":  # each is forked while others run; they must not hold each other's lifelines
            made = []
            for number in range(3):
                made.append(context.Process(target=sleep, args=("ours" + str(number),)))
                made.append(mp.get_context("fork").Process(target=sleep, args=("forked" + str(number),)))
                made.append(mp.get_context("spawn").Process(target=sleep, args=("spawned" + str(number),)))
        elif WAY == "stranger":  # lives on, as it always did, and holds copies of all descriptors
            made = [context.Process(target=sleep, args=("one",))]
            for each in made:
                each.start()
            if not os.fork():
                sleep("stranger")
            multiprocessing.get_context("fork").Process(target=sleep, args=("standard",)).start()
            made = []
        for each in made:
            each.start()
        note("parent")
        time.sleep(300)

    if __name__ == "__main__":
        main()
"""
NAMES = {
    "plain": ["one", "two"],
    "lock": ["one"],
    "signals": ["one"],
    "nested": ["one", "two", "one-below"],
    "siblings": [f"{kind}{number}" for kind in ("ours", "forked", "spawned") for number in range(3)],
    "stranger": ["one", "stranger", "standard"],
}


@contextmanager
def running(folder: Path, method: str | None, way: str) -> Iterator[tuple[int, dict[str, int]]]:
    """The script in the midst of it: its process id, and those of its processes by name."""
    path = scripts.write_script(folder, SCRIPT)
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(path), method or "default", way],
            cwd=folder,
            env=scripts.environment(),
            stdout=output,
            stderr=output,
        )
    names = NAMES[way]
    try:
        wait_until(lambda: all((folder / name).exists() for name in [*names, "parent"]), 40, "all run")
        yield process.pid, {name: int((folder / name).read_text()) for name in names}
    finally:
        process.kill()
        process.wait()
        for name in names:
            if (folder / name).exists() and processes.running(pid := int((folder / name).read_text())):
                os.kill(pid, signal.SIGKILL)


def none_is_left(pids: list[int]) -> bool:
    return not any(map(processes.running, pids))


@pytest.mark.parametrize("way", ["plain", "lock", "signals", "siblings"])
def test_killed_parent_takes_its_processes_along(tmp_path: Path, start_method: str | None, way: str) -> None:
    with running(tmp_path, start_method, way) as (parent, pids):
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: none_is_left(list(pids.values())), ENOUGH)


def test_killed_parent_takes_the_processes_of_its_processes_along(tmp_path: Path, start_method: str | None) -> None:
    with running(tmp_path, start_method, "nested") as (parent, pids):
        os.kill(pids["one"], signal.SIGKILL)
        wait_until(lambda: none_is_left([pids["one-below"]]), ENOUGH)
        assert processes.running(parent) and processes.running(pids["two"])
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: none_is_left(list(pids.values())), ENOUGH)


def test_forks_that_are_not_ours_do_not_keep_a_process_alive(tmp_path: Path, start_method: str | None) -> None:
    with running(tmp_path, start_method, "stranger") as (parent, pids):
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: none_is_left([pids["one"]]), ENOUGH)
        assert processes.running(pids["stranger"]) and processes.running(pids["standard"])


def test_end_by_a_signal_that_has_no_handler(tmp_path: Path) -> None:
    with running(tmp_path, None, "plain") as (parent, pids):
        os.kill(parent, signal.SIGTERM)
        wait_until(lambda: none_is_left(list(pids.values())), ENOUGH)


RULES = """
    import os, signal, sys, time
    import procession as mp

    def slow(number):
        time.sleep(0.5)
        print(number, flush=True)

    def nest(daemon):
        mp.Process(target=slow, args=(4,), daemon=daemon).start()

    if __name__ == "__main__":
        context = mp.get_context(None if sys.argv[1] == "default" else sys.argv[1])
        context.Process(target=slow, args=(1,)).start()             # waited for
        context.Process(target=time.sleep, args=(100,), daemon=True).start()  # ended
        child = context.Process(target=nest, args=(None,), daemon=True)
        child.start()
        child.join()
        print(child.exitcode, type(child.exception()).__name__, child.exception())
        print("end", flush=True)
"""


def test_rules_of_daemons_are_those_of_multiprocessing(
    run_script: Callable[..., Finished], start_method: str | None
) -> None:
    ended = run_script(RULES, arguments=[start_method or "default"])
    lines = ended.stdout.splitlines()
    assert "1 AssertionError daemonic processes are not allowed to have children" in lines
    assert set(lines[-2:]) == {"1", "end"} and ended.returncode == 0
