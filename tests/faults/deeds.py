"""What a task of the fault table does, raises or returns: functions and classes that run in a worker.

Knows: the system, and how Python can be misused.
Must not know: what must come of each deed (the catalogue does).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

LONG = 60.0  # seconds: what is left behind would be there that long
CUT_BYTES, FULL_SIZE = 8_000_000, 400_000_000  # of results that are not sent to their end


def nothing() -> None:
    """Do nothing wrong."""


# Deaths.


def kill_with(number: int) -> Callable[[], None]:
    def act() -> None:
        os.kill(os.getpid(), number)
        time.sleep(LONG)

    return act


def read_nowhere() -> None:
    ctypes.string_at(0)


def wait_for_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(LONG)


# What a task may raise.


def raising(make: Callable[[], BaseException]) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise make()

    return act


class HoldsLock(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class OtherArguments(Exception):
    """Can be pickled, and not be rebuilt."""

    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"{code} at {place}")


class StrRaises(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError("no text")


class ReprRaises(Exception):
    """Has no repr, and hence no text in a traceback of some versions."""

    def __repr__(self) -> str:
        raise SystemExit("no repr")


class Exits(Exception):
    """Raises SystemExit when it is pickled."""

    def __reduce__(self) -> NoReturn:
        raise SystemExit(3)


class InterruptsParent(Exception):
    """Raises KeyboardInterrupt when it is rebuilt in the parent."""

    def __reduce__(self) -> Any:
        return interrupt, ()


def interrupt() -> NoReturn:
    raise KeyboardInterrupt("from a pickle")


def child_only() -> NoReturn:
    raise type("ChildOnly", (Exception,), {})("nobody else knows me")


def child_module() -> NoReturn:
    import types

    module = types.ModuleType("module_of_the_child")
    exec("class ChildOnly(Exception): pass", module.__dict__)
    sys.modules[module.__name__] = module
    try:
        raise module.ChildOnly("nobody else can import me")
    finally:
        threading.Timer(0, nothing)


def recurse() -> object:
    return recurse()


def too_much_memory() -> object:
    return bytearray(1 << 60)


# Results.


class Reduces:
    """A result that misbehaves when it is pickled (in the worker)."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> NoReturn:
        raise self.kind("while it was pickled")


class Rebuilds:
    """A result or an argument that misbehaves when it is rebuilt on the other side."""

    def __init__(self, how: Callable[..., object], *args: object, name: str = "") -> None:
        self.name = name
        self.how = how
        self.args = args

    def __reduce__(self) -> Any:
        return self.how, self.args


def raise_when_rebuilt(kind: type[BaseException]) -> NoReturn:
    raise kind("while it was rebuilt")


def result(make: Callable[[], object]) -> Callable[[], object]:
    return make


def deep() -> object:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


class CutInTheMiddle:
    """A result whose worker is killed when half of its frame is written."""

    def __reduce__(self) -> Any:
        from procession.wire.channel import WorkerChannel
        from procession.wire.frames import frame

        def send(channel: Any, kind: int, body: bytes) -> None:
            data = b"".join(frame(kind, body))
            channel._socket.sendall(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        WorkerChannel.send = send  # type: ignore[method-assign]
        return bytes, (bytes(CUT_BYTES),)


def killed_while_sending() -> object:
    """Return so much that a thread has the time to kill the worker while that is written into shared memory."""
    threading.Thread(target=_kill_while_sending, daemon=True).start()
    return bytes(FULL_SIZE)


def _kill_while_sending() -> None:
    files = [int(name) for name in os.listdir("/proc/self/fd") if _is_shared_file(name)]
    before = sum(os.fstat(file).st_blocks for file in files)
    while sum(os.fstat(file).st_blocks for file in files) < before + 50_000:  # of 512 bytes
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _is_shared_file(name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("/memfd:procession ")
    except OSError:
        return False


# Arguments.


class Argument:
    """An argument that cannot be pickled, by what its `__reduce__` raises."""

    def __init__(self, name: str, kind: type[BaseException]) -> None:
        self.name = name
        self.kind = kind

    def __reduce__(self) -> NoReturn:
        raise self.kind("while the argument was pickled")


# What a task may do to its process.


def close_from_three() -> None:
    os.closerange(3, 4096)


def close_standard() -> None:
    for descriptor in range(3):
        with suppress(OSError):  # a call before has closed it
            os.close(descriptor)


def close_and_work_on() -> None:
    os.closerange(3, 4096)
    time.sleep(LONG)


def execute() -> None:
    os.execv("/bin/sleep", ["sleep", str(LONG)])


def fork_and_wait() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def fork_and_return() -> None:
    child = os.fork()
    if child and os.waitpid(child, 0)[1]:
        raise AssertionError("the child did not end well")


def fork_and_raise() -> None:
    child = os.fork()
    if not child:
        raise ValueError("in the child of a task")
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 1:
        raise AssertionError("the child's error was lost")


def fork_and_exit() -> None:
    child = os.fork()
    if not child:
        sys.exit(3)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 3:
        raise AssertionError("the child's exit code was lost")


def fork_and_leave() -> None:
    if not os.fork():
        time.sleep(LONG)


def fork_and_die() -> None:
    if not os.fork():
        time.sleep(LONG)
    os.kill(os.getpid(), signal.SIGKILL)


def leave_subprocess() -> None:
    subprocess.Popen(["sleep", str(LONG)])


def leave_subprocess_and_die() -> None:
    subprocess.Popen(["sleep", str(LONG)])
    os._exit(4)


def leave_subprocess_with_channel() -> None:
    subprocess.Popen(["sleep", str(LONG)], close_fds=False, pass_fds=[fd for fd in range(3, 64) if _is_open(fd)])
    os.kill(os.getpid(), signal.SIGKILL)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def handle_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP, signal.SIGCONT):
        signal.signal(number, lambda number, frame: None)


def ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


class TooLate(Exception):
    """What a task's own alarm raises."""


def handle_alarm() -> None:
    def ring(number: int, frame: object) -> NoReturn:
        raise TooLate("the task's own limit")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        time.sleep(LONG)
    finally:
        signal.signal(signal.SIGALRM, before)


def change_directory() -> None:
    os.chdir("/")


def enter_deleted_directory() -> None:
    path = Path("/tmp") / f"procession-deleted-{os.getpid()}"
    path.mkdir()
    os.chdir(path)
    path.rmdir()


def flood() -> None:
    for _ in range(20_000):
        print("a line of a flood, like many others before and after it")


def leave_thread() -> None:
    threading.Thread(target=time.sleep, args=(LONG,), daemon=False).start()


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def remove_modules() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ("procession", "tests", "pickle", "traceback", "multiprocessing", "threading"):
            del sys.modules[name]


def clear_modules() -> None:
    sys.modules.clear()


def replace_standard_output() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
