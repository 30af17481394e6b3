"""The host: how many CPUs, how much memory and which start methods are granted here.

Knows: the two variables, the scheduler's affinity, the files of cgroup v1 and v2, the limits of the system.
Must not know: pools. It reads; nothing here changes anything.

A process may use less than the machine has: an affinity mask, or a CPU quota of its cgroup or of any cgroup above it. A
pool that counts the machine's CPUs inside a container with a quota is throttled by the kernel most of the time.
`root` in each function stands for the root of the file system, so that tests can bring their own.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Mapping

from procession.model.light import Record

UNLIMITED_BYTES = 1 << 60  # cgroup v1 writes "no limit" as the highest multiple of a page below 2**63


class WorkerCount(Record):
    """How many workers a pool has where nobody says it.

    Args:
        count: Workers, at least 1.
        limit: What decided it: a variable's name, `CPU affinity`, `CPUs of the machine`, `cgroup v1 CPU quota` or
            `cgroup v2 CPU quota`.
    """

    __slots__ = ("count", "limit")

    def __init__(self, count: int, limit: str) -> None:
        self.count = count
        self.limit = limit


# Where this process stands in one cgroup hierarchy: its version (1 or 2); its own folder first, then each above it up
# to the mount point.
CgroupPath = tuple[int, list[str]]


def worker_count(
    environ: Mapping[str, str] | None = None, *, root: str = "/", affinity: int | None = None
) -> WorkerCount:
    """Count the workers that a pool of default size has, and say which limit decided it.

    A variable that is set decides: PROCESSION_WORKERS, then PYTHON_CPU_COUNT. Otherwise it is the smaller one of the
    CPUs that the scheduler grants and of the CPU quota of this process's cgroups, rounded up.

    Args:
        environ: The variables. None: `os.environ`.
        root: The root of the file system.
        affinity: The CPUs that the scheduler grants. None: ask it.

    Raises:
        ValueError: A variable is not a whole number of 1 or more.

    Source: PYTHON_CPU_COUNT and its value `default`: CPython 3.13.
    """
    variables = os.environ if environ is None else environ
    for name, words_for_unset in (("PROCESSION_WORKERS", ("",)), ("PYTHON_CPU_COUNT", ("", "default"))):
        value = variables.get(name, "")
        if value not in words_for_unset:
            return WorkerCount(_count_in(name, value), name)
    granted = _scheduler_count() if affinity is None else WorkerCount(affinity, "CPU affinity")
    return min([granted, *_quotas(root)], key=lambda limit: limit.count)


def cores() -> int:
    """Count the CPUs on which this process may run at once, whatever its quota of their time is."""
    return _scheduler_count().count


def memory_limit(root: str = "/") -> int | None:
    """Give the memory in bytes that this process's cgroups grant; None where they set no limit.

    Args:
        root: The root of the file system.
    """
    limits = []
    for version, folders in cgroup_paths(root, "memory"):
        name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        limits += [int(text) for folder in folders if (text := _read(folder, name)).isdigit()]
    return min((limit for limit in limits if limit < UNLIMITED_BYTES), default=None)


@functools.cache
def memory() -> int:
    """Give the memory in bytes that this process may have: what its cgroups grant, at most what the machine has."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(machine, memory_limit() or machine)


class OomCounter(Record):
    """Where the kernel counts the processes that it killed for want of memory.

    Args:
        path: The file, which has a line `oom_kill`.
        whose: Whose processes are counted there: the cgroup's or the machine's.
    """

    __slots__ = ("path", "whose")

    def __init__(self, path: str, whose: str) -> None:
        self.path = path
        self.whose = whose

    def read(self) -> int | None:
        """Give the count; None if the file is gone."""
        for line in _read("", self.path).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill" and value.isdigit():
                return int(value)
        return None


def oom_counter(root: str = "/") -> OomCounter | None:
    """Find the count of this process's cgroup, else the machine's; None where the kernel does not count.

    Args:
        root: The root of the file system.
    """
    return _find_oom_counter(root, _read(root, "proc/self/cgroup"))


@functools.lru_cache(maxsize=8)  # each pool asks; to look for the mounts takes 0.1 ms
def _find_oom_counter(root: str, cgroups: str) -> OomCounter | None:
    for version, folders in cgroup_paths(root, "memory"):
        name = "memory.oom_control" if version == 1 else "memory.events"
        counter = OomCounter(os.path.join(folders[0], name), "cgroup")
        if counter.read() is not None:
            return counter
    counter = OomCounter(os.path.join(root, "proc/vmstat"), "machine")
    return None if counter.read() is None else counter


def shm_size(path: str = "/dev/shm") -> int | None:
    """Give the size of /dev/shm in bytes; None where there is none.

    Args:
        path: Where it is mounted.
    """
    try:
        status = os.statvfs(path)
    except (OSError, AttributeError):  # no such folder; no statvfs on Windows
        return None
    return status.f_frsize * status.f_blocks


def descriptor_limit() -> int | None:
    """Give how many descriptors this process may have open; None where there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def process_limit() -> int | None:
    """How many processes and threads this user may have; None for no limit."""
    try:
        import resource
    except ImportError:  # not there on Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return None if soft == resource.RLIM_INFINITY else soft


def start_methods() -> tuple[str, ...]:
    """List what `context=` may be here; without fork that is spawn alone."""
    return ("nursery", "fork", "forkserver", "spawn") if hasattr(os, "fork") else ("spawn",)


def cgroup_paths(root: str, controller: str) -> Iterator[CgroupPath]:
    """Find this process in the cgroup hierarchies that may limit it: the one of v2, and the controller's of v1.

    Both can be there at once (hybrid); then v2 has no files of this controller, and reading them gives nothing.

    Args:
        root: The root of the file system.
        controller: The name in v1: `cpu`, `memory`.
    """
    mounts = list(_cgroup_mounts(root, controller))
    for line in _read(root, "proc/self/cgroup").splitlines():
        hierarchy, names, path = line.split(":", 2)
        version = 2 if hierarchy == "0" and not names else 1
        if version == 2 or controller in names.split(","):
            for mounted, top, folder in mounts:
                if mounted == version:
                    yield version, _folders_up(folder, top, path)
                    break


def _count_in(name: str, value: str) -> int:
    text = value.strip()
    if not (text.isascii() and text.isdigit() and int(text)):
        words = ", or 'default'" if name == "PYTHON_CPU_COUNT" else ""
        raise ValueError(f"{name}={value[:80]!r}: must be a whole number of 1 or more{words}")
    return int(text)


def _scheduler_count() -> WorkerCount:
    if hasattr(os, "sched_getaffinity"):
        return WorkerCount(len(os.sched_getaffinity(0)), "CPU affinity")
    return WorkerCount(os.cpu_count() or 1, "CPUs of the machine")


def _quotas(root: str) -> Iterator[WorkerCount]:
    for version, folders in cgroup_paths(root, "cpu"):
        for folder in folders:
            if version == 1:
                parts = [_read(folder, "cpu.cfs_quota_us"), _read(folder, "cpu.cfs_period_us")]
            else:
                parts = _read(folder, "cpu.max").split()
            # "max" (v2) and "-1" (v1) are no numbers here: unlimited.
            if len(parts) == 2 and all(part.isdigit() and int(part) for part in parts):
                yield WorkerCount(math.ceil(int(parts[0]) / int(parts[1])), f"cgroup v{version} CPU quota")


def _cgroup_mounts(root: str, controller: str) -> Iterator[tuple[int, str, str]]:
    """Give version, mounted cgroup and folder of each mount that counts."""
    for line in _read(root, "proc/self/mountinfo").splitlines():
        before, _, behind = line.partition(" - ")
        fields, kind = before.split(), behind.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        folder = os.path.join(root, _unescape(fields[4]).lstrip("/"))
        if kind[0] == "cgroup2":
            yield 2, _unescape(fields[3]), folder
        elif kind[0] == "cgroup" and controller in kind[2].split(","):
            yield 1, _unescape(fields[3]), folder


def _folders_up(folder: str, top: str, path: str) -> list[str]:
    """List the folders from a cgroup up to the mount point.

    A container without a cgroup namespace sees the host's path, and the mount shows only what is below `top`. What
    cannot be seen from here (another container's part, `/..`) counts as the mount point itself.
    """
    top = top.rstrip("/")
    inside = path[len(top) :] if path == top or path.startswith(top + "/") else ""
    names = [name for name in inside.split("/") if name]
    if ".." in names:
        names = []
    return [os.path.join(folder, *names[:length]) for length in range(len(names), -1, -1)]


def _unescape(text: str) -> str:
    """Mountinfo writes blanks, tabs, line ends and backslashes as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except OSError:
        return ""
