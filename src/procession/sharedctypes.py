"""`multiprocessing.sharedctypes`, with locks that killed processes do not keep, and numbers that count by themselves.

Knows: the standard library's functions and classes.
Must not know: how our locks work: a context makes them.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.sharedctypes as standard
from typing import Any, Generic, TypeVar

from procession import synchronize
from procession.shared import kernel

N = TypeVar("N")

__all__ = ["RawValue", "RawArray", "Value", "Array", "copy", "synchronized"]  # as the standard library's

RawValue = standard.RawValue
RawArray = standard.RawArray
copy = standard.copy


class Synchronized(standard.Synchronized, Generic[N]):  # type: ignore[type-arg]
    """A number in shared memory, with a lock.

    Source: multiprocessing.sharedctypes.Synchronized.
    """

    value: N

    def add(self, amount: Any) -> N:
        """Add to the number while nobody else changes it; return what it is then.

        `value.value += 1` is two steps, between which another process may do the same.
        """
        with self:
            self.value = self.value + amount
            return self.value

    def __reduce__(self) -> Any:
        return synchronized, super().__reduce__()[1]


def Value(typecode_or_type: Any, *args: Any, lock: Any = True, ctx: Any = None) -> Any:  # the standard library's name
    """Make a number or structure in shared memory.

    Args:
        typecode_or_type: As `array` or `ctypes` has it.
        args: What its type is made from.
        lock: True: one of its own; a lock; or False: none.
        ctx: Makes the lock. None: the default context.

    Source: multiprocessing.sharedctypes.Value.
    """
    return _with_lock(RawValue(typecode_or_type, *args), lock, ctx)


def Array(typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True, ctx: Any = None) -> Any:  # as above
    """Make an array in shared memory.

    Args:
        typecode_or_type: As `array` or `ctypes` has it.
        size_or_initializer: How many elements, or which.
        lock: True: one of its own; a lock; or False: none.
        ctx: Makes the lock. None: the default context.

    Source: multiprocessing.sharedctypes.Array.
    """
    return _with_lock(RawArray(typecode_or_type, size_or_initializer), lock, ctx)


def _with_lock(made: Any, lock: Any, ctx: Any) -> Any:
    if lock is False:
        return made
    if lock in (True, None):
        lock = _rlock(ctx)
    if not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(made, lock, ctx)


def synchronized(obj: Any, lock: Any = None, ctx: Any = None) -> Any:
    """Put a lock around a number, structure or array in shared memory."""
    lock = lock or _rlock(ctx)
    if isinstance(obj, ctypes._SimpleCData):
        return Synchronized(obj, lock)
    return standard.synchronized(obj, lock)


def _rlock(ctx: Any) -> Any:
    if ctx is None and kernel.available():
        return synchronize.RLock()
    return (ctx or multiprocessing.get_context()).RLock()


def __getattr__(name: str) -> Any:
    return getattr(standard, name)
