"""What a manager holds for others that somebody can hold: locks and semaphores, as they live in its server.

Knows: their interfaces in `threading`, who holds and who waits.
Must not know: connections, proxies.

What a killed process held goes to the next one, who can ask `abandoned`; a process that has ended by itself leaves a
lock as it is, as in the standard library, for another may be meant to release it. Whoever is rung is an owner already:
a lock is never free while somebody waits for it.
"""

from __future__ import annotations

from typing import Any

from procession.served.waiters import ClientGone, Owner, Waiting, present, turn


def _check(blocking: bool, timeout: float | None) -> None:
    if not blocking and timeout is not None and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout is not None and timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")


class Lock:
    """A lock; anybody may release it.

    Source: threading.Lock.
    """

    def __init__(self) -> None:
        self._owner: Owner | None = None
        self._waiting = Waiting()
        self._abandoned = False  # its owner has it from one that was killed, or the next one will

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take it; False: not within the time."""
        _check(blocking, timeout)
        with turn:
            taken = self._acquire(blocking, None if timeout == -1 else timeout)
        present().undo = self._undo if taken else None
        return taken

    __enter__ = acquire

    def _undo(self) -> None:
        """The caller has not heard that he has it."""
        with turn:
            if self._owner is present():
                self._leave(self._abandoned)

    def _acquire(self, blocking: bool, timeout: float | None) -> bool:
        me = present()
        if self._owner is None:
            if me.client.gone:
                raise ClientGone
            self._give(me)
            return True
        return blocking and self._waiting.wait(timeout)

    def _give(self, owner: Owner | None) -> None:
        self._owner = owner
        if owner is not None:
            owner.held[self] = 1

    def _leave(self, abandoned: bool = False) -> None:
        """The owner has it no more; the next one has it."""
        if self._owner is not None:
            self._owner.held.pop(self, None)
        self._abandoned = abandoned
        self._give(self._waiting.ring())

    def release(self) -> None:
        """Let it go.

        Raises:
            RuntimeError: Nobody has it.
        """
        with turn:
            if present().client.gone:  # its lock was given back; this would release another's
                raise ClientGone
            if self._owner is None:
                raise RuntimeError("release unlocked lock")
            self._leave()

    def __exit__(self, *error: object) -> None:
        self.release()

    def locked(self) -> bool:
        """True while somebody has it."""
        return self._owner is not None

    def abandoned(self) -> bool:
        """True while its owner has it from a process that was killed with it: what it guards may be half done."""
        with turn:
            return self._owner is not None and self._abandoned

    def give_back(self, owner: Owner, ended_well: bool) -> None:
        """The owner's process has ended."""
        if not ended_well:
            self._leave(abandoned=True)

    # For a condition; in a turn.

    def is_mine(self) -> bool:
        """True where the caller may wait for a condition of this lock."""
        return self._owner is not None

    def step_back(self) -> Any:
        """Let it go wholly, and say what `step_in` needs."""
        was_abandoned = self._abandoned
        self._leave()
        return was_abandoned

    def step_in(self, state: Any) -> None:
        """Have it again as it was."""
        self._acquire(True, None)
        self._abandoned = self._abandoned or state


class RLock(Lock):
    """A lock that its owner, a thread of a process, may take several times.

    Source: threading.RLock.
    """

    _count = 0

    def _acquire(self, blocking: bool, timeout: float | None) -> bool:
        if self._owner is present():
            self._count += 1
            return True
        return super()._acquire(blocking, timeout)

    def _give(self, owner: Owner | None) -> None:
        super()._give(owner)
        self._count = 1

    def release(self) -> None:
        """Let it go once.

        Raises:
            RuntimeError: The caller has it not.
        """
        with turn:
            if self._owner is not present():
                raise RuntimeError("cannot release un-acquired lock")
            self._count -= 1
            if not self._count:
                self._leave()

    def _undo(self) -> None:
        with turn:
            if self._owner is present():
                self._count -= 1
                if not self._count:
                    self._leave(self._abandoned)

    def give_back(self, owner: Owner, ended_well: bool) -> None:
        """The owner's process has ended: nobody else could release it."""
        self._leave(abandoned=True)

    def is_mine(self) -> bool:
        """True where the caller has it."""
        return self._owner is present()

    def step_back(self) -> Any:
        """Let it go wholly."""
        count = self._count
        return count, super().step_back()

    def step_in(self, state: Any) -> None:
        """Have it again, as often as before."""
        count, was_abandoned = state
        super().step_in(was_abandoned)
        self._count = count


class Semaphore:
    """So many at a time. What a killed process held comes back, but never more than there was in the beginning.

    Source: threading.Semaphore.
    """

    _bounded = False

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._value = self._first = value
        self._holders: list[Owner] = []  # the longest one first
        self._waiting = Waiting()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take one; False: not within the time."""
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        with turn:
            me = present()
            if self._value > 0:
                if me.client.gone:
                    raise ClientGone
                self._value -= 1
                self._give(me)
            elif not blocking or not self._waiting.wait(timeout):
                return False
        me.undo = self._undo
        return True

    __enter__ = acquire

    def _undo(self) -> None:
        """The caller has not heard that he has it."""
        with turn:
            if present() in self._holders:
                self._take(present())
                self._put()

    def _give(self, owner: Owner) -> None:
        self._holders.append(owner)
        owner.held[self] += 1

    def _take(self, owner: Owner) -> None:
        self._holders.remove(owner)
        owner.held[self] -= 1
        if not owner.held[self]:
            del owner.held[self]

    def _put(self) -> None:
        owner = self._waiting.ring()
        if owner is None:
            self._value += 1
        else:
            self._give(owner)

    def release(self, n: int = 1) -> None:
        """Give some back. One that has none gives back what another took, as a producer does.

        Raises:
            ValueError: There would be more than in the beginning, and the semaphore is bounded.
        """
        if n < 1:
            raise ValueError("n must be one or more")
        with turn:
            me = present()
            if me.client.gone:  # as of a lock
                raise ClientGone
            if self._bounded and self._value + n > self._first:
                raise ValueError("Semaphore released too many times")
            for _ in range(n):
                if self._holders:
                    self._take(me if me in self._holders else self._holders[0])
                self._put()

    def __exit__(self, *error: object) -> None:
        self.release()

    def give_back(self, owner: Owner, ended_well: bool) -> None:
        """The owner's process has ended."""
        if ended_well:
            return
        while self in owner.held:
            self._take(owner)
            if self._value + len(self._holders) < self._first:
                self._put()


class BoundedSemaphore(Semaphore):
    """A semaphore that nobody may release too often.

    Source: threading.BoundedSemaphore.
    """

    _bounded = True
