"""How a `Process` is born under each start method.

Knows: what `multiprocessing` tells such a child, and when its main module need not, or cannot, be run once more there.
Must not know: what a process does.

As in the standard library, but: where the main module is no file with a guard (a notebook, `-c`, a script), it is not
run again; what the process needs of it travels along. The same for a lambda or a closure in any program.

Source: popen_fork, popen_spawn_posix, popen_forkserver and spawn of multiprocessing.
"""

from __future__ import annotations

import atexit
import io
import os
import pickle
import sys
from contextlib import suppress
from multiprocessing import (
    context,
    forkserver,
    popen_fork,
    popen_forkserver,
    popen_spawn_posix,
    reduction,
    resource_tracker,
    spawn,
    util,
)
from typing import Any

from procession.launcher import start_methods
from procession.wire import functions

_util: Any = util


def told(popen: Any, process: Any, method: str) -> memoryview:
    """Write what a child is told first: how to look, and who it is.

    Args:
        popen: Who starts it; descriptors that it needs are noted there.
        process: The process object.
        method: The name of the start method.

    Raises:
        BaseException: What pickling the process raised.
    """
    chosen = start_methods.resolve(method)
    look = spawn.get_preparation_data(process.name)
    if not chosen.rerun_main:
        look.pop("init_main_from_path", None)
        look.pop("init_main_from_name", None)
    if method == "nursery":
        look.pop("start_method", None)
    out = io.BytesIO()
    context.set_spawning_popen(popen)
    try:
        reduction.dump(look, out)
        out.write(_plainly(popen, process) if chosen.rerun_main else _by_value(process, None))
    finally:
        context.set_spawning_popen(None)
    return out.getbuffer()


def _plainly(popen: Any, process: Any) -> bytes | memoryview:
    out = io.BytesIO()
    before = len(popen._fds)
    try:
        reduction.dump(process, out)
    except Exception as error:
        del popen._fds[before:]  # descriptors are noted anew; twice the same one is refused
        try:
            return _by_value(process, dict(vars(sys.modules["__main__"])))
        except Exception as second:
            raise error from second  # what users of multiprocessing know
    return out.getbuffer()


def _by_value(process: Any, baseline: dict[str, object] | None) -> bytes:
    shipper = functions.Shipper(baseline)
    packed = shipper.pack_main(process)
    return pickle.dumps((_Parcel(shipper.definitions(packed.names, {}), packed.data)), 5)


class _Parcel:
    """A process object with what it needs of the parent's main module."""

    def __init__(self, definitions: bytes | None, data: bytes) -> None:
        self._contents = definitions, data

    def __reduce__(self) -> Any:
        return _unpack, self._contents


def _unpack(definitions: bytes | None, data: bytes) -> Any:
    if definitions is not None:
        functions.install(definitions)
    return pickle.loads(data)


def _send(descriptor: int, message: memoryview) -> None:
    """Tell a child who it is. One that died before it heard all of it is known by its exit code, as any other.

    The child's end must be closed here, or this would wait for ever for one that died.
    """
    with suppress(BrokenPipeError), open(descriptor, "wb", closefd=False) as file:
        file.write(message)


KEPT = tuple(f"multiprocessing.{name}" for name in ("synchronize", "queues", "sharedctypes", "managers"))


class _Keeping:
    """Keeps those arguments of a process alive until it has ended that would be gone before it can open them.

    A `Process` drops its arguments as soon as it is started: `Process(target=f, args=(Lock(),))` fails under spawn in
    multiprocessing, and so does a proxy that nobody else holds. Not all are kept: of a pipe the parent's copy must go.
    """

    _kept: Any = None

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code; None while the process runs."""
        code: int | None = super().poll(flag)  # type: ignore[misc]
        if code is not None:
            self._kept = None
        return code

    def _keep(self, process_obj: Any) -> None:
        given = (*process_obj._args, *process_obj._kwargs.values())
        self._kept = [each for each in given if _is_kept(each)]


def _is_kept(value: Any) -> bool:
    return any(kind.__module__ in KEPT for kind in type(value).__mro__)


class ForkPopen(_Keeping, popen_fork.Popen):
    """The child is a fork. Where no process or descriptor is left nothing stays open, unlike in multiprocessing."""

    def _launch(self, process_obj: Any) -> None:
        pipes: list[int] = []
        try:
            pipes += os.pipe()  # the child holds its end: that this closes is the news of its end
            pipes += os.pipe()  # and by this one it may see ours
            self.pid = os.fork()
        except BaseException:
            _util.close_fds(*pipes)
            raise
        self.sentinel, child_end, parent_sentinel, our_end = pipes
        if self.pid == 0:
            _live(process_obj, parent_sentinel, (self.sentinel, our_end))
        _util.close_fds(child_end, parent_sentinel)
        self._keep(process_obj)
        self.finalizer = _util.Finalize(self, _util.close_fds, (self.sentinel, our_end))


def _live(process_obj: Any, parent_sentinel: int, not_ours: tuple[int, int]) -> None:
    """Be the child; does not return."""
    code = 1
    try:
        if sys.version_info >= (3, 13):
            atexit._clear()  # what the parent registered is the parent's
            atexit.register(_util._exit_function)
        _util.close_fds(*not_ours)
        code = process_obj._bootstrap(parent_sentinel=parent_sentinel)
    finally:
        if sys.version_info >= (3, 13):
            atexit._run_exitfuncs()
        os._exit(code)


class SpawnPopen(_Keeping, popen_spawn_posix.Popen):
    """The child is a fresh interpreter."""

    _fds: list[int]

    def _launch(self, process_obj: Any) -> None:
        tracker: Any = resource_tracker.getfd()
        self._fds.append(tracker)
        message = told(self, process_obj, "spawn")
        pipes: list[int] = []
        try:
            pipes += os.pipe()  # the child holds its end: that this closes is the news of its end
            pipes += os.pipe()  # the message; it reads the end of this when we are gone
            sentinel, child_end, child_in, message_in = pipes
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=child_in)
            self._fds += [child_in, child_end]
            self.pid = _util.spawnv_passfds(spawn.get_executable(), command, self._fds)
            self.sentinel = sentinel
        finally:
            self.finalizer = _util.Finalize(self, _util.close_fds, [*pipes[0:1], *pipes[3:4]])
            for descriptor in pipes[1:3]:
                os.close(descriptor)
        self._keep(process_obj)
        _send(message_in, message)


class ForkServerPopen(_Keeping, popen_forkserver.Popen):
    """The child is forked by the standard library's fork server."""

    _fds: list[int]
    start_method = "forkserver"

    def _launch(self, process_obj: Any) -> None:
        message = told(self, process_obj, self.start_method)
        _forget_server_of_parent()
        self.sentinel, message_in = forkserver.connect_to_new_process(self._fds)
        kept = os.dup(message_in)  # the child sees by its end that we are gone
        self.finalizer = _util.Finalize(self, _util.close_fds, (kept, self.sentinel))
        try:
            _send(message_in, message)
        finally:
            os.close(message_in)
        self.pid = forkserver.read_signed(self.sentinel)
        self._keep(process_obj)


def _forget_server_of_parent() -> None:
    """In a process that was forked from one with a fork server: that server is not ours; another one is started."""
    server: Any = forkserver._forkserver
    with server._lock:
        if server._forkserver_pid is None:
            return
        try:
            os.waitid(os.P_PID, server._forkserver_pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            os.close(server._forkserver_alive_fd)
            server._forkserver_alive_fd = server._forkserver_address = server._forkserver_pid = None


class NurseryPopen(ForkServerPopen):
    """The same, and the main module is never run again."""

    start_method = "nursery"
