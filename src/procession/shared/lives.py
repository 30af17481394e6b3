"""Who has a lock: processes as numbers that are never used again, and whether one has ended.

Knows: process ids, start times, namespaces.
Must not know: locks.

A process id is used again after a while, so the time at which the process started goes with it. Where that cannot be
looked up, or where the number is that of another namespace, the process counts as alive: nobody takes a lock away from
who may have it.
"""

from __future__ import annotations

import os

PID_BITS = 22  # the kernel's highest limit
ABROAD = 1 << 63  # of a process that shares memory with another namespace of process ids

HERE = [0]  # this process, since its birth: a list, since whoever reads it does so in his quickest steps


def ended(number: int) -> bool:
    """True for a process that has ended, whether or not its parent knows."""
    if (number | HERE[0]) & ABROAD:
        return False
    pid = number & ((1 << PID_BITS) - 1)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    began = _begin(pid)
    return began is not None and began != number >> PID_BITS


def _begin(pid: int) -> int | None:
    """When a process began, in the system's ticks; -1: it has ended; None: nobody says."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(1024).rpartition(b")")[2].split()
    except ProcessLookupError:
        return -1
    except OSError:
        return None
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])


def namespace() -> int:
    """The namespace that process ids here belong to; 0 where that is not told."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def meet(other: int) -> None:
    """Note the namespace of a process that memory came from."""
    if other != namespace():
        HERE[0] |= ABROAD


def _arrive() -> None:
    pid = os.getpid()
    HERE[0] = pid | (_begin(pid) or 0) << PID_BITS | (0 if namespace() == _home else ABROAD)


_home = namespace()
_arrive()
os.register_at_fork(after_in_child=_arrive)
