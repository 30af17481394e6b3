"""Waiting for a condition, in place of a sleep that is too short on one machine and too long on another."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 0.002  # seconds; doubles up to LONGEST_STEP, so that a short wait is short and a long one costs nothing
LONGEST_STEP = 0.05


def poll(condition: Callable[[], object], timeout: float) -> bool:
    """Ask until the condition is true or the time is over; tell which.

    Args:
        condition: Asked at once, then again and again.
        timeout: Seconds.
    """
    end = time.monotonic() + timeout
    step = STEP
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(step)
        step = min(step * 2, LONGEST_STEP)
    return True


def wait_until(condition: Callable[[], object], timeout: float = 10.0, message: str = "") -> None:
    """Return as soon as the condition is true.

    Args:
        condition: Asked again and again.
        timeout: Seconds.
        message: What was waited for.

    Raises:
        AssertionError: It did not become true in time.
    """
    if not poll(condition, timeout):
        raise AssertionError(f"not so within {timeout} s: {message or getattr(condition, '__name__', condition)}")
