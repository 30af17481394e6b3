"""Weight: how much memory a process holds by itself, and whether a worker has outgrown what it may hold.

Knows: /proc/PID/statm, the limit that the pool's maker chose.
Must not know: what follows from it.

What counts is resident and neither a file's nor shared (the field `resident` of statm without the field `shared`): so
blocks, segments and loaded libraries do not count, which the end of the process would not give back. Nor does what a
worker was born with: forked from a process of 2 GB, it has them too, and they are not its own.
"""

from __future__ import annotations

import os

PAGE = os.sysconf("SC_PAGE_SIZE")


def own_bytes(pid: int | str, root: str = "/") -> int:
    """Give the bytes of memory that are a process's own; 0 if it is gone.

    Args:
        pid: Its id, or `self`.
        root: The root of the file system.
    """
    try:
        with open(os.path.join(root, "proc", str(pid), "statm"), "rb", buffering=0) as file:
            return parse_statm(file.read())
    except OSError:  # also ESRCH: it has ended since the file was opened
        return 0


def parse_statm(text: bytes) -> int:
    """Read /proc/PID/statm: bytes that are resident and not shared; 0 where it holds no such numbers."""
    fields = text.split()
    if len(fields) < 3 or not (fields[1].isdigit() and fields[2].isdigit()):
        return 0
    return max(0, int(fields[1]) - int(fields[2])) * PAGE


class Weight:
    """The weight of this worker; made before its initializer runs.

    Args:
        limit: Bytes that it may hold after an item beyond what it was born with.
    """

    def __init__(self, limit: int) -> None:
        self._most = limit + own_bytes("self")
        self._told = False

    def outgrown(self, beside: int) -> bool:
        """True, once, if it holds too much.

        Args:
            beside: Bytes that do not count: of outcomes that are about to be sent.
        """
        if self._told or own_bytes("self") - beside <= self._most:
            return False
        self._told = True
        return True
