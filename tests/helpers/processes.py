"""Processes seen from outside: which of them are ours, and which of those are still there.

Knows: psutil and /proc.
Must not know: procession. A test must not ask the library whether the library has cleaned up.

A process is ours if it descends from this one, or was forked (at any depth) from this one's image, or carries this
run's mark in its environment. The last two find orphans, which have another parent by then: a fork keeps the
randomised addresses of its image, and an exec hands the environment on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil

MARK = "PROCESSION_TEST_RUN"
Key = tuple[int, float]  # pid and start: a pid alone may be used again


def mark_environment() -> None:
    """Mark this run's environment, so that what it starts can be told from other runs on the machine."""
    os.environ[MARK] = f"{os.getpid()}-{os.urandom(4).hex()}"


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """List the living children of a process and theirs, zombies included.

    Args:
        pid: Whose; None: this process's.
    """
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ours(mark: str | None = None) -> list[psutil.Process]:
    """List every process that this run has started and that is still there, orphans included.

    Args:
        mark: Count only what carries this mark and what descends from it; None: all of this run.
    """
    found = {process.pid: process for process in ([] if mark else descendants())}
    image = None if mark else _image(os.getpid())
    for pid in _pids():
        if pid == os.getpid() or pid in found:
            continue
        if _has_mark(pid, mark or os.environ.get(MARK, "")) or (image and _image(pid) == image):
            with suppress(psutil.NoSuchProcess):
                for process in [psutil.Process(pid), *descendants(pid)]:
                    found[process.pid] = process
    return list(found.values())


def key(process: psutil.Process) -> Key | None:
    """Give what tells a process from any other, or None if it is gone."""
    try:
        return process.pid, process.create_time()
    except psutil.NoSuchProcess:
        return None


def command(process: psutil.Process) -> str:
    """Give the command line of a process; empty for a zombie or one that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def describe(process: psutil.Process) -> str:
    """Say in one line which process this is and what it does."""
    try:
        with process.oneshot():
            name = command(process)[:200] or process.name()
            return f"{process.pid} (parent {process.ppid()}, {process.status()}): {name}"
    except psutil.Error:
        return f"{process.pid} (gone)"


def running(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def kill(processes: list[psutil.Process]) -> None:
    """Kill each of the processes at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _has_mark(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return bool(mark) and f"={mark}".encode() in file.read()
    except OSError:
        return False


def _image(pid: int) -> tuple[bytes, ...] | None:
    """Give the addresses of the stack, arguments and environment (fields 28, 48, 50 of stat); None for a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    image = (fields[25], fields[45], fields[47])
    return None if b"0" in image else image
