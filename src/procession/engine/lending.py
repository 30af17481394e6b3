"""Lending: a caller that waits for one outcome reads its worker's channel itself.

Knows: the loop, one link, when to stop.
Must not know: what the outcome is.

A round trip then wakes the worker and the caller and nobody else; by the engine's thread it would wake a third.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from time import monotonic

from procession.backends.link import Link
from procession.engine.loop import Loop


def read_lent(loop: Loop, link: Link, done: Callable[[], bool], until: float | None) -> None:
    """Hear one worker until `done`, until a time, or until its channel ends; then give the channel back.

    Args:
        link: What `Loop.borrow` lent to this thread.
        until: Monotonic seconds, or None.
    """
    poll = select.poll()
    me = threading.get_ident()
    try:
        if until is not None:
            poll.register(link.channel.fileno(), select.POLLIN)
        while not done() and not link.closed:
            if until is not None and not poll.poll(max(0.0, (until - monotonic()) * 1000)):
                if monotonic() >= until:
                    return
                continue
            loop.callback_threads.add(me)  # what is rebuilt here must not wait for this pool
            loop.hear(loop.backend.hear(link, wait=until is None))
            loop.callback_threads.discard(me)
    finally:
        loop.callback_threads.discard(me)
        with loop.lock:
            loop.give_back(link)
