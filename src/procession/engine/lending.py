"""Lending: a caller that waits for one outcome reads its worker's channel itself.

Knows: the loop, one channel, when to stop.
Must not know: what the outcome is.

A round trip then wakes the worker and the caller and nobody else; by the engine's thread it would wake a third.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from time import monotonic

from procession.engine.loop import Loop
from procession.engine.singles import Loan
from procession.wire.patience import NAP


def read_lent(loop: Loop, loan: Loan, done: Callable[[], bool], until: float | None) -> None:
    """Hear one worker until `done`, until a time, or until its channel ends.

    Args:
        loan: What `Loop.borrow` lent to this thread.
        until: Monotonic seconds, or None.
    """
    link = loan.link
    if link is None:
        return
    poll = select.poll()
    me = threading.get_ident()
    try:
        if until is not None:
            poll.register(link.fileno(), select.POLLIN)
        while not done() and not link.closed:
            if until is not None and not poll.poll(1000 * min(max(0.0, until - monotonic()), NAP)):
                if monotonic() >= until:
                    return
                continue
            loop.follow.threads.add(me)  # what is rebuilt here must not wait for this pool
            loop.hear(loop.backend.hear(link, wait=until is None))
            loop.follow.threads.discard(me)
    finally:
        loop.follow.threads.discard(me)


class Returned:
    """At the end of a `with`, what was lent is given back; also where Ctrl-C struck before it was read."""

    def __init__(self, loop: Loop, loan: Loan) -> None:
        self._loop = loop
        self._loan = loan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        try:
            self._give_back()
        finally:
            self._give_back()  # Ctrl-C may have broken off the first

    def _give_back(self) -> None:
        if self._loan.link is not None:
            with self._loop.lock:
                self._loan.give_back(self._loop.backend, self._loop.sent)
