"""Ctrl-C and Ctrl-Z in a real terminal, whose signals go to the whole foreground group."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.helpers import processes, scripts, terminals
from tests.helpers.wait import poll, wait_until

ENOUGH = 1.0  # seconds from Ctrl-C to the end of the program
DROPPED = r"Exception ignored in: .*(_weakrefset|threading)\.py.*KeyboardInterrupt"
PLAIN = {"PYTHON_COLORS": "0"}

SCRIPT = """
    import sys, time
    import procession

    def task(number, path="."):
        open(f"{path}/began-{number}", "w").close()
        time.sleep(30)

    if __name__ == "__main__":
        method = None if sys.argv[1] == "default" else sys.argv[1]
        if "pool" in sys.argv[2]:
            with procession.Pool(2, context=method) as pool:
                eval(sys.argv[2])
        else:
            eval(sys.argv[2])
"""
CALLS = {
    "map": "pool.map(task, range(8), chunksize=1)",
    "starmap": "pool.starmap(task, [(number,) for number in range(8)])",
    "imap": "list(pool.imap(task, range(8)))",
    "imap_unordered": "list(pool.imap_unordered(task, range(8)))",
    "apply": "pool.apply(task, (0,))",
    "get": "[pool.apply_async(task, (number,)) for number in range(8)][0].get()",
    "result": "[pool.submit(task, number) for number in range(8)][0].result()",
    "join": "[pool.submit(task, number) for number in range(8)], pool.close(), pool.join()",
    "procession.map": "procession.map(task, range(8))",
    "stream": "list(procession.stream(task, range(8)))",
}


@contextmanager
def running(folder: Path, method: str | None, call: str) -> Iterator[terminals.Terminal]:
    """A script in a terminal whose first task has begun."""
    path = scripts.write_script(folder, SCRIPT)
    command = [sys.executable, str(path), method or "default", CALLS[call]]
    with terminals.pty_session(command, folder, PLAIN) as terminal:
        wait_until(lambda: list(folder.glob("began-*")), message="a task has begun")
        yield terminal


def interrupt(terminal: terminals.Terminal) -> None:
    """Press Ctrl-C; check that all ends as a user expects."""
    there = [psutil.Process(terminal.pid), *processes.descendants(terminal.pid)]
    since = time.monotonic()
    terminal.press(terminals.CTRL_C)
    try:
        code = terminal.wait()
    except AssertionError:
        # Where it strikes while an object dies, in Python's own threading or weakref, Python prints and drops it.
        if not re.search(
            r"Exception ignored in: .*(_weakrefset|threading)\.py.*KeyboardInterrupt", terminal.screen, re.S
        ):
            raise
        return
    took = time.monotonic() - since
    wait_until(lambda: not [each for each in there if processes.running(each.pid)], 1.0, "all processes have ended")
    assert code == -signal.SIGINT, terminal.screen
    chained = terminal.screen.count("During handling of the above exception")  # the key came in the midst of an import
    assert terminal.screen.count("Traceback") - chained == 1, terminal.screen
    assert terminal.screen.rstrip().endswith("KeyboardInterrupt"), terminal.screen
    assert took < ENOUGH, f"{took:.2f} s"


@pytest.mark.short
def test_ctrl_c_ends_a_map(tmp_path: Path, start_method: str | None) -> None:
    with running(tmp_path, start_method, "map") as terminal:
        interrupt(terminal)


@pytest.mark.parametrize("call", [call for call in CALLS if call != "map"])
def test_ctrl_c_ends_every_call(tmp_path: Path, call: str) -> None:
    with running(tmp_path, "nursery" if call == "imap" else None, call) as terminal:
        interrupt(terminal)


STARTING = """
    import sys
    import procession

    if __name__ == "__main__":
        procession.Pool  # imports what it needs
        print("starts", flush=True)
        with procession.Pool(4, context=None if sys.argv[1] == "default" else sys.argv[1]) as pool:
            pool.map(str, range(8))
            print("has started", flush=True)
            pool.map(__import__("time").sleep, [30] * 8)
"""


def test_ctrl_c_while_a_pool_is_starting(tmp_path: Path, start_method: str | None) -> None:
    path = scripts.write_script(tmp_path, STARTING)
    for milliseconds in (0, 1, 2, 4, 8, 16, 32, 64):
        with terminals.pty_session([sys.executable, str(path), start_method or "default"], tmp_path, PLAIN) as terminal:
            terminal.read_until("starts")
            time.sleep(milliseconds / 1000)  # the moment of the key is what this test varies
            interrupt(terminal)


CATCHES = """
    import os, time
    import procession

    def task(seconds):
        time.sleep(seconds)
        return seconds

    with procession.Pool(2) as pool:
        try:
            print("waits", flush=True)
            pool.map(task, [0.5] * 4)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(pool.map(task, [0, 0.1]), pool.apply(task, (0,)), flush=True)
"""


def test_a_pool_goes_on_where_the_caller_catches_keyboard_interrupt(tmp_path: Path) -> None:
    path = scripts.write_script(tmp_path, CATCHES)
    with terminals.pty_session([sys.executable, str(path)], tmp_path, PLAIN) as terminal:
        terminal.read_until("waits")
        wait_until(lambda: len(processes.descendants(terminal.pid)) == 3)
        terminal.press(terminals.CTRL_C)
        assert terminal.wait() == 0, terminal.screen
    assert "interrupted" in terminal.screen and "[0, 0.1] 0" in terminal.screen, terminal.screen


IMPATIENT = """
    import signal, time
    import procession

    def task(number):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(30)

    print("waits", flush=True)
    with procession.Pool(2) as pool:
        pool.map(task, range(8))
"""


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.3])
def test_ctrl_c_pressed_twice_ends_it_too(tmp_path: Path, pause: float) -> None:
    path = scripts.write_script(tmp_path, IMPATIENT)
    with terminals.pty_session([sys.executable, str(path)], tmp_path, PLAIN) as terminal:
        terminal.read_until("waits")
        wait_until(lambda: len(processes.descendants(terminal.pid)) == 3)
        there = processes.descendants(terminal.pid)
        since = time.monotonic()
        terminal.press(terminals.CTRL_C)
        time.sleep(pause)
        terminal.press(terminals.CTRL_C)
        assert terminal.wait() == -signal.SIGINT, terminal.screen
        assert time.monotonic() - since < ENOUGH + pause, terminal.screen
        wait_until(lambda: not [each for each in there if processes.running(each.pid)], 1.0, "all have ended")
    assert "procession/worker" not in terminal.screen, terminal.screen


COUNTS = """
    import sys, time
    import procession

    def task(path):
        number = 0
        while True:
            number += 1
            with open(path, "w") as file:
                file.write(str(number))
            time.sleep(0.005)

    if __name__ == "__main__":
        with procession.Pool(2, context=None if sys.argv[1] == "default" else sys.argv[1]) as pool:
            pool.map(task, ["count-0", "count-1"], chunksize=1)
"""


UNSEEN = """
    import os, signal, sys, threading, time
    import procession

    with procession.Pool(2) as pool:
        pool.map(abs, range(8))  # the engine's thread is there, and its signals are not blocked
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # from now on another thread is sent it
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        began = time.monotonic()
        try:
            eval(sys.argv[1])
        except KeyboardInterrupt:
            print(time.monotonic() - began < 5)
"""
WAITING = {
    "map": "pool.map(time.sleep, [30] * 2)",
    "apply": "pool.apply(time.sleep, (30,))",
    "get": "pool.apply_async(time.sleep, (30,)).get(30)",
    "next": "next(pool.imap(time.sleep, [30]))",
    "join": "pool.apply_async(time.sleep, (30,)), pool.close(), pool.join()",
}


@pytest.mark.parametrize("call", WAITING)
def test_ctrl_c_that_does_not_wake_the_main_thread(run_script: Callable[..., scripts.Finished], call: str) -> None:
    assert run_script(UNSEEN, arguments=[WAITING[call]]).stdout == "True\n"


def states(pids: list[int]) -> list[str]:
    return [psutil.Process(pid).status() for pid in pids]


def test_ctrl_z_stops_the_workers_and_fg_continues_them(tmp_path: Path, start_method: str | None) -> None:
    scripts.write_script(tmp_path, COUNTS)
    with terminals.shell_session(tmp_path, PLAIN) as terminal:
        terminal.press(f"{sys.executable} script.py {start_method or 'default'}\n")
        wait_until(lambda: len(list(tmp_path.glob("count-*"))) == 2, message="both tasks run")
        parent = terminal.foreground
        workers = [each.pid for each in processes.descendants(parent) if psutil.Process(each.pid).ppid() != parent]
        assert len(workers) == 2
        for _ in range(3):
            terminal.press(terminals.CTRL_Z)
            wait_until(lambda: states([parent, *workers]) == ["stopped"] * 3, message="all have stopped")
            terminal.press("fg\n")
            wait_until(lambda: "stopped" not in states([parent, *workers]), message="all go on")
        terminal.press(terminals.CTRL_Z + b"fg\n")  # before anybody could stop

        def all_stopped() -> bool:
            terminal.press(terminals.CTRL_Z)  # again: it may have come to the shell, before `fg`
            return poll(lambda: states([parent, *workers]) == ["stopped"] * 3, 0.5)

        assert poll(all_stopped, 20.0), states([parent, *workers])
        psutil.Process(parent).kill()
        wait_until(lambda: not any(map(processes.running, [parent, *workers])), message="stopped workers are killed")
