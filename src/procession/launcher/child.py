"""A nursery seen by its parent: ask for workers, hear how they end.

Knows: the control socket, the nursery's process.
Must not know: what workers do.
"""

from __future__ import annotations

import errno
import os
import pickle
import select
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from time import monotonic, sleep

from procession.launcher import forks, lifeline, nursery, start_methods
from procession.launcher.start_methods import Method
from procession.model.errors import StartFailed
from procession.worker.look import MULTIPROCESSING

IN_FLIGHT_SECONDS = 5.0  # how long other processes of this user may take to receive the descriptors sent to them
PF_EXITING = 0x4  # a flag of the kernel's (linux/sched.h), set before descriptors are closed
Identity = tuple[int, str, int, int]  # counter slot, name, the parent's process id, workers on this machine


class NurseryLost(Exception):
    """The nursery is gone."""


class NurseryLink:
    """One pool's connection to a nursery.

    Args:
        control: The parent's end of a control socket.
        pid: The nursery's process id.
        own: The nursery belongs to this pool alone and ends with it.
    """

    def __init__(self, control: socket.socket, pid: int, own: bool) -> None:
        self._control = control
        self.pid = pid
        self._own = own

    def fileno(self) -> int:
        """The descriptor of the control socket."""
        return self._control.fileno()

    def start(self, number: int, method: Method, descriptors: Sequence[int], identity: Identity) -> None:
        """Ask for a worker; a report tells what became of it.

        Raises:
            NurseryLost: The nursery is gone.
            StartFailed: The system refused to pass the descriptors.
        """
        request = pickle.dumps((number, method.name, identity))
        try:
            send_with(self._control, request, descriptors)
        except OSError as error:
            if error.errno == errno.ETOOMANYREFS:
                raise start_failed(error) from error
            raise NurseryLost from error

    def reports(self) -> list[tuple[int, int, int]]:
        """Read what the nursery has to say: (kind, number of the worker, value).

        Raises:
            NurseryLost: The nursery is gone, and all that it said was read.
        """
        out: list[tuple[int, int, int]] = []
        while True:
            try:
                data = self._control.recv(nursery.REPORT.size, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return out
            except OSError:
                data = b""
            if not data:
                if out:
                    return out
                raise NurseryLost
            out.append(nursery.REPORT.unpack(data))

    def close(self) -> None:
        """Let the nursery end all workers of this pool; a nursery of our own ends itself."""
        forks.close(self._control)
        if self._own:
            wait_for(self.pid)

    def lost(self) -> None:
        """The nursery is gone: collect it."""
        self.close()
        if not self._own:
            CLEAN.lost(self.pid)

    def abandon(self) -> None:
        """In a forked child: close our copy, and nothing else."""
        self._control.close()


def is_exiting(pid: int) -> bool:
    """True if a process is on its way out, so that its descriptors are closed by the kernel and not by itself."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            flags = int(file.read().rpartition(b")")[2].split()[6])
    except OSError:  # gone, or a system without /proc
        return True
    return bool(flags & PF_EXITING)


def holds_still(pid: int) -> bool:
    """True if a process runs no code of its own: it is stopped, or in the midst of what nothing interrupts, or gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"R", b"S")
    except OSError:
        return True


def wait_for(pid: int) -> int | None:
    """Wait until a child has ended; return its exit code, None if somebody else has collected it."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def wait_until_gone(pids: Sequence[int], seconds: float) -> None:
    """Wait until processes have ended that are not children of this one; `seconds` at the most."""
    until = monotonic() + seconds
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # it is gone; or the system has no such descriptors, and nothing can be waited for
            continue
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, until - monotonic()) * 1000)
        os.close(descriptor)


def start_failed(error: OSError) -> StartFailed:
    """Say what the system refused, and what helps."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        hint = "raise the limit (ulimit -n), or use fewer workers"
    elif error.errno == errno.EAGAIN:
        hint = "too many processes: raise the limit (ulimit -u), or use fewer workers"
    else:
        hint = None
    return StartFailed(reason=error.strerror or str(error), hint=hint)


def connect(method: Method, preload: Sequence[str], variables: Mapping[str, str] = nursery.NO_VARIABLES) -> NurseryLink:
    """Find or start the nursery for a pool.

    Args:
        method: How workers are born.
        preload: What a clean nursery imports.
        variables: What a snapshot's environment has beside this process's.

    Raises:
        StartFailed: The system refused a process or a descriptor.
    """
    try:
        return _snapshot(variables) if method.snapshot else CLEAN.connect(tuple(preload))
    except OSError as error:
        raise start_failed(error) from error


def _snapshot(variables: Mapping[str, str]) -> NurseryLink:
    # What each worker would import for itself. The nursery must not: should another thread of this process be importing
    # it at the moment of the fork, its lock would stay locked there for ever.
    import procession.worker.main  # noqa: F401

    if MULTIPROCESSING in sys.modules:
        import multiprocessing.util  # noqa: F401
    ours, theirs = forks.control_pair()
    with theirs:
        try:
            pid = nursery.fork_snapshot(theirs, variables)
        except BaseException:
            ours.close()
            raise
    return NurseryLink(ours, pid, own=True)


class CleanNurseries:
    """The clean nurseries of this process, shared by all pools.

    There is one for each set of flags, of preloaded modules and of rights: a process that gave up those of root must
    not get workers that have them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[object, tuple[socket.socket, int]] = {}
        os.register_at_fork(after_in_child=self._forget)

    def connect(self, preload: tuple[str, ...]) -> NurseryLink:
        """Attach a pool to the nursery with these modules, starting it if need be."""
        key = start_methods.flags(), preload, os.getresuid(), os.getresgid()
        with self._lock:
            for _ in range(2):
                if key not in self._known:
                    self._known[key] = _start_clean(preload)
                main, pid = self._known[key]
                ours = _attach(main)
                if ours is not None:
                    return NurseryLink(ours, pid, own=False)
                self._collect(key)  # somebody has killed it: start another
        raise StartFailed(reason="the nursery ends as soon as it is started", hint="see its message above")

    def lost(self, pid: int) -> None:
        """A pool can no longer reach this nursery: collect it, if it is gone and nobody else has."""
        with self._lock:
            for key, (main, known) in list(self._known.items()):
                if known == pid and _ended(main):
                    self._collect(key)

    def _collect(self, key: object) -> None:
        main, pid = self._known.pop(key)
        main.close()
        wait_for(pid)

    def _forget(self) -> None:
        """In a forked child: these nurseries are the parent's."""
        self._lock = threading.Lock()
        self._known.clear()


def _ended(main: socket.socket) -> bool:
    """True if the other end is gone; nothing is ever said on this one."""
    try:
        return not main.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _attach(main: socket.socket) -> socket.socket | None:
    """Give a nursery one more control socket; None if it is gone."""
    ours, theirs = forks.control_pair()
    with theirs:
        try:
            send_with(main, nursery.ATTACH, [theirs.fileno()])
        except OSError as error:
            ours.close()
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            return None
    return ours


def send_with(control: socket.socket, message: bytes, descriptors: Sequence[int]) -> None:
    """Send a message with descriptors.

    A user may have only so many descriptors on their way at once; the nurseries take them off as fast as they can.

    Raises:
        OSError: The other end is gone, or does not take them.
    """
    until = monotonic() + IN_FLIGHT_SECONDS
    while True:
        try:
            socket.send_fds(control, [message], descriptors, socket.MSG_NOSIGNAL)
            return
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or monotonic() > until:
                raise
        sleep(0.001)


def _loaded_here() -> tuple[str, ...]:
    """Modules that each worker would load for itself, because this program uses `multiprocessing`."""
    return ("multiprocessing.context", "multiprocessing.util") if MULTIPROCESSING in sys.modules else ()


def _start_clean(preload: tuple[str, ...]) -> tuple[socket.socket, int]:
    ours, theirs = forks.control_pair()
    with theirs:
        code = start_methods.IMPORT_US.format(module="nursery") + "nursery.clean_life(int(sys.argv[2]))"
        inherited = 3 if theirs.fileno() != 3 else 4
        command = start_methods.interpreter(code, start_methods.source_folder(), str(inherited), "procession-nursery")
        move = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), inherited)]
        blocked = lifeline.NURSERY_SIGNALS  # Ctrl-C before it has learnt to ignore it would end it with a traceback
        try:
            pid = os.posix_spawn(command[0], command, os.environ, file_actions=move, setsigmask=blocked)
            ours.send(pickle.dumps((sys.path, (*_loaded_here(), *preload))), socket.MSG_NOSIGNAL)
        except BaseException:
            ours.close()
            raise
    return ours, pid


CLEAN = CleanNurseries()
