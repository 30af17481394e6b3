"""Run CPython's tests of a part of `multiprocessing` against procession, under each start method.

    python tools/conformance/run.py [pool] [fork spawn forkserver]

Each class has a process and a time limit of its own, so that one hang does not end the run. Exits with 1 if a test
failed that is not in `KNOWN`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[1] / "src"
METHODS = ("fork", "spawn", "forkserver")
LIMIT = 180  # seconds for a class

PARTS = {
    "pool": (
        "WithProcessesTestPool.",
        "WithProcessesTestPoolWorkerLifetime.",
        "TestInitializers.test_pool_initializer",
        "TestStdinBadfiledescriptor.test_pool_in_process",
    ),
}

# What fails, and why that is right. TestPoolNotLeakOnFailure is not run: it demands that a pool makes its workers by
# `context.Process(...)`; tests/pool/test_ends.py shows that a worker that cannot start leaves none behind.
KNOWN: dict[str, str] = {}

LINE = re.compile(r"^(test\w+) \(([\w.]+)\).*?\.\.\. (ok|FAIL|ERROR|skipped.*|expected failure)$", re.M)


def run(method: str, pattern: str) -> tuple[int, list[str], str]:
    """Run what a pattern names; give how many tests ran, those that failed, and the output."""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(HERE), str(SRC))),
        "CONFORMANCE_METHOD": method,
    }
    command = [sys.executable, "-m", "unittest", "-v", "-k", f"*{pattern}*", "cpython_suite"]
    process = subprocess.Popen(
        command, env=environ, cwd=HERE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return 0, [f"{pattern} (no end within {LIMIT} s)"], output
    ran = int((re.search(r"^Ran (\d+) test", output, re.M) or [0, 0])[1])
    failed = re.findall(r"^(?:FAIL|ERROR): (\S+ \(.*\))", output, re.M)
    if process.returncode and not failed:
        failed = [f"{pattern} (exit code {process.returncode})"]
    return ran, failed, output


def main(arguments: list[str]) -> int:
    """Run the parts and methods that are named, all where none is."""
    parts = [name for name in arguments if name in PARTS] or list(PARTS)
    methods = [name for name in arguments if name in METHODS] or METHODS
    bad = 0
    for method in methods:
        for pattern in (each for part in parts for each in PARTS[part]):
            ran, failed, output = run(method, pattern)
            unknown = [name for name in failed if not any(known in name for known in KNOWN)]
            bad += len(unknown) + (not ran)
            print(f"{method:10} {pattern:50} {ran:3} run, {len(failed)} failed", flush=True)
            if unknown or not ran:
                print(output)
            for name in failed:
                print(f"    {name}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
