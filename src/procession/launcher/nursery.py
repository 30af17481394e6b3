"""The nursery: a process with one thread that forks workers, tells how they end, and ends them with their parent.

A *snapshot* nursery is forked from the caller when a pool is made; a *clean* one is a fresh interpreter.

Knows: control sockets (one per pool), children, signals of the terminal.
Must not know: calls, items, batches.

How it works: one loop polls the control sockets and the pipe that SIGCHLD writes to. When a control socket ends,
its pool or its whole parent is gone: the workers' groups are killed. Each worker leads a session of its own, so its
group holds whatever its tasks have started.
"""

from __future__ import annotations

import errno
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from procession.launcher import forks, lifeline
from procession.model.light import Any

REPORT = struct.Struct("<BIq")  # kind, number of the worker, process id or exit code or errno
STARTED, EXITED, FAILED = 1, 2, 3
NO_VARIABLES: Mapping[str, str] = {}
NOBODY = 0xFFFFFFFF  # in place of a worker's number: the nursery itself failed
ATTACH = b"attach"  # a further control socket comes with this message
MESSAGE = 1 << 16  # bytes of the longest request
DESCRIPTORS = 253  # of a request, at the most: channel, tickets, counters, standard output and error, passed ones
END_SECONDS = 1.0  # how long a killed worker may take to vanish before the nursery ends without having seen it


class Nursery:
    """Serves requests until its first control socket ends."""

    def __init__(self, control: socket.socket) -> None:
        self._collecting = gc.isenabled()
        gc.freeze()  # what was inherited is not looked at by collections, so its pages stay shared
        gc.disable()
        self._controls: dict[int, socket.socket] = {control.fileno(): control}
        self._main = control.fileno()
        self._unsent: dict[int, deque[bytes]] = {}  # reports that the other side has no room for yet
        self._stopped = False  # by Ctrl-Z
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
            for descriptor, ready in self._poll.poll():
                if descriptor == self._wake_read:
                    self._drain()
                    continue
                if ready & select.POLLOUT:
                    self._send_unsent(descriptor)
                if ready & ~select.POLLOUT and not self._request(self._controls[descriptor]):
                    self._abandon(descriptor)
                    if descriptor == self._main:
                        return self._end()
            self._reap()

    def _end(self) -> None:
        """Collect the killed workers: who waits for our end may rely on theirs."""
        until = monotonic() + END_SECONDS
        self._reap()
        while self._children and (left := until - monotonic()) > 0:
            if select.select([self._wake_read], [], [], left)[0]:
                self._drain()
            self._reap()
        for control in self._controls.values():
            control.close()

    # Signals.

    def _listen_to_signals(self) -> None:
        for number in lifeline.TERMINAL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # the parent's affair; we end with it
        signal.signal(signal.SIGCHLD, _go_on)
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:  # as the parent had it: Ctrl-Z does not stop it
            signal.signal(signal.SIGTSTP, _go_on)
            signal.signal(signal.SIGCONT, _go_on)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _drain(self) -> None:
        """Act on signals in the order in which they came: Python's handlers do not keep it, and of Ctrl-Z and a quick
        `fg` the last one counts. We do not stop ourselves: stopped, we could not end the workers of a killed parent."""
        for number in os.read(self._wake_read, MESSAGE):
            if number == signal.SIGTSTP:
                self._stopped = True
                self._signal_all(signal.SIGSTOP)
            elif number == signal.SIGCONT and self._stopped:
                self._stopped = False
                self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        for pid in list(self._children):
            signal_group(pid, number)

    # Requests.

    def _request(self, control: socket.socket) -> bool:
        """Carry out one request; False if the other end is gone."""
        try:
            data, descriptors, flags, _ = socket.recv_fds(control, MESSAGE, DESCRIPTORS)
        except OSError:
            return False
        if not data:
            return False
        for descriptor in descriptors:
            # What a task executes must not keep its worker's channel open. (recv_fds takes flags and, in 3.11, drops
            # them.)
            os.set_inheritable(descriptor, False)
        complete = not flags & socket.MSG_CTRUNC  # else we are at our limit of open files
        if data == ATTACH and complete:
            self._attach(socket.socket(fileno=descriptors[0]))
            return True
        if data != ATTACH:
            number, method, rest = pickle.loads(data)
            try:
                if not complete:
                    raise OSError(errno.EMFILE, "")
                pid = self._fork(control, number, method, rest, descriptors)
            except OSError as error:
                self._report(control.fileno(), FAILED, number, error.errno or 0)
            else:
                self._report(control.fileno(), STARTED, number, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _report(self, descriptor: int, kind: int, number: int, value: int) -> None:
        """Tell a pool, without waiting for it: it may itself wait until we read its next request."""
        unsent = self._unsent.setdefault(descriptor, deque())
        unsent.append(REPORT.pack(kind, number, value))
        self._send_unsent(descriptor)

    def _send_unsent(self, descriptor: int) -> None:
        control, unsent = self._controls[descriptor], self._unsent[descriptor]
        wait = select.POLLIN
        try:
            while unsent:
                control.send(unsent[0], socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
                unsent.popleft()
        except BlockingIOError:
            wait |= select.POLLOUT
        except OSError:
            unsent.clear()  # the pool is gone; the poll will say so next
        self._poll.modify(descriptor, wait)

    def _attach(self, control: socket.socket) -> None:
        self._controls[control.fileno()] = control
        self._poll.register(control, select.POLLIN)

    def _abandon(self, descriptor: int) -> None:
        """A pool is gone: end its workers with all that they have started."""
        for pid, (control, _, _) in list(self._children.items()):
            if control == descriptor or descriptor == self._main:
                signal_group(pid, signal.SIGKILL)
        self._poll.unregister(descriptor)
        self._unsent.pop(descriptor, None)
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
        if self._stopped:
            signal_group(pid, signal.SIGSTOP)
        return pid

    def _child(self, ours: socket.socket, theirs: socket.socket, method: str, rest: Any, descriptors: list[int]) -> int:
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
                self._report(control, EXITED, number, os.waitstatus_to_exitcode(status))


def be_worker(method: str, rest: Any, descriptors: list[int], theirs: socket.socket) -> int:
    """Become a worker: here, or in a fresh interpreter for `spawn`."""
    channel, tickets, counters, out, err, *passed = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    if method == "spawn":
        from procession.launcher import start_methods

        start_methods.replace_by_fresh_worker(rest, (channel, tickets, counters, theirs.fileno()), passed)
    from procession.worker import inherited
    from procession.worker.main import live

    inherited.receive(passed)
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


def _go_on(number: int, frame: Any) -> None:
    """A handler, so that the signal's number is written to the pipe that wakes the loop; nothing else is to be done."""


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


def fork_snapshot(keep: socket.socket, variables: Mapping[str, str] = NO_VARIABLES) -> int:
    """Fork a nursery from this process as it is now; return its process id.

    Args:
        keep: The nursery's end of its control socket.
        variables: What its workers' environment has beside this process's: set once, it costs no worker anything.

    Raises:
        OSError: The system refused.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()  # or the children would print it once more
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none: nothing to print
    # Ctrl-C before the child has learnt to ignore it would end it with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, lifeline.NURSERY_SIGNALS)
    try:
        pid = forks.fork_with(keep)
        if not pid:
            _end_with(lambda: _snapshot_life(keep, variables))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _snapshot_life(keep: socket.socket, variables: Mapping[str, str]) -> int:
    lifeline.fill_standard_descriptors()
    os.environ.update(variables)
    return _serve(keep)


def _serve(control: socket.socket) -> int:
    try:
        nursery = Nursery(control)
    except OSError as error:
        with suppress(OSError), control:  # the pool may have given up by itself
            control.send(REPORT.pack(FAILED, NOBODY, error.errno or 0), socket.MSG_NOSIGNAL)
        return 1
    from procession.worker.modules import MODULES

    MODULES.note()
    nursery.serve()
    return 0


def clean_life(descriptor: int) -> None:
    """Be a clean nursery, in an interpreter that was started for it."""
    lifeline.fill_standard_descriptors()
    control = socket.socket(fileno=descriptor)
    told = control.recv(MESSAGE)
    if not told:  # the parent was killed meanwhile
        return
    path, preload = pickle.loads(told)
    sys.path[:] = path
    import procession.worker.main  # noqa: F401  # once here, not once in each worker

    for name in preload:
        try:
            __import__(name)
        except (Exception, SystemExit) as error:
            print(f"procession: preload={name!r}: {type(error).__name__}: {error}; going on without", file=sys.stderr)
    gc.collect()
    _end_with(lambda: _serve(control))
