"""Small functions for workers to run, in a module that costs a fresh worker nothing to import."""

from __future__ import annotations

import os
import time


def square(number: int) -> int:
    """Give the square of a number."""
    return number * number


def worker_pid(_: object = None) -> int:
    """Give the worker's process id."""
    return os.getpid()


def nursery_pid(_: object = None) -> int:
    """Give the process id of what the worker was forked from."""
    return os.getppid()


def nap(seconds: float) -> int:
    """Sleep; give the worker's process id."""
    time.sleep(seconds)
    return os.getpid()
