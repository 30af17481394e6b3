"""What a test has left behind: processes, descriptors, threads, segments.

Knows: how to list them, and what may stay: the lists of predicates below. A test file adds its own with `append`.
Must not know: how the library cleans up.
"""

from __future__ import annotations

import gc
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from tests.helpers import processes, wait

PATIENCE = 5.0  # seconds for what ends by itself: a killed worker to be reaped, a thread to see the end


class Descriptor(NamedTuple):
    """One entry of /proc/self/fd."""

    number: int
    target: str


@dataclass(frozen=True)
class State:
    """What there was at one moment.

    Args:
        processes: Every process of this run but this one.
        descriptors: The open descriptors.
        threads: The living threads.
        segments: The names in /dev/shm.
    """

    processes: dict[processes.Key, psutil.Process]
    descriptors: frozenset[Descriptor]
    threads: frozenset[threading.Thread]
    segments: frozenset[str]


def snapshot() -> State:
    """List what there is now."""
    alive = {key: process for process in processes.ours() if (key := processes.key(process))}
    return State(alive, frozenset(_descriptors()), frozenset(threading.enumerate()), frozenset(_segments()))


def left_since(before: State, patience: float = PATIENCE) -> list[str]:
    """Name what was not there before and may not stay; wait for what is about to end.

    Args:
        before: The state to compare with.
        patience: Seconds to wait until nothing is left.
    """
    found: list[str] = []

    def clean() -> bool:
        was_clean = not found
        found[:] = _compare(before, snapshot())
        if found:
            gc.collect()  # a pool in a reference cycle ends when it is collected
        return was_clean and not found  # after a find look twice: in the midst of an exec an orphan shows no mark

    wait.poll(clean, patience)
    return found


def _compare(before: State, now: State) -> list[str]:
    found = []
    kept = []
    for key, process in now.processes.items():
        if any(allowed(process) for allowed in ALLOWED_PROCESSES):
            kept.append(process)
        elif key not in before.processes:
            found.append(f"process {processes.describe(process)}")
    for descriptor in sorted(now.descriptors - before.descriptors):
        if not any(allowed(descriptor, kept) for allowed in ALLOWED_DESCRIPTORS):
            found.append(f"descriptor {descriptor.number} -> {descriptor.target}")
    for thread in now.threads - before.threads:
        if not any(allowed(thread) for allowed in ALLOWED_THREADS):
            found.append(f"thread {thread.name!r}{' (daemon)' if thread.daemon else ''}")
    for name in sorted(now.segments - before.segments):
        if not any(allowed(name) for allowed in ALLOWED_SEGMENTS) and os.path.exists(f"/dev/shm/{name}"):
            found.append(f"segment /dev/shm/{name}")  # another run's may be gone since it was listed
    return found


def _descriptors() -> Iterable[Descriptor]:
    for name in os.listdir("/proc/self/fd"):
        try:
            yield Descriptor(int(name), os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue  # the one that listed the folder


def _segments() -> list[str]:
    return os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else []


def _is_child(process: psutil.Process) -> bool:
    try:
        return process.ppid() == os.getpid()
    except psutil.NoSuchProcess:
        return False


def is_clean_nursery(process: psutil.Process) -> bool:
    """The clean nursery of this very process stays until it exits: one per set of flags and preload."""
    return "procession-nursery" in processes.command(process) and _is_child(process)


def is_watchdog(process: psutil.Process) -> bool:
    """The process that ends tests which run too long."""
    return "tests.helpers.watchdog" in processes.command(process) and _is_child(process)


def is_helper_of_multiprocessing(process: psutil.Process) -> bool:
    """The standard library's own forkserver and resource tracker stay until this process exits."""
    text = processes.command(process)
    names = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")
    return any(name in text for name in names) and _is_child(process)


def leads_to_kept_process(descriptor: Descriptor, kept: list[psutil.Process]) -> bool:
    """A pipe, socket or pidfd may stay if its other side is a process that may stay."""
    if descriptor.target == "anon_inode:[pidfd]":
        return _pid_of(descriptor) in [process.pid for process in kept]
    theirs = {target for process in kept for target in targets(process.pid)}
    if descriptor.target.startswith("socket:["):
        return f"socket:[{_peer(int(descriptor.target[8:-1]))}]" in theirs
    return descriptor.target.startswith("pipe:[") and descriptor.target in theirs


def is_open_elsewhere(name: str) -> bool:
    """A segment that a process of another run on this machine has mapped or open is that run's."""
    mine = {process.pid for process in processes.ours()} | {os.getpid()}
    path = f"/dev/shm/{name}"
    return any(pid not in mine and (path in targets(pid) or _maps(pid, path)) for pid in psutil.pids())


def is_named_after_another_process(name: str) -> bool:
    """A segment whose name has the pid of a process that is not ours, as loky's do, is another run's."""
    pids = {int(number) for number in re.findall(r"-(\d+)-", name)}
    return bool(pids) and not pids & {os.getpid(), *(process.pid for process in processes.ours())}


def is_folder_of_joblib(name: str) -> bool:
    """A benchmark of joblib that runs on this machine meanwhile makes folders there; procession has no names there."""
    return name.startswith("joblib_memmapping_folder_")


def is_idle_thread_of_tests(thread: threading.Thread) -> bool:
    """Threads that belong to the tests' own tools."""
    return thread.name.startswith("tests-")


ALLOWED_PROCESSES: list[Callable[[psutil.Process], bool]] = [
    is_clean_nursery,
    is_watchdog,
    is_helper_of_multiprocessing,
]
ALLOWED_DESCRIPTORS: list[Callable[[Descriptor, list[psutil.Process]], bool]] = [leads_to_kept_process]
ALLOWED_THREADS: list[Callable[[threading.Thread], bool]] = [is_idle_thread_of_tests]
ALLOWED_SEGMENTS: list[Callable[[str], bool]] = [
    is_named_after_another_process,
    is_open_elsewhere,
    is_folder_of_joblib,
]


def targets(pid: int) -> set[str]:
    """List what the open descriptors of a process lead to."""
    found: set[str] = set()
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found
    for name in names:
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


def _maps(pid: int, path: str) -> bool:
    try:
        with open(f"/proc/{pid}/maps") as file:
            return path in file.read()
    except OSError:
        return False


def _pid_of(descriptor: Descriptor) -> int | None:
    with open(f"/proc/self/fdinfo/{descriptor.number}") as file:
        for line in file:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return None


def _peer(inode: int) -> int | None:
    """Give the inode of a Unix socket's other end, as `ss -x` does: by the kernel's sock_diag."""
    if sys.platform != "linux":
        return None
    sock_diag, by_family, request, peer, peer_attribute = 4, 20, 1, 4, 2
    query = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode, peer, 0xFFFFFFFF, 0xFFFFFFFF)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, sock_diag) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(query), by_family, request, 1, 0) + query)
        answer = kernel.recv(65536)
    kind = struct.unpack_from("=H", answer, 4)[0]
    offset = 32  # behind the netlink header and struct unix_diag_msg
    while kind == by_family and offset + 8 <= len(answer):
        length, name, value = struct.unpack_from("=HHI", answer, offset)
        if name == peer_attribute:
            return int(value)
        offset += (length + 3) & ~3
    return None
