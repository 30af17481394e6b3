"""What the kernel says of processes: who belongs to a cell, their memory, their wake-ups.

Knows: /proc of Linux. A process belongs to a cell if its environment at start has the cell's mark, which every
descendant inherits, whatever its session or parent has become.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>
MARK = "PROCESSION_BENCH_CELL"


def marked(mark: str) -> list[int]:
    """List the living processes whose environment carries a mark that begins with `mark`."""
    wanted = f"\0{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            carries = wanted in b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is not ours
        if carries and int(entry.name) != os.getpid() and not _is_zombie(entry):
            found.append(int(entry.name))
    return found


def _is_zombie(entry: Path) -> bool:
    try:
        return (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def kill_marked(mark: str, grace: float = 0.0) -> int:
    """Kill what carries `mark`, after `grace` seconds in which it may end by itself; return how many were killed."""
    end = time.monotonic() + grace
    while (alive := marked(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    killed = len(alive)
    while alive:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
        alive = marked(mark)
    return killed


def proportional_memory(pids: list[int]) -> int:
    """Sum the PSS of processes, in bytes: a page shared by n processes counts 1/n for each."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def wake_ups(pids: list[int]) -> tuple[int, float]:
    """Sum over all threads: how often one went to sleep of its own will, and the seconds of CPU used."""
    switches, seconds = 0, 0.0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for line in (thread / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    switches += int(line.split()[1])
            seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
    return switches, seconds


def adopt_orphans() -> None:
    """Become the parent of descendants that outlive theirs, so that the CPU time they used is counted here."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_cpu() -> float:
    """Wait for all children and adopted ones; return the seconds of CPU that they and theirs have used."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime


def forget_peak() -> None:
    """Let the peak of this process's memory begin again, where the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory() -> int:
    """Give the peak of this process's resident memory, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
