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


_strangers: frozenset[int] = frozenset()  # what ran before this run did: most of a machine's processes


def mark_environment() -> None:
    """Mark this run's environment, so that what it starts can be told from other runs on the machine."""
    global _strangers
    _strangers = frozenset(_pids()) - {os.getpid(), *(process.pid for process in descendants())}
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
    own, image = os.getpid(), None if mark else _image(_stat(os.getpid()))
    stats = {pid: _stat(pid) for pid in _pids() if pid not in _strangers and pid != own}
    found = {
        pid
        for pid, stat in stats.items()
        if (image and _image(stat) == image) or _has_mark(pid, mark or os.environ.get(MARK, ""))
    }
    grown = found if mark else {own, *found}
    while grown:
        grown = {pid for pid, stat in stats.items() if stat and int(stat[1]) in grown and pid not in found}
        found |= grown
    processes = []
    for pid in sorted(found):
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    return processes


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


def _stat(pid: int) -> list[bytes]:
    """Give the fields of a process behind its name, from the state on; none if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _image(stat: list[bytes]) -> tuple[bytes, ...] | None:
    """Give the addresses of the stack, arguments and environment (fields 28, 48, 50 of stat); None for a zombie."""
    image = (stat[25], stat[45], stat[47]) if stat else (b"0",)
    return None if b"0" in image else image
