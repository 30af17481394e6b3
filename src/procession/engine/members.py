"""The workers of a pool as its users see them: process ids, whether they live, signals.

Knows: one worker's link, and who tells of its begin and end.
Must not know: what it works on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from procession.backends.base import Backend, Link


class Member:
    """One worker process, with what programs ask of a `multiprocessing.Process`.

    Args:
        backend: Where it works.
        link: The parent's end of it.
        name: Its name.
        can_wait: False where the calling thread would wait for itself.

    Source: multiprocessing.Process; programs read `pool._pool[0].pid`.
    """

    daemon = True

    def __init__(self, backend: Backend, link: Link, name: str, can_wait: Callable[[], bool]) -> None:
        self._backend = backend
        self._link = link
        self.name = name
        self._can_wait = can_wait

    @property
    def pid(self) -> int | None:
        """Its process id; waits until it has one. None if it could not be started."""
        self._wait_until(lambda: bool(self._link.pid) or self._gone, None)
        return self._link.pid or None

    ident = pid

    @property
    def exitcode(self) -> int | None:
        """How it ended, negative for a signal; None while it lives, or if nobody knows."""
        return self._link.exitcode

    @property
    def _gone(self) -> bool:
        return self._backend.links.get(self._link.number) is not self._link

    def is_alive(self) -> bool:
        """True until it has ended."""
        return self._link.exitcode is None and not self._gone

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or for `timeout` seconds."""
        self._wait_until(lambda: not self.is_alive(), timeout)

    def _wait_until(self, condition: Callable[[], bool], timeout: float | None) -> None:
        if not condition() and self._can_wait():
            with self._backend.changed:
                self._backend.changed.wait_for(condition, timeout)

    def terminate(self) -> None:
        """Send SIGTERM to it and to what its task has started; another worker takes its place."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to it and to what its task has started; another worker takes its place."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.pid is not None and not self._gone:
            self._backend.signal(self._link, number)

    def __repr__(self) -> str:
        state = "started" if self.is_alive() else f"stopped exitcode={self.exitcode}"
        return f"<Worker name={self.name!r} pid={self._link.pid or None} {state} daemon>"
