"""The functions that the workers run. They live in a module that every start method can import.

Knows: nothing of peers or of measuring.
"""

from __future__ import annotations

import os
import time
from typing import Any


def increment(number: int) -> int:
    """Return the next number: the trivial item, whose right result is easy to check."""
    return number + 1


def nap(seconds: float) -> float:
    """Sleep, and give back for how long. Sleeping needs no core, so the ideal time of a run is known."""
    time.sleep(seconds)
    return seconds


def tell_and_nap(path: str) -> int:
    """Write this worker's process id to `path` (whole or not at all), then stay busy for a minute."""
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
    time.sleep(60)
    return os.getpid()


def meet(folder: str) -> int:
    """Say in the pipe `here` that this worker has come, and wait for a byte from the pipe `go`.

    As many calls as there are workers can only all have come when each worker runs one of them.
    """
    with open(os.path.join(folder, "here"), "wb", buffering=0) as here:
        here.write(b"%d\n" % os.getpid())
    with open(os.path.join(folder, "go"), "rb", buffering=0) as go:
        go.read(1)
    return os.getpid()


def total(array: Any) -> float:
    """Add an array up."""
    return float(array.sum())


def ones(count: int) -> Any:
    """Make an array of ones."""
    import numpy

    return numpy.ones(count)


def identity(value: Any) -> Any:
    """Give back what came."""
    return value


def pick(table: Any, index: int) -> float:
    """Look up one number of a table."""
    return float(table[index])
