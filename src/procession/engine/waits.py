"""Waiting for outcomes: how long, and what ends it.

Knows: what locks take, and that signals are seen by a thread that is awake.
Must not know: what is waited for.

Python runs its handlers in the main thread, between two steps. A signal that strikes after the last step and before
the system has put the thread to sleep is seen when something else wakes it: Ctrl-C would do nothing until the outcome
is there. So the main thread never sleeps for longer than a nap; nor does who reads a channel (`wire/channel.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from procession.model.light import Any
from procession.wire.patience import NAP

VAIN = "a callback, or a task in a thread, must not wait for its own pool: the outcome might never come"


def lock_timeout(timeout: float | None) -> float:
    """Say how long a lock is waited for: as `timeout` in seconds says, within what locks take; None: for ever."""
    return -1 if timeout is None else max(0.0, min(timeout, threading.TIMEOUT_MAX))


def acquire(lock: Any, timeout: float | None) -> bool:
    """Acquire a lock, within `timeout` seconds (None: for ever); tell whether that came true."""
    return _in_naps(lambda seconds: lock.acquire(timeout=lock_timeout(seconds)), timeout)


def join(thread: threading.Thread, timeout: float | None) -> None:
    """Wait until a thread has ended, or for `timeout` seconds."""

    def ended(seconds: float | None) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    _in_naps(ended, timeout)


def _in_naps(wait: Callable[[float | None], bool], timeout: float | None) -> bool:
    if threading.current_thread() is not threading.main_thread():
        return wait(timeout)
    until = None if timeout is None else monotonic() + timeout
    while not wait(NAP if until is None else min(NAP, max(0.0, until - monotonic()))):
        if until is not None and monotonic() >= until:
            return False
    return True


class NothingYet(Exception):
    """Nothing came in time."""
