"""Who waits in a manager's server, in which order, and for whom: so that the dead neither wait nor hold anything.

Knows: client processes, their threads, what each holds; queues of waiters.
Must not know: what is waited for, connections.

How it works: one lock, the *turn*, guards all of it; nobody does anything long while he has it. Whoever gives something
away chooses the waiter who gets it, and the client's end takes its waiters out and gives back what it holds, all in a
turn each. So there is no moment at which something belongs to a dead client.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

turn = threading.Lock()


class ClientGone(Exception):
    """The client for whom a thread of the server works has ended, or has given up this call."""


class Held(Protocol):
    """What a client may hold."""

    def give_back(self, owner: Owner, ended_well: bool) -> None:
        """The owner's process has ended. Called in a turn.

        Args:
            ended_well: It said so itself, so it was not killed.
        """


class Client:
    """A process that uses the server.

    Args:
        name: What it calls itself.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.gone = False
        self.owners: dict[Any, Owner] = {}
        self.references: Counter[str] = Counter()

    def owner(self, key: Any) -> Owner:
        """The thread of this process that has a key."""
        with turn:
            return self.owners.setdefault(key, Owner(self))

    def end(self, ended_well: bool) -> None:
        """Take out its waiters and give back what it holds. Afterwards it gets nothing any more."""
        with turn:
            self.gone = True
            for owner in self.owners.values():
                owner.cancel()
                for held in list(owner.held):
                    held.give_back(owner, ended_well)


class Owner:
    """A thread of a client, as an owner of locks; its waiters: one, or more where a signal's handler waits too."""

    __slots__ = ("client", "held", "undo", "waiters")

    def __init__(self, client: Client) -> None:
        self.client = client
        self.held: Counter[Held] = Counter()
        self.waiters: list[Waiter] = []
        self.undo: Callable[[], None] | None = None  # gives back what an answer carries that is not read

    def cancel_cut(self) -> None:
        """It may have given up a call: its line is closed then."""
        with turn:
            self.cancel(only_cut=True)

    def cancel(self, only_cut: bool = False) -> None:
        """Wake it where it waits, with nothing. Call in a turn."""
        for waiter in self.waiters:
            if not waiter.rung and (not only_cut or waiter.is_cut()):
                waiter.cancelled = waiter.rung = True
                waiter.bell.release()


class Waiter:
    """One who waits; `cancelled` tells that it was woken with nothing."""

    __slots__ = ("bell", "cancelled", "is_cut", "owner", "rung")

    def __init__(self, owner: Owner, is_cut: Callable[[], bool]) -> None:
        self.owner = owner
        self.is_cut = is_cut
        self.bell = threading.Lock()
        self.bell.acquire()
        self.rung = self.cancelled = False


class Waiting(deque[Waiter]):
    """Those who wait, the first one first."""

    __slots__ = ()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at the end until rung. Call in a turn; it is given away meanwhile.

        Args:
            timeout: Seconds to wait. None: for ever.

        Raises:
            ClientGone: There is nobody any more for whom to wait.
        """
        owner, is_cut = _here.owner, _here.is_cut
        if owner.client.gone or is_cut():  # who gives up later says so, and finds the waiter here
            raise ClientGone
        waiter = Waiter(owner, is_cut)
        self.append(waiter)
        owner.waiters.append(waiter)
        turn.release()
        try:
            waiter.bell.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
        finally:
            turn.acquire()
            owner.waiters.remove(waiter)
        if waiter.rung and not waiter.cancelled:
            return True
        self.remove(waiter)
        if waiter.cancelled:
            raise ClientGone
        return False

    def ring(self) -> Owner | None:
        """Wake the first one and return it; None where nobody waits. Call in a turn."""
        for waiter in self:
            if not waiter.cancelled:  # a cancelled one is about to take itself out
                self.remove(waiter)
                waiter.rung = True
                waiter.bell.release()
                return waiter.owner
        return None


class _Here(threading.local):
    def __init__(self) -> None:
        self.owner = Owner(SERVER)  # a thread of the server's own, or that serves a client of the standard library's
        self.is_cut: Callable[[], bool] = bool


SERVER = Client("the server")
_here = _Here()


def present() -> Owner:
    """For whom this thread works."""
    return _here.owner


@contextmanager
def working_for(owner: Owner, is_cut: Callable[[], bool]) -> Iterator[None]:
    """This thread works for a client's.

    Args:
        is_cut: True where that has closed the line.
    """
    before, _here.owner, _here.is_cut = (_here.owner, _here.is_cut), owner, is_cut
    try:
        yield
    finally:
        _here.owner, _here.is_cut = before
