"""A nursery seen by its parent: ask for workers, hear how they end.

Knows: the control socket, the nursery's process.
Must not know: what workers do.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Sequence

from procession.launcher import nursery, start_methods
from procession.launcher.start_methods import Method
from procession.model.errors import StartFailed

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
        """
        request = pickle.dumps((number, method.name, identity))
        try:
            socket.send_fds(self._control, [request], descriptors, socket.MSG_NOSIGNAL)
        except OSError as error:
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
        self._control.close()
        if self._own:
            wait_for(self.pid)

    def abandon(self) -> None:
        """In a forked child: close our copy, and nothing else."""
        self._control.close()


def wait_for(pid: int) -> int | None:
    """Wait until a child has ended; return its exit code, None if somebody else has collected it."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Make a control socket: messages stay whole, and descriptors travel along."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def connect(method: Method, preload: Sequence[str]) -> NurseryLink:
    """Find or start the nursery for a pool.

    Raises:
        StartFailed: The system refused a process or a descriptor.
    """
    try:
        if method.snapshot:
            ours, theirs = control_pair()
            with theirs:
                pid = nursery.fork_snapshot(theirs, ours)
            return NurseryLink(ours, pid, own=True)
        return CLEAN.connect(tuple(preload))
    except OSError as error:
        raise StartFailed(reason=str(error), hint="too many processes or open files? see `ulimit -a`") from error


class CleanNurseries:
    """The clean nurseries of this process: one for each set of flags and preloaded modules, shared by all pools."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[socket.socket, int]] = {}
        os.register_at_fork(after_in_child=self._forget)

    def connect(self, preload: tuple[str, ...]) -> NurseryLink:
        """Attach a pool to the nursery with these modules, starting it if need be."""
        key = start_methods.flags(), preload
        with self._lock:
            for _ in range(2):
                if key not in self._known:
                    self._known[key] = _start_clean(preload)
                main, pid = self._known[key]
                ours, theirs = control_pair()
                try:
                    with theirs:
                        socket.send_fds(main, [nursery.ATTACH], [theirs.fileno()], socket.MSG_NOSIGNAL)
                    return NurseryLink(ours, pid, own=False)
                except OSError:  # somebody has killed it: start another
                    ours.close()
                    del self._known[key]
                    main.close()
                    wait_for(pid)
        raise StartFailed(reason="the nursery ends as soon as it is started", hint="see its message above")

    def _forget(self) -> None:
        """In a forked child: these nurseries are the parent's."""
        self._lock = threading.Lock()
        for main, _ in self._known.values():
            main.close()
        self._known.clear()


def _start_clean(preload: tuple[str, ...]) -> tuple[socket.socket, int]:
    import sys

    ours, theirs = control_pair()
    with theirs:
        code = start_methods.IMPORT_US.format(module="nursery") + "nursery.clean_life(int(sys.argv[2]))"
        inherited = 3 if theirs.fileno() != 3 else 4
        command = start_methods.interpreter(code, start_methods.source_folder(), str(inherited), "procession-nursery")
        move = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), inherited)]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=move)
    ours.send(pickle.dumps((sys.path, preload)), socket.MSG_NOSIGNAL)
    return ours, pid


CLEAN = CleanNurseries()
