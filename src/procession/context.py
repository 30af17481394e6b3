"""Contexts: a start method with the interface of `multiprocessing`.

Knows: the standard library's contexts, and which of our classes take the place of theirs.
Must not know: how the methods work.
"""

from __future__ import annotations

import importlib
import multiprocessing.context as standard
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from procession import process
from procession.pool import Pool as _Pool
from procession.process import Process as Process

if TYPE_CHECKING:
    from procession import queues, sharedctypes, synchronize
    from procession.managers import SyncManager


def _module(name: str, **extras: Any) -> Any:
    """Our module, or the standard library's where the system lacks what ours needs."""
    from procession.shared import kernel

    if extras and not kernel.available():
        raise NotImplementedError(f"{', '.join(extras)}=: this system has no robust mutexes; leave it out")
    return importlib.import_module(f"{'procession' if kernel.available() else 'multiprocessing'}.{name}")


class _Ours:
    """What our contexts have in place of the standard ones."""

    def Pool(  # the standard library's name
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        **extras: Any,
    ) -> _Pool:
        """Make a `procession.Pool` whose workers are born by this context's method."""
        return _Pool(processes, initializer, initargs, maxtasksperchild, self, **extras)

    def Lock(self) -> synchronize.Lock:
        """Make a lock that is free again when its owner is killed."""
        made: synchronize.Lock = _module("synchronize").Lock(ctx=self)
        return made

    def RLock(self) -> synchronize.RLock:
        """Make a lock that its owner may take several times."""
        made: synchronize.RLock = _module("synchronize").RLock(ctx=self)
        return made

    def Semaphore(self, value: int = 1) -> synchronize.Semaphore:
        """Make a semaphore to which the tokens of killed processes come back."""
        made: synchronize.Semaphore = _module("synchronize").Semaphore(value, ctx=self)
        return made

    def BoundedSemaphore(self, value: int = 1) -> synchronize.BoundedSemaphore:
        """Make a semaphore that never has more tokens than at first."""
        made: synchronize.BoundedSemaphore = _module("synchronize").BoundedSemaphore(value, ctx=self)
        return made

    def Condition(self, lock: Any = None) -> synchronize.Condition:
        """Make a condition to wait for."""
        made: synchronize.Condition = _module("synchronize").Condition(lock, ctx=self)
        return made

    def Event(self) -> synchronize.Event:
        """Make a flag to wait for."""
        made: synchronize.Event = _module("synchronize").Event(ctx=self)
        return made

    def Barrier(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> synchronize.Barrier:
        """Make a place where so many processes meet."""
        made: synchronize.Barrier = _module("synchronize").Barrier(parties, action, timeout, ctx=self)
        return made

    @overload
    def Value(self, typecode_or_type: Any, *args: Any, lock: Literal[False]) -> Any: ...
    @overload
    def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> sharedctypes.Synchronized[Any]: ...
    def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> Any:
        """Make a number in shared memory; its `add` is one step."""
        from procession import sharedctypes

        return sharedctypes.Value(typecode_or_type, *args, lock=lock, ctx=self)

    def Array(self, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True) -> Any:
        """Make an array in shared memory."""
        from procession import sharedctypes

        return sharedctypes.Array(typecode_or_type, size_or_initializer, lock=lock, ctx=self)

    def Queue(self, maxsize: int = 0, **extras: Any) -> queues.Queue[Any]:
        """Make a queue; `reliable=True`: what a killed consumer had taken is given to another."""
        made: queues.Queue[Any] = _module("queues", **extras).Queue(maxsize, ctx=self, **extras)
        return made

    def JoinableQueue(self, maxsize: int = 0, **extras: Any) -> queues.JoinableQueue[Any]:
        """Make a queue that can be waited for; `reliable=True` as `Queue` has it."""
        made: queues.JoinableQueue[Any] = _module("queues", **extras).JoinableQueue(maxsize, ctx=self, **extras)
        return made

    def SimpleQueue(self) -> queues.SimpleQueue[Any]:
        """Make a queue without the trimmings."""
        made: queues.SimpleQueue[Any] = _module("queues").SimpleQueue(ctx=self)
        return made

    def Manager(self) -> SyncManager:
        """Start a process that holds objects for others, and return its manager."""
        from procession.managers import SyncManager

        manager = SyncManager(ctx=cast(standard.BaseContext, self))
        manager.start()
        return manager


class ForkContext(_Ours, standard.ForkContext):  # type: ignore[misc]  # our Pool is not a subclass of theirs
    """Workers are forked from a snapshot of the caller."""

    Process = process.ForkProcess


class SpawnContext(_Ours, standard.SpawnContext):  # type: ignore[misc]  # as above
    """Workers are fresh interpreters."""

    Process = process.SpawnProcess


class ForkServerContext(_Ours, standard.ForkServerContext):  # type: ignore[misc]  # as above
    """Workers are forked from a clean nursery and run the main module once more."""

    Process = process.ForkServerProcess


class NurseryContext(_Ours, standard.BaseContext):  # type: ignore[misc]  # as above
    """Workers are forked from a clean nursery, and what their functions use is sent to them."""

    _name = "nursery"
    Process = process.NurseryProcess


class DefaultContext(_Ours, standard.BaseContext):  # type: ignore[misc]  # as above
    """The default: asks `multiprocessing` which method was set, and what this Python prefers."""

    Process = process.Process

    def get_context(self, method: str | None = None) -> Any:
        """The context of a start method; None: of the one that is set, else this one."""
        return get_context(method)

    def get_start_method(self, allow_none: bool = False) -> Any:
        """The method that is set, or the default of this Python."""
        return standard._default_context.get_start_method(allow_none)

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Choose the method, for `multiprocessing` too.

        Raises:
            RuntimeError: It was chosen before.
        """
        standard._default_context.set_start_method(method, force)

    def get_all_start_methods(self) -> list[str]:
        """The standard library's methods, default first."""
        return standard._default_context.get_all_start_methods()


_CONTEXTS: dict[str, Any] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
    "nursery": NurseryContext(),
}
DEFAULT = DefaultContext()


@overload
def get_context(method: None = None) -> DefaultContext: ...
@overload
def get_context(method: Literal["fork"]) -> ForkContext: ...
@overload
def get_context(method: Literal["spawn"]) -> SpawnContext: ...
@overload
def get_context(method: Literal["forkserver"]) -> ForkServerContext: ...
@overload
def get_context(method: Literal["nursery"]) -> NurseryContext: ...
@overload
def get_context(method: str | None) -> Any: ...
def get_context(method: str | None = None) -> Any:
    """Return the context of a start method.

    Args:
        method: `fork`, `spawn`, `forkserver`, `nursery`, or None: what was set, else the default of this Python.

    Raises:
        ValueError: There is no such method.

    Source: multiprocessing.get_context.
    """
    if method is None:
        chosen = standard._default_context.get_start_method(allow_none=True)
        return _CONTEXTS[chosen] if chosen is not None else DEFAULT
    if method not in _CONTEXTS:
        raise ValueError(f"cannot find context for {method!r}: must be one of {', '.join(map(repr, _CONTEXTS))}")
    return _CONTEXTS[method]


def __getattr__(name: str) -> Any:
    """What else stands in `multiprocessing.context`."""
    return getattr(standard, name)
