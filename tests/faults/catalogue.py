"""Every way in which a task, its argument or its result can misbehave, and what must come of it.

Knows: what one item does, and which error its caller must see.
Must not know: pools, start methods, calls. Workers import this module under every start method.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import procession
from procession import MaybeEncodingError, RemoteError, TaskExit, WorkerDied
from tests.helpers import processes, wait

ITEMS = 12
AT = 5  # the item that misbehaves
LONG = 60.0  # seconds: what is left behind would be there that long
LARGE, FULL_SIZE = 8_000_000, 400_000_000  # bytes of a result whose worker is killed while it is sent

Item = tuple[int, Any]


def right(index: int) -> int:
    """What an item's result must be."""
    return index * 11


def run(index: int, fault: Any) -> object:
    """The task: does its work, or misbehaves."""
    if fault is None:
        return right(index)
    value = FAULTS[fault if isinstance(fault, str) else fault.name].act()
    return right(index) if value is None else value


def run_pair(pair: Item) -> object:
    """The task, for calls that give it one argument."""
    return run(*pair)


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    Args:
        name: A few words.
        act: What the item does in the worker. What it returns is the result; None stands for the right one.
        error: What the caller must see; None: nothing, every result is right.
        facts: Attributes of that error.
        text: What its text must hold.
        cause: The class of what a `RemoteError` keeps as its cause.
        argument: Makes what the item's argument holds, where that misbehaves.
        meanwhile: What the caller does while the call runs, in a thread of its own.
        large: Takes so long that most of its cells are left to the storm.
        storm: All of them are left to it.
    """

    name: str
    act: Callable[[], object]
    error: type[BaseException] | None = None
    facts: dict[str, object] = field(default_factory=dict)
    text: str = ""
    cause: type[BaseException] | None = None
    argument: Callable[[], object] | None = None
    meanwhile: Callable[[], None] | None = None
    large: bool = False
    storm: bool = False


def items(fault: Fault) -> list[Item]:
    """The input of one call: `ITEMS` items, one of which misbehaves."""
    bad = fault.argument() if fault.argument else fault.name
    return [(index, bad if index == AT else None) for index in range(ITEMS)]


def died(exitcode: int, text: str = "") -> dict[str, Any]:
    """The worker must have died with this exit code."""
    return {"error": WorkerDied, "facts": {"exitcode": exitcode}, "text": text}


def remote(name: str, cause: type[BaseException] | None = None, text: str = "") -> dict[str, Any]:
    """The error must arrive as a `RemoteError` of this class."""
    return {"error": RemoteError, "facts": {"type_name": name}, "cause": cause, "text": text}


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


def killed_while_sending(size: int) -> Callable[[], object]:
    def act() -> object:
        threading.Thread(target=_kill_while_sending, daemon=True).start()
        return bytes(size)

    return act


def _kill_while_sending() -> None:
    """Wait until bytes are under way in a socket of this process, then kill it."""
    outgoing = 0x5411  # SIOCOUTQ
    sockets = [int(name) for name in os.listdir("/proc/self/fd") if _is_socket(name)]
    while True:
        for descriptor in sockets:
            count = bytearray(4)
            fcntl.ioctl(descriptor, outgoing, count)
            if int.from_bytes(count, sys.byteorder) > 100_000:
                os.kill(os.getpid(), signal.SIGKILL)


def _is_socket(name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
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


def argument(name: str, kind: type[BaseException], **expected: Any) -> Fault:
    return Fault(name, nothing, argument=lambda: Argument(name, kind), **expected)


def rebuilt_argument(name: str, how: Callable[..., object], *args: object, **expected: Any) -> Fault:
    return Fault(name, nothing, argument=lambda: Rebuilds(how, *args, name=name), **expected)


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


def _stopped() -> list[Any]:
    found = []
    for process in processes.descendants():
        try:
            if process.status() == "stopped":
                found.append(process)
        except Exception:
            continue
    return found


def resume() -> None:
    """Let the one that stopped itself go on."""
    wait.wait_until(_stopped, 20, "a worker has stopped itself")
    for process in _stopped():
        process.send_signal(signal.SIGCONT)


def end_stopped() -> None:
    """End the one that stopped itself."""
    wait.wait_until(_stopped, 20, "a worker has stopped itself")
    for process in _stopped():
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)


def remove_modules() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ("procession", "tests", "pickle", "traceback", "multiprocessing", "threading"):
            del sys.modules[name]


def clear_modules() -> None:
    sys.modules.clear()


def replace_standard_output() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


FAULTS = {
    fault.name: fault
    for fault in [
        # deaths
        Fault("SIGKILL", kill_with(signal.SIGKILL), **died(-9)),
        Fault("SIGTERM", kill_with(signal.SIGTERM), **died(-15)),
        Fault("SIGSEGV", read_nowhere, **died(-11)),
        Fault("abort", os.abort, **died(-6)),
        Fault("_exit(0)", lambda: os._exit(0), **died(0)),
        Fault("_exit(1)", lambda: os._exit(1), **died(1)),
        Fault("alarm", wait_for_alarm, **died(-14)),
        # what a task raises
        Fault("exit()", lambda: sys.exit(), error=TaskExit, facts={"code": None}),
        Fault("exit(0)", lambda: sys.exit(0), error=TaskExit, facts={"code": 0}),
        Fault("exit(text)", lambda: sys.exit("enough"), error=TaskExit, facts={"code": "enough"}),
        Fault("exit(unpicklable)", lambda: sys.exit(threading.Lock()), error=TaskExit),  # type: ignore[arg-type]
        Fault("KeyboardInterrupt", raising(KeyboardInterrupt), **remote("KeyboardInterrupt", KeyboardInterrupt)),
        Fault("GeneratorExit", raising(GeneratorExit), **remote("GeneratorExit", GeneratorExit)),
        Fault("StopIteration", raising(lambda: StopIteration(3)), **remote("StopIteration", StopIteration, "3")),
        Fault("plain", raising(lambda: ValueError("wrong")), error=ValueError, text="wrong"),
        Fault("unpicklable", raising(HoldsLock), **remote(f"{__name__}.HoldsLock", text="holds a lock")),
        Fault("other arguments", raising(lambda: OtherArguments(7, "home")), **remote(f"{__name__}.OtherArguments")),
        Fault("__str__ raises", raising(StrRaises), error=StrRaises),
        Fault("__repr__ raises", raising(ReprRaises), error=ReprRaises),
        Fault("__reduce__ exits", raising(Exits), **remote(f"{__name__}.Exits")),
        Fault("interrupts parent", raising(InterruptsParent), **remote(f"{__name__}.InterruptsParent")),
        Fault("class of child", child_only, **remote(f"{__name__}.ChildOnly", text="nobody else knows me")),
        Fault("module of child", child_module, **remote("module_of_the_child.ChildOnly", text="import me")),
        Fault(
            "50 MB of text",
            raising(lambda: ValueError("x" * 50_000_000)),
            error=ValueError,
            text="x" * 50_000_000,
            large=True,
        ),
        Fault("RecursionError", recurse, error=RecursionError),
        Fault("MemoryError", too_much_memory, error=MemoryError),
        # results
        Fault("lambda result", lambda: lambda: 1, error=MaybeEncodingError, text="<lambda>"),
        Fault("lock result", threading.Lock, error=MaybeEncodingError, text="cannot pickle"),
        Fault(
            "result interrupts", lambda: Reduces(KeyboardInterrupt), error=MaybeEncodingError, text="KeyboardInterrupt"
        ),
        Fault("result exits", lambda: Reduces(SystemExit), error=MaybeEncodingError, text="SystemExit"),
        Fault("result raises", lambda: Reduces(ValueError), error=MaybeEncodingError, text="ValueError"),
        Fault("deep result", deep, error=MaybeEncodingError, text="RecursionError"),
        Fault(
            "result raises here",
            lambda: Rebuilds(raise_when_rebuilt, ValueError),
            error=ValueError,
            text="it was rebuilt",
        ),
        Fault(
            "result interrupts here",
            lambda: Rebuilds(raise_when_rebuilt, KeyboardInterrupt),
            **remote("KeyboardInterrupt", KeyboardInterrupt),
        ),
        Fault(
            "result exits here",
            lambda: Rebuilds(raise_when_rebuilt, SystemExit),
            **remote("SystemExit", SystemExit),
        ),
        Fault("killed while sending", killed_while_sending(LARGE), **died(-9)),
        Fault("killed while sending 400 MB", killed_while_sending(FULL_SIZE), **died(-9), large=True, storm=True),
        # arguments
        argument("argument raises", ValueError, error=ValueError, text="while the argument was pickled"),
        argument("argument exits", SystemExit, **remote("SystemExit", SystemExit)),
        argument("argument stops", StopIteration, **remote("StopIteration", StopIteration)),
        Fault("lock argument", nothing, argument=threading.Lock, error=TypeError, text="cannot pickle"),
        Fault("deep argument", nothing, argument=deep, error=pickle.PicklingError, text="recursion"),
        rebuilt_argument("argument raises there", raise_when_rebuilt, ValueError, error=ValueError),
        rebuilt_argument("argument exits there", raise_when_rebuilt, SystemExit, error=TaskExit),
        rebuilt_argument(
            "argument interrupts there",
            raise_when_rebuilt,
            KeyboardInterrupt,
            **remote("KeyboardInterrupt", KeyboardInterrupt),
        ),
        rebuilt_argument("argument ends worker", os._exit, 9, **died(9)),
        # what a task does to its process
        Fault("closes >= 3", close_from_three, error=WorkerDied, text="closed the descriptors"),
        Fault("closes >= 3, works on", close_and_work_on, error=WorkerDied, text="closed the descriptors"),
        Fault("becomes another program", execute, error=WorkerDied, text="closed the descriptors"),
        Fault("closes 0-2", close_standard),
        Fault("fork, child exits", fork_and_wait),
        Fault("fork, child returns", fork_and_return),
        Fault("fork, child raises", fork_and_raise),
        Fault("fork, child calls sys.exit", fork_and_exit),
        Fault("fork, child stays", fork_and_leave),
        Fault("fork, then dies", fork_and_die, **died(-9)),
        Fault("leaves a subprocess", leave_subprocess),
        Fault("leaves a subprocess and dies", leave_subprocess_and_die, **died(4)),
        Fault("leaves a subprocess with the channel", leave_subprocess_with_channel, **died(-9)),
        Fault("handles signals", handle_signals),
        Fault("ignores signals", ignore_signals),
        Fault("handles its alarm", handle_alarm, error=TooLate),
        Fault("changes directory", change_directory),
        Fault("enters a deleted directory", enter_deleted_directory),
        Fault("floods stdout", flood),
        Fault("takes stdout away", replace_standard_output),
        Fault("leaves a thread", leave_thread, large=True),  # each call without a pool waits for its grace
        Fault("stops, resumed", stop_itself, meanwhile=resume),
        Fault("stops, terminated", stop_itself, meanwhile=end_stopped, **died(-15)),
        Fault("removes modules", remove_modules),
        Fault("clears sys.modules", clear_modules),
    ]
}
assert procession  # the name above is the library's, not a folder's
