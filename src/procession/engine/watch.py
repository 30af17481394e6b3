"""Wait for descriptors; another thread may change which, and may wake the waiting one.

Knows: one epoll instance and one descriptor to wake it by.
Must not know: what the descriptors are.
"""

from __future__ import annotations

import os
import select
import threading

LONGEST_SECONDS = 86400.0  # of one wait, whatever is due later: the system's call takes no more than some weeks


class Watch:
    """Descriptors and what is waited for at each."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._known: dict[int, int] = {}
        self._open = threading.RLock()  # else what is woken could be a descriptor that took the number of ours

    def watch(self, descriptor: int, writing: bool) -> None:
        """Wait for this descriptor too; `writing`: also until it can be written to."""
        mask = select.EPOLLIN | (select.EPOLLOUT if writing else 0)
        if self._known.get(descriptor) == mask:
            return
        try:
            self._poll.register(descriptor, mask)
        except FileExistsError:  # also where Ctrl-C broke off what is noted below
            self._poll.modify(descriptor, mask)
        self._known[descriptor] = mask

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no longer."""
        if self._known.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def wait(self, seconds: float | None) -> list[int]:
        """Wait until something is ready, or for so long; return what is ready."""
        ready = [descriptor for descriptor, _ in self._poll.poll(_bounded(seconds))]
        if self._wake in ready:
            ready.remove(self._wake)
            os.eventfd_read(self._wake)
        return ready

    def wake(self) -> None:
        """Let `wait` return now."""
        with self._open:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give the descriptors back."""
        with self._open:
            wake, self._wake = self._wake, -1
        self._poll.close()
        os.close(wake)

    def abandon(self) -> None:
        """In a forked child: close our copies; who held the lock when we were forked does not exist here."""
        self._open = threading.RLock()
        self.close()


def _bounded(seconds: float | None) -> float:
    return -1.0 if seconds is None else min(max(seconds, 0.0), LONGEST_SECONDS)
