"""What may be the target of a process: anything, in any main module, under every start method."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.scripts import Finished, run_command, write_script

pytestmark = pytest.mark.limit(90)

BODY = """
import procession as mp, sys, os

METHOD = None if sys.argv[1] == "default" else sys.argv[1]
context = mp.get_context(METHOD)
FACTOR = 3
import json as renamed

def triple(number):
    return number * FACTOR

def count(queue, values=(1, 2)):
    queue.put(renamed.dumps([triple(each) for each in values]))

class Point:
    def __init__(self, x):
        self.x = x

def make(x):
    return Point(x)

class Doubling(context.Process):
    factor = 2
    def __init__(self, number):
        super().__init__()
        self.number = number
    def run(self):
        return super().run(), self.number * self.factor, type(self).__name__
"""
RUN = """
def main():
    def closure():
        return triple(offset)
    offset = 5
    queue = context.Queue()
    processes = [context.Process(target=triple, args=(2,)), context.Process(target=lambda: triple(3)),
                 context.Process(target=closure), Doubling(4), context.Process(target=make, args=(7,)),
                 context.Process(target=count, args=(queue,)),
                 context.Process(target=lambda queue, get: queue.put(get()), args=(queue, lambda: 1))]
    for each in processes:
        each.start()
    lines = sorted([str(queue.get()), str(queue.get())])
    results = [each.result() for each in processes]
    results[4] = (type(results[4]) is Point, results[4].x)
    print(results, lines, [each.exitcode for each in processes])
    assert not any(each.pid == os.getpid() for each in processes)
"""
GUARDED = 'if __name__ == "__main__":\n    main()\n'
BARE = "main()\n"
WANTED = "[6, 9, 15, (None, 8, 'Doubling'), (True, 7), None, None] ['1', '[3, 6]'] [0, 0, 0, 0, 0, 0, 0]\n"


@pytest.mark.parametrize("guard", [GUARDED, BARE], ids=["guarded", "bare"])
def test_script(run_script: Callable[..., Finished], start_method: str | None, guard: str) -> None:
    ended = run_script(BODY + RUN + guard, arguments=[start_method or "default"])
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, WANTED, "")


@pytest.mark.parametrize("how", ["-c", "stdin", "-m", "notebook"])
def test_other_main_modules(tmp_path: Path, start_method: str | None, how: str) -> None:
    text = BODY + RUN + BARE
    method = start_method or "default"
    stdin = None
    if how == "-c":
        command = ["-c", text, method]
    elif how == "stdin":
        command, stdin = ["-", method], text
    elif how == "-m":
        write_script(tmp_path, text, "program.py")
        command = ["-m", "program", method]
    else:  # cells are compiled one by one and run in a module that is no file
        cells = [BODY, RUN, BARE]
        command = ["-c", f"for cell in {cells!r}: exec(compile(cell, '<cell>', 'exec'))", method]
    ended = run_command([sys.executable, *command], tmp_path, stdin=stdin)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, WANTED, "")


def test_main_module_with_a_guard_runs_again_where_multiprocessing_does_so(run_script: Callable[..., Finished]) -> None:
    script = """
        import sys
        import procession as mp

        print("main is", __name__, flush=True)

        def nothing():
            pass

        if __name__ == "__main__":
            process = mp.get_context(sys.argv[1]).Process(target=nothing)
            process.start()
            process.join()
    """
    for method, times in (("fork", 0), ("nursery", 0), ("spawn", 1), ("forkserver", 1)):
        assert run_script(script, arguments=[method]).stdout.count("__mp_main__") == times


def test_argument_that_cannot_be_pickled_is_named(run_script: Callable[..., Finished]) -> None:
    script = """
        import sys, threading
        import procession as mp

        if __name__ == "__main__":
            for method in ("spawn", "forkserver", "nursery"):
                process = mp.get_context(method).Process(target=print, args=(threading.Lock(),))
                try:
                    process.start()
                except TypeError as error:
                    print(error)
                assert process.pid is None and mp.active_children() == []
    """
    ended = run_script(script)
    assert ended.stdout.count("cannot pickle '_thread.lock' object") == 3 and ended.returncode == 0, ended
