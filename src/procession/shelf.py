"""A pool kept warm between two calls that each want one to themselves.

Knows: which kind of pool is kept.
Must not know: what the calls are; when idle workers end (the pool's `idle_timeout`).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from procession.pool import Pool
from procession.worker import look

Kept = tuple[Mapping[str, Any], Pool]
SURROUNDINGS = ("directory", "environment", "path")  # what workers that are made now would see, and older ones may not


class Shelf:
    """The pool that the last call has left behind, until another call takes it."""

    def __init__(self) -> None:
        self._begin()
        _shelves.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._kept: Kept | None = None

    def take(self, kind: Mapping[str, Any]) -> Pool | None:
        """Give the pool that is kept, if it is of this kind; else it ends."""
        kept = self._exchange(None)
        if kept is None or _same(kept[0], kind):
            return kept and kept[1]
        kept[1].terminate()
        return None

    def keep(self, kind: Mapping[str, Any], pool: Pool) -> None:
        """Keep a pool that has nothing to do, in place of the one that is there."""
        old = self._exchange((kind, pool))
        if old is not None:
            old[1].terminate()

    def clear(self) -> None:
        """End the pool that is kept."""
        kept = self._exchange(None)
        if kept is not None:
            kept[1].terminate()

    def _exchange(self, new: Kept | None) -> Kept | None:
        with self._lock:
            old, self._kept = self._kept, new
        return old


def kind_of_pool(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name all that makes one pool unlike another: its options, and what its workers see of this process."""
    now = look.take(None)
    return {**options, **{name: now[name] for name in SURROUNDINGS}}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Compare two kinds; of users' values only the same object counts, for `==` of arrays says something else."""
    plain = (bool, int, float, str, list, dict, type(None))
    return one.keys() == other.keys() and all(
        value is other[name] or (isinstance(value, plain) and isinstance(other[name], plain) and value == other[name])
        for name, value in one.items()
    )


_shelves: weakref.WeakSet[Shelf] = weakref.WeakSet()


def _forget() -> None:
    """In a forked child: the pools are the parent's, and a lock may be held for ever."""
    for shelf in list(_shelves):
        shelf._begin()


os.register_at_fork(after_in_child=_forget)
