"""How long until something happens: a script's first result, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.cell import Cell

SCRIPT = Path(__file__).parent.parent / "first_result.py"


def first_result(cell: Cell) -> None:
    """From the launch of a script to the first result of its pool of two, and to its end."""
    _launch_scripts(cell)


def first_result_main(cell: Cell) -> None:
    """The same with a function that lives in the script, as most do."""
    _launch_scripts(cell, "main")


def _launch_scripts(cell: Cell, *arguments: str) -> None:
    for _ in range(cell.pick(3, 1)):
        started = time.perf_counter_ns()  # CLOCK_MONOTONIC: one clock for both processes
        script = [sys.executable, str(SCRIPT), cell.peer, *arguments]
        answer = subprocess.run(script, stdout=subprocess.PIPE, check=True).stdout.split()
        ended = time.perf_counter_ns()
        cell.check(answer[0] == b"2", f"first result {answer}")
        cell.report(first_result_ms=(int(answer[1]) - started) / 1e6, whole_script_ms=(ended - started) / 1e6)


IMPORTS = {
    "procession": "import procession",
    "procession.Pool": "from procession import Pool",
    "multiprocessing.pool": "import multiprocessing.pool",
    "concurrent.futures.process": "import concurrent.futures.process",
    "loky": "import loky",
    "joblib": "import joblib",
    "mpire": "import mpire",
    "pebble": "import pebble",
}


def import_time(cell: Cell) -> None:
    """What an import costs over `python -c pass`, the two launched in turn; a pair is a sample."""
    _python(IMPORTS[cell.peer])  # writes the compiled files
    for _ in range(cell.pick(10, 1)):
        bare = _python("pass")
        cell.report(over_bare_python_ms=_python(IMPORTS[cell.peer]) - bare, bare_python_ms=bare)


def _python(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - started) * 1e3
