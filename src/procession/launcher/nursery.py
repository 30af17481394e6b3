"""The nursery: a process with one thread that forks workers, tells how they end, and ends them with their parent.

A *snapshot* nursery is forked from the caller when a pool is made; a *clean* one is a fresh interpreter.

Knows: control sockets (one per pool), children, signals of the terminal.
Must not know: calls, items, batches.

How it works: one loop polls the control sockets and the pipe that SIGCHLD writes to. When a control socket ends,
its pool or its whole parent is gone: the workers' groups are killed. Each worker leads a session of its own, so its
group holds whatever its tasks have started.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys

from procession.launcher import lifeline
from procession.model.light import Any

REPORT = struct.Struct("<BIq")  # kind, number of the worker, process id or exit code or errno
STARTED, EXITED, FAILED = 1, 2, 3
ATTACH = b"attach"  # a further control socket comes with this message
MESSAGE = 1 << 16  # bytes of the longest request
DESCRIPTORS = 5  # of a request: channel, tickets, counters, standard output, standard error


class Nursery:
    """Serves requests until its first control socket ends."""

    def __init__(self, control: socket.socket) -> None:
        self._collecting = gc.isenabled()
        gc.freeze()  # what was inherited is not looked at by collections, so its pages stay shared
        gc.disable()
        self._controls: dict[int, socket.socket] = {control.fileno(): control}
        self._main = control.fileno()
        self._children: dict[int, tuple[int, int, socket.socket]] = {}  # pid -> control, number, lifeline
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poll.register(self._wake_read, select.POLLIN)

    def serve(self) -> None:
        """Work until the parent is gone, then end all children."""
        self._listen_to_signals()
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wake_read:
                    self._drain()
                elif not self._request(self._controls[descriptor]):
                    self._abandon(descriptor)
                    if descriptor == self._main:
                        return
            self._reap()

    # Signals.

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)  # the parent's affair; we end with it
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTSTP, self._stop)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _stop(self, number: int, frame: Any) -> None:
        """Ctrl-Z: the workers first, then ourselves; go on here after `fg`."""
        self._signal_all(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        for pid in list(self._children):
            signal_group(pid, number)

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, MESSAGE)
        except BlockingIOError:
            pass  # another signal's byte was read along

    # Requests.

    def _request(self, control: socket.socket) -> bool:
        """Carry out one request; False if the other end is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(control, MESSAGE, DESCRIPTORS)
        except OSError:
            return False
        if not data:
            return False
        if data == ATTACH:
            self._attach(socket.socket(fileno=descriptors[0]))
            return True
        number, method, rest = pickle.loads(data)
        try:
            pid = self._fork(control, number, method, rest, descriptors)
        except OSError as error:
            _report(control, FAILED, number, error.errno or 0)
        else:
            _report(control, STARTED, number, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _attach(self, control: socket.socket) -> None:
        self._controls[control.fileno()] = control
        self._poll.register(control, select.POLLIN)

    def _abandon(self, descriptor: int) -> None:
        """A pool is gone: end its workers with all that they have started."""
        for pid, (control, _, _) in list(self._children.items()):
            if control == descriptor or descriptor == self._main:
                signal_group(pid, signal.SIGKILL)
        self._poll.unregister(descriptor)
        self._controls.pop(descriptor).close()

    # Children.

    def _fork(self, control: socket.socket, number: int, method: str, rest: Any, descriptors: list[int]) -> int:
        ours, theirs = lifeline.pair()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if not pid:
            _end_with(lambda: self._child(ours, theirs, method, rest, descriptors))
        theirs.close()
        self._children[pid] = control.fileno(), number, ours
        return pid

    def _child(
        self, ours: socket.socket, theirs: socket.socket, method: str, rest: Any, descriptors: list[int]
    ) -> int:
        lifeline.own_session()
        ours.close()
        lifeline.worker_signals()
        for control in self._controls.values():
            control.close()
        for _, _, other in self._children.values():
            other.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        lifeline.hold(theirs)
        if self._collecting:
            gc.enable()
        return be_worker(method, rest, descriptors, theirs)

    def _reap(self) -> None:
        """Report every child that has ended; what it left behind in its group ends too."""
        while self._children:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            # The zombie keeps its number from being used again until the group has been killed.
            signal_group(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            child = self._children.pop(ended.si_pid, None)
            if child is None:
                continue
            control, number, ours = child
            ours.close()
            if control in self._controls:
                _report(self._controls[control], EXITED, number, os.waitstatus_to_exitcode(status))


def be_worker(method: str, rest: Any, descriptors: list[int], theirs: socket.socket) -> int:
    """Become a worker: here, or in a fresh interpreter for `spawn`."""
    channel, tickets, counters, out, err = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    if method == "spawn":
        from procession.launcher import start_methods

        start_methods.replace_by_fresh_worker(rest, (channel, tickets, counters, theirs.fileno()))
    from procession.worker.main import live

    return live(socket.socket(fileno=channel), tickets, counters, theirs.fileno(), *rest)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a worker and to all that its tasks have started."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has not become the leader of a group yet, or is gone
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # gone: nobody is left to get it
    except PermissionError:
        pass  # a task changed its user; the channel's end will tell


def _report(control: socket.socket, kind: int, number: int, value: int) -> None:
    try:
        control.send(REPORT.pack(kind, number, value), socket.MSG_NOSIGNAL)
    except OSError:
        pass  # the pool is gone; the poll will say so next


def _end_with(life: Any) -> None:
    """Run the rest of a forked process; it must never return into the frames that it was forked in."""
    status = 1
    try:
        status = life()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def fork_snapshot(keep: socket.socket, close: socket.socket) -> int:
    """Fork a nursery from this process as it is now; return its process id.

    Args:
        keep: The nursery's end of its control socket.
        close: The parent's end of it.

    Raises:
        OSError: The system refused.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()  # or the children would print it once more
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none: nothing to print
    pid = os.fork()
    if not pid:
        _end_with(lambda: _snapshot_life(keep, close))
    return pid


def _snapshot_life(keep: socket.socket, close: socket.socket) -> int:
    close.close()
    from multiprocessing import context, util  # noqa: F401  # each worker needs them: once here, not once in each

    Nursery(keep).serve()
    return 0


def clean_life(descriptor: int) -> None:
    """Be a clean nursery, in an interpreter that was started for it."""
    control = socket.socket(fileno=descriptor)
    path, preload = pickle.loads(control.recv(MESSAGE))
    sys.path[:] = path
    import multiprocessing.context
    import multiprocessing.util  # noqa: F401  # each worker needs them
    import traceback  # noqa: F401

    import procession.worker.main  # noqa: F401

    for name in preload:
        try:
            __import__(name)
        except Exception as error:
            print(f"procession: preload={name!r}: {type(error).__name__}: {error}; going on without", file=sys.stderr)
    gc.collect()
    _end_with(lambda: Nursery(control).serve() or 0)
