"""What a worker gets at its birth only: objects of the parent's memory, and descriptors of what is shared.

Knows: who stored what under which number.
Must not know: what it is for.

How it works: a worker that is forked from a snapshot has the parent's objects already, so they need no pickle: any
object is welcome, as under fork. Other workers get descriptors beside their channel, and a pickle that refers to them:
so locks, queues and shared values of `multiprocessing`, which go to a process at its birth only, go to each worker.
"""

from __future__ import annotations

import os
import sys
from itertools import count

from procession.model.light import Any
from procession.worker import hooks

TRACKER = "multiprocessing.resource_tracker"
_objects: dict[int, Any] = {}
_numbers = count()  # goes on in a forked child, which may have snapshots of its own
_descriptors: list[int] = []


def store(value: Any) -> int:
    """Keep an object for the processes that are forked from now on; return its number."""
    number = next(_numbers)
    _objects[number] = value
    return number


def forget(number: int) -> None:
    """Let an object go; the processes that were forked meanwhile have it."""
    _objects.pop(number, None)


def stored(number: int) -> Any:
    """Give the object that was kept, in a process that was forked meanwhile."""
    return _objects[number]


class Stored:
    """Stands in a pickle for an object that was kept.

    Args:
        number: The object's.
    """

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        return stored, (self.number,)


class Descriptor:
    """Stands in a pickle for a descriptor of the parent's, where `multiprocessing` wants a `DupFd`.

    Args:
        place: Its place among those that the worker is given.
    """

    def __init__(self, place: int) -> None:
        self.place = place

    def detach(self) -> int:
        """Give the descriptor to its owner, in the worker; each owner gets one."""
        return os.dup(_descriptors[self.place])


def receive(descriptors: list[int]) -> None:
    """Keep the descriptors that this worker was given, until `close`."""
    _descriptors[:] = descriptors


def share_tracker(place: int) -> None:
    """Let blocks of shared memory be tracked by the parent's tracker: one of our own would remove them at our end."""
    descriptor = os.dup(_descriptors[place])

    def share(module: Any) -> None:
        module._resource_tracker._fd = descriptor

    module = sys.modules.get(TRACKER)
    if module is None:
        hooks.when_loaded(TRACKER, share)
    else:
        share(module)


def close() -> None:
    """All owners have theirs."""
    while _descriptors:
        os.close(_descriptors.pop())
