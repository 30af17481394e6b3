"""Ends a test that runs too long, with the stacks of every process that it has started.

Knows: /proc, signals, and the lines that the tests write to its standard input.
Must not know: procession and pytest. It is a process of its own with nothing but the standard library.

A thread in the process under test would be shorter, but a fork beside a thread is another thing than a fork without (a
warning from CPython 3.12 on), and a thread sees nothing while C code holds the interpreter lock.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

STACKS_SIGNAL = signal.SIGRTMAX - 1  # what the tests' processes answer with their stacks (faulthandler.register)
IDLE_SECONDS = 30.0  # how often to see whether the tests are still there: forks of theirs may hold the pipe open
DUMP_SECONDS = 1.0  # for a process to write its stacks


class Watchdog:
    """The tests' side: arms and disarms the process that watches."""

    def __init__(self, stderr: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.watchdog", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=stderr,
            stderr=stderr,
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
            start_new_session=True,
        )

    def arm(self, seconds: float, name: str) -> None:
        """Begin to watch one test."""
        self._write(f"{seconds} {name}\n")

    def disarm(self) -> None:
        """The test has ended."""
        self._write("\n")

    def stop(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait()

    def _write(self, line: str) -> None:
        if self._process.stdin:
            with suppress(OSError):
                os.write(self._process.stdin.fileno(), line.encode())


def watch(parent: int) -> None:
    """Read lines until the tests end; act when a time has run out.

    Args:
        parent: The process under test.
    """
    limit, name, deadline = 0.0, "", None
    rest = b""
    while os.getppid() == parent:
        patience = IDLE_SECONDS if deadline is None else min(IDLE_SECONDS, max(deadline - time.monotonic(), 0))
        if select.select([0], [], [], patience)[0]:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                seconds, _, name = line.decode().partition(" ")
                limit = float(seconds or 0)
                deadline = time.monotonic() + limit if seconds else None
        elif deadline is not None and time.monotonic() >= deadline:
            return end(parent, limit, name)


def end(parent: int, limit: float, name: str) -> None:
    """Show the stacks of the process under test and of all below it, then kill them."""
    tree = [parent, *[pid for pid in below(parent) if pid != os.getpid()]]
    print(f"\n\n{'=' * 100}\ntime limit of {limit:g} s: {name}", flush=True)
    for pid in tree:
        print(f"  {describe(pid)}", flush=True)
    for pid in tree:
        show_stacks(pid)
    print(f"{'=' * 100}\ntime limit of {limit:g} s: {name}: killing all of it", flush=True)
    for pid in [*below(parent), parent]:
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def show_stacks(pid: int) -> None:
    """Ask a process for its stacks, if it listens to such a question, and give it the time to write them.

    A child that was executed knows only PYTHONFAULTHANDLER: it answers SIGABRT, on its standard error. That may be the
    file in which pytest captures a test's output, so what is added there is shown here.
    """
    caught = int(field(pid, "status", "SigCgt:") or "0", 16)
    for number in (STACKS_SIGNAL, signal.SIGABRT):
        if not caught >> (number - 1) & 1:
            continue
        print(f"\n--- stacks of {pid}", flush=True)
        with suppress(OSError), ExitStack() as stack:
            path = f"/proc/{pid}/fd/2"
            captured = stack.enter_context(open(path, errors="replace")) if os.path.isfile(path) else None
            if captured:
                captured.seek(0, os.SEEK_END)
            os.kill(pid, number)
            time.sleep(DUMP_SECONDS)
            print(captured.read() if captured else "", flush=True)
        return


def below(parent: int) -> list[int]:
    """List the children of a process and theirs, breadth first."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat") as file:
                parents.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(name))
    found = list(parents.get(parent, []))
    for pid in found:
        found += parents.get(pid, [])
    return found


def describe(pid: int) -> str:
    """Say which process this is, in what state, and where in the kernel it waits."""
    command = read(pid, "cmdline").replace("\0", " ").strip()
    facts = f"state {field(pid, 'status', 'State:')}, parent {field(pid, 'status', 'PPid:')}"
    return f"{pid}: {facts}, threads {field(pid, 'status', 'Threads:')}, waits in {read(pid, 'wchan')}: {command[:160]}"


def field(pid: int, file: str, name: str) -> str:
    """Give one line of a file of /proc, without its name."""
    lines = [line for line in read(pid, file).splitlines() if line.startswith(name)]
    return lines[0].partition(":")[2].strip() if lines else ""


def read(pid: int, name: str) -> str:
    """Give a file of /proc; empty if the process is gone."""
    try:
        with open(f"/proc/{pid}/{name}", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch(int(sys.argv[1]))
