"""Run CPython's tests of `multiprocessing` against procession, under each start method.

    python tools/conformance/run.py [pool | multiprocessing | main | futures ...]
        [fork | spawn | forkserver | unset ...] [--library multiprocessing] [--only REGEX] [--at-once N] [--write]

Each class has a process and a time limit of its own, so that one hang does not end the run; two run at a time. What
failed runs once more, alone, and the run says so. Exits with 1 if a test failed that `exclusions.py` does not name, or
if procession offers fewer tests than `multiprocessing` does. `--write` keeps the figures of what ran for
docs/conformance.md; `--library multiprocessing` measures the standard library itself.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import exclusions
import figures
import futures_redirect
import redirect

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[1] / "src"
METHODS = ("fork", "spawn", "forkserver", "unset")
LIMIT = 240  # seconds for a class
AT_ONCE = 2


class Part(NamedTuple):
    """Tests that can be run by themselves.

    Args:
        suite: The module that holds them.
        methods: The start methods that they are run under.
        tests: What their names match.
    """

    suite: str
    methods: tuple[str, ...]
    tests: str = ""


PARTS = {
    "multiprocessing": Part("cpython_suite", METHODS),
    "main": Part("cpython_main", ("all",)),  # it has a class for each method
    "futures": Part("futures_suite", ("fork", "spawn", "forkserver")),
}
SMALL_PARTS = {  # of those above
    "pool": Part(
        "cpython_suite", ("fork", "spawn", "forkserver"),
        r"WithProcessesTestPool\w*\.|TestInitializers\.test_pool_initializer|Badfiledescriptor\.test_pool_in_process",
    ),
}  # fmt: skip


class Ended(NamedTuple):
    """How a class's tests ended.

    Args:
        ran: How many were run; skipped ones count.
        skipped: How many were skipped.
        failed: The names of those that failed.
        output: What they wrote.
    """

    ran: int
    skipped: int
    failed: list[str]
    output: str


class Runner:
    """Runs tests of one library under one method."""

    def __init__(self, suite: str, method: str, library: str, stage: Path) -> None:
        self._suite = suite
        self._stage = stage
        self._environ = {
            **os.environ,
            "PYTHONPATH": str(stage),
            "CONFORMANCE_METHOD": method,
            "MP_UNDER_TEST": library,
        }

    def names(self) -> list[str]:
        """The names of all tests of the suite."""
        command = [sys.executable, "collect.py", self._suite]
        return subprocess.check_output(command, env=self._environ, cwd=self._stage, text=True).split()

    def run(self, names: list[str]) -> Ended:
        """Run these tests in a process of their own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "unittest", "-v", *names], env=self._environ, cwd=self._stage, text=True,
            errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return Ended(0, 0, [f"{names[0].rpartition('.')[0]} (no end within {LIMIT} s)"], output)
        ran = int((re.search(r"^Ran (\d+) test", output, re.M) or [0, 0])[1])
        skipped = int((re.search(r"^(?:OK|FAILED) \(.*skipped=(\d+)", output, re.M) or [0, 0])[1])
        failed = [name for _, name in re.findall(r"^(FAIL|ERROR): \S+ \(([\w.]+)\)", output, re.M)]
        if process.returncode and not failed:
            failed = [f"{names[0].rpartition('.')[0]} (exit code {process.returncode})"]
        return Ended(ran, skipped, sorted(set(failed)), output)


def by_class(names: Iterable[str]) -> list[list[str]]:
    """Put the tests of each class together."""
    classes: dict[str, list[str]] = {}
    for name in names:
        classes.setdefault(name.rpartition(".")[0], []).append(name)
    return list(classes.values())


def run_part(part: Part, method: str, library: str, stage: Path, at_once: int) -> figures.Figures:
    """Run the tests of a part under one method; give the figures."""
    runner = Runner(part.suite, method, library, stage)
    offered = [name for name in runner.names() if re.search(part.tests, name)]
    standard = Runner(part.suite, method, "multiprocessing", stage).names()
    missing = [name for name in standard if re.search(part.tests, name) and name not in offered]
    wanted = [n for n in offered if library == "multiprocessing" or exclusions.reason(n, method) is None]
    classes = by_class(wanted)
    with ThreadPoolExecutor(at_once) as threads:
        ended = list(threads.map(runner.run, classes))
    failed, skipped = list(missing), 0
    for names, first in zip(classes, ended, strict=True):
        last = runner.run(names) if first.failed else first
        if first.failed:
            print(f"{method}: once more, alone: {', '.join(first.failed)}: {'failed' if last.failed else 'passed'}")
            print((last if last.failed else first).output, flush=True)
        failed += last.failed
        skipped += last.skipped
    passed, excluded = len(wanted) - skipped - len(failed), len(offered) - len(wanted)
    return figures.Figures(len(offered), passed, skipped, excluded, failed)


def make_stage(folder: Path) -> None:
    """Fill the folder that the tests run in: what they import is found also with -E and -S, which some of them use."""
    for each in HERE.glob("*.py"):
        (folder / each.name).symlink_to(each)
    (folder / "procession").symlink_to(SRC / "procession")
    redirect.write_helpers(folder)
    futures_redirect.write(folder)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="CPython's own tests, run against procession")
    parser.add_argument("what", nargs="*", choices=[[], *PARTS, *SMALL_PARTS, *METHODS], help="parts and methods")
    parser.add_argument("--library", default="procession", help="the module under test")
    parser.add_argument("--only", default="", help="what the names of the tests must match")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many classes run side by side")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/conformance.md")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    """Run the parts and methods that are named, all where none is."""
    asked = arguments(given)
    every = {**PARTS, **SMALL_PARTS}
    parts = [name for name in asked.what if name in every] or list(PARTS)
    methods = [name for name in asked.what if name in METHODS]
    os.environ["MP_UNDER_TEST"] = redirect.LIBRARY = asked.library
    bad = 0
    for name in parts:
        part = every[name]
        if name == "futures" and not futures_redirect.available():
            print(f"{name:16} this Python comes without {futures_redirect.SOURCE}", flush=True)
            continue
        part = part._replace(tests=asked.only or part.tests)
        for method in part.methods if part.methods == ("all",) else methods or part.methods:
            with tempfile.TemporaryDirectory(prefix="conformance-") as stage:
                make_stage(Path(stage))
                found = run_part(part, method, asked.library, Path(stage), asked.at_once)
            print(f"{name:16} {method:10} {found}", flush=True)
            for test in found.failed:
                print(f"    {test}")
            least = figures.standard(name, method) if asked.library == "procession" and not asked.only else None
            if least is not None and found.passed + found.excluded + len(found.failed) < least:
                print(f"    multiprocessing itself passes {least}: some of its tests were skipped here")
                bad += 1
            bad += len(found.failed) + (not found.passed)
            if asked.write and not asked.only and name in PARTS:
                figures.write(name, method, asked.library, found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
