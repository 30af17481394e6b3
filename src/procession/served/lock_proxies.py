"""Proxies of what is held or waited for, of iterators, and of namespaces, values and arrays.

Knows: their interfaces.
Must not know: how a question gets to the server.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar, Generic, TypeVar

from procession.served import inner
from procession.served.proxies import BaseProxy, MakeProxyType

T = TypeVar("T")


class IteratorProxy(BaseProxy):
    """An iterator, or a generator, of the manager's process."""

    _exposed_ = ("__next__", "send", "throw", "close")

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self, *args: Any) -> Any:
        return self._callmethod("__next__", args)

    def send(self, *args: Any) -> Any:
        """As of a generator."""
        return self._callmethod("send", args)

    def throw(self, *args: Any) -> Any:
        """As of a generator."""
        return self._callmethod("throw", args)

    def close(self, *args: Any) -> Any:
        """As of a generator."""
        return self._callmethod("close", args)


class AcquirerProxy(BaseProxy):
    """A lock or a semaphore."""

    _exposed_: ClassVar[tuple[str, ...]] = ("acquire", "release", "locked", "abandoned")

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take it; False: not within the time."""
        args = (blocking,) if timeout is None else (blocking, timeout)
        return bool(self._callmethod("acquire", args))

    def release(self) -> None:
        """Let it go."""
        self._callmethod("release")

    @property
    def abandoned(self) -> bool:
        """True while its owner has it from a process that was killed with it: what it guards may be half done."""
        return bool(self._callmethod("abandoned"))

    def __enter__(self) -> bool:
        return bool(self._callmethod("acquire"))

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self._callmethod("release")


class ConditionProxy(AcquirerProxy):
    """A condition."""

    _exposed_ = ("acquire", "release", "wait", "notify", "notify_all", "abandoned")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until told; False: not within the time."""
        return bool(self._callmethod("wait", (timeout,)))

    def notify(self, n: int = 1) -> None:
        """Tell some who wait."""
        self._callmethod("notify", (n,))

    def notify_all(self) -> None:
        """Tell all who wait."""
        self._callmethod("notify_all")

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until something is so."""
        until = None if timeout is None else monotonic() + timeout
        while not (result := predicate()):
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result


class EventProxy(BaseProxy):
    """An event."""

    _exposed_ = ("is_set", "set", "clear", "wait")

    def is_set(self) -> bool:
        """True after `set`, until `clear`."""
        return bool(self._callmethod("is_set"))

    def set(self) -> None:
        """Wake all who wait."""
        self._callmethod("set")

    def clear(self) -> None:
        """Let the next ones wait."""
        self._callmethod("clear")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False: not within the time."""
        return bool(self._callmethod("wait", (timeout,)))


class BarrierProxy(BaseProxy):
    """A barrier."""

    _exposed_ = ("__getattribute__", "wait", "abort", "reset")

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the others; return in which place one came."""
        return int(self._callmethod("wait", (timeout,)))

    def abort(self) -> None:
        """Break it."""
        self._callmethod("abort")

    def reset(self) -> None:
        """Begin anew."""
        self._callmethod("reset")

    @property
    def parties(self) -> int:
        """How many must come."""
        return int(self._callmethod("__getattribute__", ("parties",)))

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return int(self._callmethod("__getattribute__", ("n_waiting",)))

    @property
    def broken(self) -> bool:
        """True where it is of no use any more."""
        return bool(self._callmethod("__getattribute__", ("broken",)))


class NamespaceProxy(BaseProxy):
    """A namespace."""

    _exposed_ = ("__getattribute__", "__setattr__", "__delattr__")

    def __getattr__(self, key: str) -> Any:
        if key[0] == "_":
            return object.__getattribute__(self, key)
        return object.__getattribute__(self, "_callmethod")("__getattribute__", (key,))

    def __setattr__(self, key: str, value: Any) -> None:
        if key[0] == "_":
            object.__setattr__(self, key, value)
            return
        ask = object.__getattribute__(self, "_callmethod")
        serial = inner.own(value)
        if serial is None:
            ask("__setattr__", (key, value))
        else:
            ask("#restore", ("__setattr__", key, value, serial))

    def __delattr__(self, key: str) -> None:
        if key[0] == "_":
            object.__delattr__(self, key)
            return
        object.__getattribute__(self, "_callmethod")("__delattr__", (key,))


class ValueProxy(BaseProxy, Generic[T]):
    """A value."""

    _exposed_ = ("get", "set")

    def get(self) -> T:
        """What it is."""
        value: T = self._callmethod("get")
        return value

    def set(self, value: T) -> None:
        """Let it be something else."""
        serial = inner.own(value)
        if serial is None:
            self._callmethod("set", (value,))
        else:
            self._callmethod("#restore", ("set", None, value, serial))

    value = property(get, set)


ArrayProxy = MakeProxyType("ArrayProxy", ("__len__", "__getitem__", "__setitem__"))

_PoolProxy: Any = MakeProxyType(
    "PoolProxy",
    (
        "apply", "apply_async", "close", "imap", "imap_unordered", "join", "map", "map_async", "starmap",
        "starmap_async", "terminate",
    ),
)  # fmt: skip


class PoolProxy(_PoolProxy):  # type: ignore[misc]  # made at run time
    """A pool that lives in the manager's process."""

    _method_to_typeid_ = {
        "apply_async": "AsyncResult",
        "map_async": "AsyncResult",
        "starmap_async": "AsyncResult",
        "imap": "Iterator",
        "imap_unordered": "Iterator",
    }

    def __enter__(self) -> PoolProxy:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.terminate()
