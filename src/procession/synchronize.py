"""`multiprocessing.synchronize`, whose locks survive the death of who holds them or waits for them.

Knows: the standard library's classes, and what of ours does their work.
Must not know: how that works.

Where the system has no robust mutexes (`kernel.available`), the standard library's own are given instead
(`context.py`).
"""

from __future__ import annotations

import multiprocessing.synchronize as standard
import time
from collections.abc import Callable
from typing import Any

from procession.model.light import Self
from procession.shared import flag, locks, meeting, tokens, waiters

SEM_VALUE_MAX: int = standard.SEM_VALUE_MAX  # type: ignore[attr-defined]  # what the system's own semaphores take
__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event"]  # as the standard library's


class SemLock(standard.SemLock):
    """What our locks and semaphores have in common."""

    _semlock: Any

    def __init__(self, core: Any) -> None:
        self._semlock = core
        self._make_methods()

    def _make_methods(self) -> None:
        core = self._semlock
        self.acquire = core.acquire  # type: ignore[method-assign]  # a call less
        self.release = core.release  # type: ignore[method-assign]
        self.locked: Callable[[], bool] = core.locked

    @property
    def abandoned(self) -> bool:
        """True for who has the lock, until it is given back, if the owner before was killed with it.

        What the lock protects may be half done then.
        """
        return bool(self._semlock.abandoned)

    def __enter__(self) -> bool:
        return bool(self.acquire())

    def __exit__(self, *exception: object) -> None:
        self.release()

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self._semlock)


def _rebuilt(kind: type[SemLock], core: Any) -> SemLock:
    made = kind.__new__(kind)
    SemLock.__init__(made, core)
    return made


class Lock(SemLock, standard.Lock):
    """A lock that one thread of one process has at a time; any other may give it back.

    If its owner is killed, it is free again within 0.1 s, and the next owner is told (`abandoned`).

    Source: multiprocessing.synchronize.Lock.
    """

    def __init__(self, *, ctx: Any = None) -> None:
        super().__init__(locks.Lock())


class RLock(SemLock, standard.RLock):
    """A lock that its owner, a thread, may take several times; nobody else may give it back.

    Source: multiprocessing.synchronize.RLock.
    """

    def __init__(self, *, ctx: Any = None) -> None:
        super().__init__(locks.RLock())


class Semaphore(SemLock, standard.Semaphore):
    """So many tokens. Those that a killed process has taken come back, as far as there were so many at first.

    Source: multiprocessing.synchronize.Semaphore.
    """

    _most = SEM_VALUE_MAX

    def __init__(self, value: int = 1, *, ctx: Any = None) -> None:
        if not 0 <= value <= SEM_VALUE_MAX:
            raise ValueError(f"value={value}: must be from 0 to {SEM_VALUE_MAX}")
        super().__init__(tokens.Tokens(value, SEM_VALUE_MAX if self._most else value))


class BoundedSemaphore(Semaphore, standard.BoundedSemaphore):
    """As `Semaphore`; there are never more tokens than at first.

    Source: multiprocessing.synchronize.BoundedSemaphore.
    """

    _most = 0


class _Count:
    """What stands where the standard library's condition has a semaphore."""

    def __init__(self, value: int) -> None:
        self._value = value

    def get_value(self) -> int:
        """The number."""
        return self._value


class Condition(standard.Condition):
    """A condition to wait for. Who was killed while waiting takes no notification from others.

    Source: multiprocessing.synchronize.Condition.
    """

    _lock: Any

    def __init__(self, lock: Any = None, *, ctx: Any = None) -> None:
        self._hold(lock or RLock(ctx=ctx), waiters.Waiters())

    def _hold(self, lock: Any, waiting: waiters.Waiters) -> None:
        self._lock, self._waiters = lock, waiting
        self.acquire = lock.acquire  # type: ignore[method-assign]
        self.release = lock.release  # type: ignore[method-assign]

    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock back, wait to be notified, and take it again; tell whether this waiter was notified.

        Args:
            timeout: Seconds to wait. None: for ever.
        """
        assert self._lock._semlock._is_mine(), "must acquire() condition before using wait()"
        held = self._lock._semlock
        count = held._count()
        notified, struck = False, None
        row = self._waiters.join()
        try:
            for _ in range(count):
                self._lock.release()
            self._waiters.sleep(row, timeout)
        finally:
            try:
                self._take_again(count)
            finally:  # not before: whoever is killed in between has his notification handed on
                while row:
                    try:
                        notified = self._waiters.leave(row)
                        row = 0
                    except BaseException as error:  # Ctrl-C: he must leave all the same
                        struck = error
        if struck is not None:
            raise struck
        return notified

    def _take_again(self, count: int) -> None:
        held = self._lock._semlock
        while not held._is_mine() or held._count() < count:
            self._lock.acquire()

    def notify(self, n: int = 1) -> None:
        """Wake so many who wait, those who have waited longest."""
        assert self._lock._semlock._is_mine(), "lock is not owned"
        self._waiters.notify(max(0, n))

    def notify_all(self) -> None:
        """Wake all who wait."""
        assert self._lock._semlock._is_mine(), "lock is not owned"
        self._waiters.notify(None)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate` returns a true value; return the last one, also after so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while not (result := predicate()):
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    @property
    def _sleeping_count(self) -> _Count:  # CPython's tests look whether all who waited have gone
        return _Count(len(self._waiters))

    @property
    def _woken_count(self) -> _Count:
        return _Count(0)

    _wait_semaphore = _woken_count

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock}, {len(self._waiters)})>"

    def __reduce__(self) -> Any:
        return _condition, (type(self), self._lock, self._waiters)


def _condition(kind: type[Condition], lock: Any, waiting: waiters.Waiters) -> Condition:
    made = kind.__new__(kind)
    made._hold(lock, waiting)
    return made


class Event(standard.Event):
    """A flag to wait for. It may be set by a signal's handler.

    Source: multiprocessing.synchronize.Event.
    """

    def __init__(self, *, ctx: Any = None) -> None:
        self._hold(flag.Flag())

    def _hold(self, held: flag.Flag) -> Self:
        self._flag = held
        self.is_set = held.is_set  # type: ignore[method-assign]
        self.set = held.set  # type: ignore[method-assign]
        self.clear = held.clear  # type: ignore[method-assign]
        self.wait = held.wait  # type: ignore[method-assign]
        return self

    def __reduce__(self) -> Any:
        return _event, (type(self), self._flag)


def _event(kind: type[Event], held: flag.Flag) -> Event:
    return kind.__new__(kind)._hold(held)


class Barrier(standard.Barrier):
    """A place where so many meet. If one who waits is killed, it is broken: the others get a BrokenBarrierError.

    Source: multiprocessing.synchronize.Barrier.
    """

    def __init__(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None, *, ctx: Any = None
    ) -> None:
        if parties < 1:
            raise ValueError(f"parties={parties}: must be 1 or more")
        self._hold(meeting.Meeting(parties), action, timeout)

    def _hold(self, held: meeting.Meeting, action: Callable[[], object] | None, timeout: float | None) -> Self:
        self._meeting, self._action, self._timeout = held, action, timeout
        return self

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all are there; return a number from 0 on, each another one.

        Args:
            timeout: Seconds to wait. None: as the barrier has it.

        Raises:
            BrokenBarrierError: Somebody did not come in time, was killed while waiting, or called `reset` or `abort`.
        """
        return self._meeting.come(self._action, self._timeout if timeout is None else timeout)

    def reset(self) -> None:
        """Make it as new; who waits gets a BrokenBarrierError."""
        self._meeting.reset()

    def abort(self) -> None:
        """Break it until it is reset."""
        self._meeting.abort()

    @property
    def parties(self) -> int:
        """How many must come."""
        return self._meeting.parties

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return self._meeting.waiting()

    @property
    def broken(self) -> bool:
        """True until it is reset, after it was broken."""
        return self._meeting.closed()

    def __reduce__(self) -> Any:
        return _barrier, (type(self), self._meeting, self._action, self._timeout)


def _barrier(kind: type[Barrier], held: meeting.Meeting, action: Any, timeout: float | None) -> Barrier:
    return kind.__new__(kind)._hold(held, action, timeout)


def __getattr__(name: str) -> Any:
    return getattr(standard, name)
