"""Every way in which a task, its argument or its result can misbehave, and what must come of it.

Knows: what one item does (`deeds`), and which error its caller must see.
Must not know: pools, start methods, calls. Workers import this module under every start method.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from procession import MaybeEncodingError, RemoteError, TaskExit, WorkerDied
from tests.faults import deeds
from tests.faults.deeds import Argument, Rebuilds, Reduces, nothing, raise_when_rebuilt, raising
from tests.helpers import processes, wait

ITEMS = 12
AT = 5  # the item that misbehaves

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


def argument(name: str, kind: type[BaseException], **expected: Any) -> Fault:
    return Fault(name, nothing, argument=lambda: Argument(name, kind), **expected)


def rebuilt_argument(name: str, how: Callable[..., object], *args: object, **expected: Any) -> Fault:
    return Fault(name, nothing, argument=lambda: Rebuilds(how, *args, name=name), **expected)


# What the caller does meanwhile.


def _stopped() -> list[psutil.Process]:
    found = []
    for process in processes.descendants():
        with suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_STOPPED:
                found.append(process)
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


FAULTS = {
    fault.name: fault
    for fault in [
        # deaths
        Fault("SIGKILL", deeds.kill_with(signal.SIGKILL), **died(-9)),
        Fault("SIGTERM", deeds.kill_with(signal.SIGTERM), **died(-15)),
        Fault("SIGSEGV", deeds.read_nowhere, **died(-11)),
        Fault("abort", os.abort, **died(-6)),
        Fault("_exit(0)", lambda: os._exit(0), **died(0)),
        Fault("_exit(1)", lambda: os._exit(1), **died(1)),
        Fault("alarm", deeds.wait_for_alarm, **died(-14)),
        # what a task raises
        Fault("exit()", lambda: sys.exit(), error=TaskExit, facts={"code": None}),
        Fault("exit(0)", lambda: sys.exit(0), error=TaskExit, facts={"code": 0}),
        Fault("exit(text)", lambda: sys.exit("enough"), error=TaskExit, facts={"code": "enough"}),
        Fault("exit(unpicklable)", lambda: sys.exit(threading.Lock()), error=TaskExit),  # type: ignore[arg-type]
        Fault("KeyboardInterrupt", raising(KeyboardInterrupt), **remote("KeyboardInterrupt", KeyboardInterrupt)),
        Fault("GeneratorExit", raising(GeneratorExit), **remote("GeneratorExit", GeneratorExit)),
        Fault("StopIteration", raising(lambda: StopIteration(3)), **remote("StopIteration", StopIteration, "3")),
        Fault("plain", raising(lambda: ValueError("wrong")), error=ValueError, text="wrong"),
        Fault("unpicklable", raising(deeds.HoldsLock), **remote(f"{deeds.__name__}.HoldsLock", text="holds a lock")),
        Fault(
            "other arguments",
            raising(lambda: deeds.OtherArguments(7, "home")),
            **remote(f"{deeds.__name__}.OtherArguments"),
        ),
        Fault("__str__ raises", raising(deeds.StrRaises), error=deeds.StrRaises),
        Fault("__repr__ raises", raising(deeds.ReprRaises), error=deeds.ReprRaises),
        Fault("__reduce__ exits", raising(deeds.Exits), **remote(f"{deeds.__name__}.Exits")),
        Fault("interrupts parent", raising(deeds.InterruptsParent), **remote(f"{deeds.__name__}.InterruptsParent")),
        Fault("class of child", deeds.child_only, **remote(f"{deeds.__name__}.ChildOnly", text="nobody else knows me")),
        Fault("module of child", deeds.child_module, **remote("module_of_the_child.ChildOnly", text="import me")),
        Fault(
            "50 MB of text",
            raising(lambda: ValueError("x" * 50_000_000)),
            error=ValueError,
            text="x" * 50_000_000,
            large=True,
        ),
        Fault("RecursionError", deeds.recurse, error=RecursionError),
        Fault("MemoryError", deeds.too_much_memory, error=MemoryError),
        # results
        Fault("lambda result", lambda: lambda: 1, error=MaybeEncodingError, text="<lambda>"),
        Fault("lock result", threading.Lock, error=MaybeEncodingError, text="cannot pickle"),
        Fault(
            "result interrupts", lambda: Reduces(KeyboardInterrupt), error=MaybeEncodingError, text="KeyboardInterrupt"
        ),
        Fault("result exits", lambda: Reduces(SystemExit), error=MaybeEncodingError, text="SystemExit"),
        Fault("result raises", lambda: Reduces(ValueError), error=MaybeEncodingError, text="ValueError"),
        Fault("deep result", deeds.deep, error=MaybeEncodingError, text="RecursionError"),
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
        Fault("killed while sending", deeds.CutInTheMiddle, **died(-9)),
        Fault("killed while sending 400 MB", deeds.killed_while_sending, **died(-9), large=True, storm=True),
        # arguments
        argument("argument raises", ValueError, error=ValueError, text="while the argument was pickled"),
        argument("argument exits", SystemExit, **remote("SystemExit", SystemExit)),
        argument("argument stops", StopIteration, **remote("StopIteration", StopIteration)),
        Fault("lock argument", nothing, argument=threading.Lock, error=TypeError, text="cannot pickle"),
        Fault("deep argument", nothing, argument=deeds.deep, error=pickle.PicklingError, text="recursion"),
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
        Fault("closes >= 3", deeds.close_from_three, error=WorkerDied, text="closed the descriptors"),
        Fault("closes >= 3, works on", deeds.close_and_work_on, error=WorkerDied, text="closed the descriptors"),
        Fault("becomes another program", deeds.execute, error=WorkerDied, text="closed the descriptors"),
        Fault("closes 0-2", deeds.close_standard),
        Fault("fork, child exits", deeds.fork_and_wait),
        Fault("fork, child returns", deeds.fork_and_return),
        Fault("fork, child raises", deeds.fork_and_raise),
        Fault("fork, child calls sys.exit", deeds.fork_and_exit),
        Fault("fork, child stays", deeds.fork_and_leave),
        Fault("fork, then dies", deeds.fork_and_die, **died(-9)),
        Fault("leaves a subprocess", deeds.leave_subprocess),
        Fault("leaves a subprocess and dies", deeds.leave_subprocess_and_die, **died(4)),
        Fault("leaves a subprocess with the channel", deeds.leave_subprocess_with_channel, **died(-9)),
        Fault("handles signals", deeds.handle_signals),
        Fault("ignores signals", deeds.ignore_signals),
        Fault("handles its alarm", deeds.handle_alarm, error=deeds.TooLate),
        Fault("changes directory", deeds.change_directory),
        Fault("enters a deleted directory", deeds.enter_deleted_directory),
        Fault("floods stdout", deeds.flood),
        Fault("takes stdout away", deeds.replace_standard_output),
        Fault("leaves a thread", deeds.leave_thread, large=True),  # each call without a pool waits for its grace
        Fault("stops, resumed", deeds.stop_itself, meanwhile=resume),
        Fault("stops, terminated", deeds.stop_itself, meanwhile=end_stopped, **died(-15)),
        Fault("removes modules", deeds.remove_modules),
        Fault("clears sys.modules", deeds.clear_modules),
    ]
}
