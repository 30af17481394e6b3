"""A pool inside a worker of another pool: how many workers share this machine already.

Knows: one number.
Must not know: pools.
"""

from __future__ import annotations

_outer = 1


def set_outer_workers(count: int) -> None:
    """Note, in a worker, how many workers its pool has (times those of the pools around it)."""
    global _outer
    _outer = count


def outer_workers() -> int:
    """How many workers share the CPUs with this process; 1 outside of any pool."""
    return _outer
