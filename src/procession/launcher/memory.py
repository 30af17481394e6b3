"""Memory, looked at from outside: what a process and its descendants hold, what is still available.

Knows: the files of /proc and of cgroup v1 and v2.
Must not know: pools, limits. It reads; a process that ends while it is looked at holds nothing.

What counts of a process is said in `worker/weight.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from procession.launcher import host
from procession.worker.weight import own_bytes

KIBIBYTE = 1024


def proportional_bytes(pid: int, root: str = "/") -> int | None:
    """Give a process's share of the memory that it holds alone or with processes that were forked from it; None where
    the system does not tell. Slow: some ms for each GB.

    Args:
        root: The root of the file system.
    """
    return _field(read(os.path.join(root, f"proc/{pid}/smaps_rollup")), "Pss_Anon:")


def descendants(pid: int, root: str = "/") -> list[int]:
    """List the descendants of a process; none where the system does not tell.

    Args:
        root: The root of the file system.
    """
    found: list[int] = []
    for child in _children(pid, root):
        found += [child, *descendants(child, root)]
    return found


def _children(pid: int, root: str) -> Iterator[int]:
    folder = os.path.join(root, f"proc/{pid}/task")
    try:
        threads = os.listdir(folder)
    except OSError:
        return
    for thread in threads:
        yield from map(int, filter(str.isdigit, read(os.path.join(folder, thread, "children")).split()))


class Available:
    """What memory is available to this process: the least that a cgroup of its or the machine has left.

    Args:
        root: The root of the file system.
    """

    def __init__(self, root: str = "/") -> None:
        self._meminfo = os.path.join(root, "proc/meminfo")
        self._cgroups = [(version, each) for version, folders in host.cgroup_paths(root, "memory") for each in folders]

    def __call__(self) -> int:
        """Give the bytes that are available now."""
        left = [each for version, folder in self._cgroups if (each := left_in_cgroup(version, folder)) is not None]
        machine = _field(read(self._meminfo), "MemAvailable:")
        if machine is not None:
            left.append(machine)
        return min(left, default=host.memory())


def left_in_cgroup(version: int, folder: str) -> int | None:
    """Give the bytes that a cgroup has left, with what the kernel drops first of its page cache; None: no limit.

    Args:
        version: 1 or 2.
        folder: The cgroup's.
    """
    limit = read(os.path.join(folder, "memory.limit_in_bytes" if version == 1 else "memory.max")).strip()
    if not limit.isdigit() or int(limit) >= host.UNLIMITED_BYTES:
        return None
    usage = read(os.path.join(folder, "memory.usage_in_bytes" if version == 1 else "memory.current")).strip()
    if not usage.isdigit():
        return None
    cache = _number(
        read(os.path.join(folder, "memory.stat")), "total_inactive_file" if version == 1 else "inactive_file"
    )
    return max(0, int(limit) - int(usage) + min(cache or 0, int(usage)))


def _field(text: str, name: str) -> int | None:
    """Read a line like `MemAvailable:  123 kB`: its bytes."""
    number = _number(text, name)
    return None if number is None else number * KIBIBYTE


def _number(text: str, name: str) -> int | None:
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 1 and fields[0] == name and fields[1].isdigit():
            return int(fields[1])
    return None


def read(path: str) -> str:
    """Read a file of the system's; nothing where it is gone, or must not be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:  # also ESRCH: the process has ended since the file was opened
        return ""


class Sizes:
    """What workers hold, with their descendants, beyond what each was born with: that is what its parent holds.

    Args:
        root: The root of the file system.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self._born: dict[int, int] = {}
        self._families: dict[int, set[int]] = {}
        self._counted: dict[int, set[int]] = {}  # of those, the ones that were there at the look before, too

    def look(self, pids: Iterable[int]) -> dict[int, int]:
        """Give the bytes that each of some workers holds.

        A descendant counts from the second look on: one that is just being started is, for a moment, a copy of who
        starts it.
        """
        root = self._root
        families = {pid: set(descendants(pid, root)) for pid in pids}
        before, self._families = self._families, families
        self._counted = {pid: family & before.get(pid, set()) for pid, family in families.items()}
        return {pid: self._own(pid) + sum(own_bytes(each, root) for each in self._counted[pid]) for pid in families}

    def exact(self, pid: int) -> int:
        """Give the bytes that a worker holds that was looked at; what it has in common with descendants counts once."""
        counted = self._counted.get(pid, set())
        if not counted:
            return self._own(pid)
        shares = [proportional_bytes(each, self._root) for each in (pid, *counted)]
        if any(share is None for share in shares):
            return self._own(pid) + sum(own_bytes(each, self._root) for each in counted)
        return sum(share or 0 for share in shares)

    def _own(self, pid: int) -> int:
        born = self._born.get(pid)
        if born is None:
            born = self._born[pid] = own_bytes(parent(pid, self._root) or 0, self._root)
        return max(0, own_bytes(pid, self._root) - born)

    def forget(self) -> None:
        """Forget all: other processes may have these numbers when it is looked again."""
        for known in (self._born, self._families, self._counted):
            known.clear()


def parent(pid: int, root: str = "/") -> int | None:
    """Give the parent of a process; None if it is gone."""
    fields = read(os.path.join(root, f"proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None
