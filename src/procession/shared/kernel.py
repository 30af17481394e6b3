"""What the system offers to processes that share memory: robust mutexes, and sleep until a word changes (futex).

Knows: the C library's names, the numbers of the system call.
Must not know: what is guarded, and who sleeps for what.

A robust mutex is given back by the kernel when its owner ends, however that happens. Ours are held for a few steps and
guard words that change by one store each, so what the dead one left is always whole.

`enter` and `leave` are used as `enter(mutex)`, then `try`, then `finally: leave(mutex)`: a signal's handler may raise
after any call of C code, never between these lines, so Ctrl-C leaves no mutex behind. Who cannot pay for the call of
`enter` has all of it in a `try` and calls `back_out` if something is raised. No `while` may stand in such a `try`: from
CPython 3.12 on its jump back is not covered, and a handler may raise there; a `for`, or a loop of a function that is
called, is covered. A thread that is asleep is woken by signals, and after a nap in any case (`engine/waits.py` says
why).

Source: pthread_mutexattr_setrobust(3), pthread_mutex_clocklock(3), futex(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
import threading
import time
from collections.abc import Callable

from procession.model.errors import InternalError
from procession.model.light import Any
from procession.wire.patience import NAP

MOST_WAITERS = 0x7FFFFFFF
WORD = 0xFFFFFFFF  # the part of a word of 8 bytes that the kernel compares: the first 4
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221}.get(platform.machine())
_WAIT, _WAKE = 0, 1
_THREAD = 0x3FFFFFFF  # the part of a robust mutex's futex that is its owner's thread: the kernel demands it there
_OWNER = 0 if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}) else 4  # where that futex is; 4: in musl
_SHARED, _ROBUST, _CHECKED = 1, 1, 2  # pthread.h; checked: unlocking what is not ours is an error and changes nothing

# Without it, a release must be a step under the mutex, or others might see it before what was done under the lock.
STORES_IN_ORDER = platform.machine() == "x86_64"


def available() -> bool:
    """True where this works: Linux on a 64-bit machine whose numbers we know."""
    return sys.platform == "linux" and sys.byteorder == "little" and sys.maxsize > 1 << 32 and _FUTEX is not None


_quick: Any = ctypes.PyDLL(None) if available() else None  # these never wait, so they keep the interpreter
_slow: Any = ctypes.CDLL(None, use_errno=True) if available() else None


def _function(library: Any, name: str) -> Any:
    return None if library is None else library[name]


try_enter = _function(_quick, "pthread_mutex_trylock")
leave = _function(_quick, "pthread_mutex_unlock")
_mend = _function(_quick, "pthread_mutex_consistent")
_syscall = _function(_slow, "syscall")
_wake_call = _function(_quick, "syscall")


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _timed_lock() -> tuple[Any, Callable[[], float]]:
    """The C library's lock with a deadline, and the clock that it looks at."""
    try:
        lock = _slow["pthread_mutex_clocklock"]
    except AttributeError:  # glibc before 2.30, musl
        lock = _slow["pthread_mutex_timedlock"]
        return lock, time.time
    return lambda mutex, until: lock(mutex, 1, until), time.monotonic  # 1: CLOCK_MONOTONIC


_lock_until: Any
_lock_until, _now = _timed_lock() if available() else (None, time.monotonic)


def mutex_at(address: int) -> Any:
    """What the other functions call a mutex, for the one at an address; whoever has it keeps the memory."""
    return ctypes.byref(ctypes.c_char.from_address(address))


def make_mutex(mutex: Any) -> None:
    """Make a robust mutex for all processes of the memory that it is in."""
    attributes = ctypes.create_string_buffer(64)
    _quick["pthread_mutexattr_init"](attributes)
    _quick["pthread_mutexattr_setpshared"](attributes, _SHARED)
    _quick["pthread_mutexattr_setrobust"](attributes, _ROBUST)
    _quick["pthread_mutexattr_settype"](attributes, _CHECKED)
    code = _quick["pthread_mutex_init"](mutex, attributes)
    _quick["pthread_mutexattr_destroy"](attributes)
    if code:
        raise InternalError(message=f"no robust mutex: {errno.errorcode.get(code, code)}")


def enter(mutex: Any) -> None:
    """Get hold of a mutex; `leave` follows within some steps.

    Raises:
        RuntimeError: This thread has it: a signal's handler interrupted it in the midst.
    """
    try:
        code = try_enter(mutex)
        if code:
            settle(mutex, code)
    except BaseException as error:
        back_out(mutex, error)
        raise


class Reentered(RuntimeError):
    """A signal's handler, or a `__del__`, uses what the thread that it interrupted is in the midst of using."""


def back_out(mutex: Any, error: BaseException, mend: Callable[[], object] | None = None) -> None:
    """Let go of a mutex if this thread has it, after an exception came in the midst of entering or of what follows.

    Args:
        error: The exception.
        mend: Called first, if the last owner died with the mutex and nobody has heard of it yet.
    """
    if isinstance(error, Reentered):
        return  # it is held by who was interrupted
    futex = ctypes.c_uint.from_address(ctypes.addressof(mutex._obj) + _OWNER).value
    if futex & _THREAD != threading.get_native_id():
        return
    if _mend(mutex) == 0 and mend is not None:
        mend()
    leave(mutex)


def settle(mutex: Any, code: int) -> bool:
    """Get hold of a mutex that `try_enter` did not simply give; tell whether its last owner died with it.

    Args:
        code: What it said.

    Raises:
        RuntimeError: As `enter` does.
    """
    while code:
        if code == errno.EOWNERDEAD:
            _mend(mutex)
            return True
        if code == errno.EDEADLK:
            raise Reentered("a signal handler must not use the lock or queue whose call it interrupted")
        if code not in (errno.EBUSY, errno.ETIMEDOUT):
            raise InternalError(message=f"a robust mutex said {errno.errorcode.get(code, code)}")
        code = _lock_until(mutex, ctypes.byref(_moment(_now() + NAP)))
    return False


def sleep(address: int, seen: int, seconds: float) -> None:
    """Sleep until the word at an address is woken, is not what was seen, a signal came, or the time is over."""
    _syscall(_FUTEX, ctypes.c_void_p(address), _WAIT, ctypes.c_uint(seen), ctypes.byref(_moment(seconds)), None, 0)


def wake(address: int, count: int = 1) -> None:
    """Wake some who sleep on the word at an address."""
    _wake_call(_FUTEX, ctypes.c_void_p(address), _WAKE, count, None, None, 0)


def rouse(words: Any, address: int, sleepers: int, word: int) -> None:
    """Wake one who sleeps on a word of some memory, and forget that there are sleepers: who sleeps on says so again.

    Args:
        words: The memory.
        address: Where it begins.
        sleepers: The word that tells whether anybody sleeps.
        word: The word that they sleep on.
    """
    words[sleepers] = 0
    words[word] = (words[word] + 1) & WORD
    wake(address + 8 * word)


def _moment(seconds: float) -> _Moment:
    whole = int(seconds)
    return _Moment(whole, int((seconds - whole) * 1e9))
