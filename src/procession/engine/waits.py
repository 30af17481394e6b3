"""Waiting for outcomes: how long, and what ends it.

Knows: what locks take.
Must not know: what is waited for.
"""

from __future__ import annotations

import threading

VAIN = "a callback, or a task in a thread, must not wait for its own pool: the outcome might never come"


def lock_timeout(timeout: float | None) -> float:
    """Say how long a lock is waited for: as `timeout` in seconds says, within what locks take; None: for ever."""
    return -1 if timeout is None else max(0.0, min(timeout, threading.TIMEOUT_MAX))


class NothingYet(Exception):
    """Nothing came in time."""
