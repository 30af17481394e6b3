"""What a manager holds for others to wait for: conditions, events, barriers, queues, as they live in its server.

Knows: their interfaces in `threading` and `queue`, who waits.
Must not know: connections, proxies.

A waiter whose process is killed is taken out. What had been given to one who died before he knew goes to the next one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from procession.served.held import Lock, RLock
from procession.served.waiters import ClientGone, Waiting, present, turn


class Condition:
    """Wait until told. One that is told and dies before it knows passes it on.

    Source: threading.Condition.

    Args:
        lock: A `Lock` or an `RLock`. None: an `RLock` of its own.
    """

    def __init__(self, lock: Any = None) -> None:
        self._lock: Lock = RLock() if lock is None else lock
        self._waiting = Waiting()
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self.abandoned = self._lock.abandoned

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _check(self, doing: str) -> None:
        if not self._lock.is_mine():
            raise RuntimeError(f"cannot {doing} on un-acquired lock")

    def wait(self, timeout: float | None = None) -> bool:
        """Let the lock go, wait, and have it again; False: not told within the time.

        Raises:
            RuntimeError: The caller has not the lock.
        """
        with turn:
            self._check("wait")
            state = self._lock.step_back()
            told = self._waiting.wait(timeout)
            try:
                self._lock.step_in(state)
            except ClientGone:
                if told:
                    self._waiting.ring()
                raise
        if told:
            present().undo = self._pass_on
        return told

    def _pass_on(self) -> None:
        with turn:
            self._waiting.ring()

    def notify(self, n: int = 1) -> None:
        """Tell some.

        Raises:
            RuntimeError: The caller has not the lock.
        """
        with turn:
            self._check("notify")
            while n > 0 and self._waiting.ring():
                n -= 1

    def notify_all(self) -> None:
        """Tell all who wait now."""
        self.notify(len(self._waiting))


class Event:
    """A flag that is waited for.

    Source: threading.Event.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._waiting = Waiting()

    def is_set(self) -> bool:
        """True after `set`, until `clear`."""
        return self._is_set

    def set(self) -> None:
        """Wake all who wait."""
        with turn:
            self._is_set = True
            while self._waiting.ring():
                pass

    def clear(self) -> None:
        """Let the next ones wait."""
        with turn:
            self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False: not within the time."""
        with turn:
            return self._is_set or self._waiting.wait(timeout)


class _Meeting:
    """Those who came to a barrier together, and how it ended."""

    def __init__(self) -> None:
        self.count = 0
        self.broken = False
        self.waiting = Waiting()

    def end(self, broken: bool = False) -> None:
        self.broken = self.broken or broken
        while self.waiting.ring():
            pass


class Barrier:
    """Wait until all are there. It breaks when one who waits is killed, or gives up.

    Source: threading.Barrier.
    """

    def __init__(self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None) -> None:
        if parties < 1:
            raise ValueError("parties must be >= 1")
        self.parties = parties
        self._action = action
        self._timeout = timeout
        self._meeting = _Meeting()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the others; return in which place one came.

        Raises:
            BrokenBarrierError: It is broken, or was while one waited, or the time is over.
        """
        with turn:
            meeting = self._meeting
            if meeting.broken:
                raise threading.BrokenBarrierError
            index = meeting.count
            meeting.count += 1
            if meeting.count < self.parties:
                self._wait(meeting, self._timeout if timeout is None else timeout)
                return index
            self._meeting = _Meeting()
        try:
            if self._action is not None:
                self._action()
        except BaseException:
            with turn:
                self._meeting.end(broken=True)
                meeting.end(broken=True)
            raise
        with turn:
            meeting.end()
        return index

    def _wait(self, meeting: _Meeting, timeout: float | None) -> None:
        try:
            came = meeting.waiting.wait(timeout)
        except ClientGone:
            meeting.end(broken=True)
            raise
        if not came:
            meeting.end(broken=True)
        if meeting.broken:
            raise threading.BrokenBarrierError

    def abort(self) -> None:
        """Break it."""
        with turn:
            self._meeting.end(broken=True)

    def reset(self) -> None:
        """Begin anew; whoever waits now gets an error."""
        with turn:
            meeting, self._meeting = self._meeting, _Meeting()
            meeting.end(broken=True)

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return 0 if self._meeting.broken else self._meeting.count

    @property
    def broken(self) -> bool:
        """True where it is of no use any more."""
        return self._meeting.broken


class _Room:
    """A condition of a queue: its lock is the turn."""

    def __init__(self) -> None:
        self._waiting = Waiting()

    def __enter__(self) -> None:
        turn.acquire()

    def __exit__(self, *error: object) -> None:
        turn.release()

    def wait(self, timeout: float | None = None) -> bool:
        return self._waiting.wait(timeout)

    def notify(self, n: int = 1) -> None:
        while n > 0 and self._waiting.ring():
            n -= 1

    def notify_all(self) -> None:
        self.notify(len(self._waiting))


class Queue(queue.Queue[Any]):
    """A queue whose waiters can die.

    Source: queue.Queue.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.mutex: Any = turn
        self.not_empty: Any = _Room()
        self.not_full: Any = _Room()
        self.all_tasks_done: Any = _Room()


def put_back(items: queue.Queue[Any], item: object) -> None:
    """An item was taken out of a queue for somebody who did not get it: it is the next one again."""
    with items.mutex:
        if type(items)._put is queue.Queue._put:
            items.queue.appendleft(item)
        else:
            items._put(item)  # it has an order of its own
        items.not_empty.notify()
