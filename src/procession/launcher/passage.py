"""How locks, queues, pipes and shared values of `multiprocessing` get to workers, beside what runs first there.

Knows: what `multiprocessing` asks of whoever starts a process, while it pickles what goes there.
Must not know: workers.
"""

from __future__ import annotations

import os
import sys

from procession.model.light import Any, Self
from procession.worker.inherited import Descriptor

MOST = 200  # descriptors of one pool's `initargs`; the kernel passes 253 at once, and a worker needs some itself


class Passage:
    """Stands where `multiprocessing` expects its `Popen`, and keeps the descriptors that must travel along.

    Inside of `with`, objects that go to a process at its birth only may be pickled in this thread.
    """

    def __init__(self) -> None:
        self.descriptors: list[int] = []  # ours: copies, so that none is closed and used for something else
        self._places: dict[int, int] = {}
        self._before: Any = None

    def __enter__(self) -> Self:
        context: Any = sys.modules.get("multiprocessing.context")  # not loaded: there are no such objects
        if context is not None:
            self._before = context.get_spawning_popen()
            context.set_spawning_popen(self)
        return self

    def __exit__(self, *exception: object) -> None:
        context: Any = sys.modules.get("multiprocessing.context")
        if context is not None:
            context.set_spawning_popen(self._before)
        self._places.clear()  # the numbers may belong to others from now on

    def tracker(self) -> int | None:
        """Give the place of the descriptor of `multiprocessing`'s resource tracker; None: there is no need of it.

        Where this program may share blocks of memory, workers must not have trackers of their own (`share_tracker`).
        """
        if "multiprocessing.shared_memory" not in sys.modules:
            return None
        from multiprocessing import resource_tracker

        descriptor = resource_tracker._resource_tracker.getfd()  # starts it
        return None if descriptor is None else self.duplicate_for_child(descriptor)

    def duplicate_for_child(self, descriptor: int) -> int:
        """Note a descriptor that every worker needs; return its place.

        Raises:
            ValueError: They are too many.
            OSError: It is closed.
        """
        if descriptor not in self._places:
            if len(self.descriptors) >= MOST:
                raise ValueError(f"initargs hold more than {MOST} pipes, queues or shared values: pass fewer")
            self.descriptors.append(os.dup(descriptor))
            self._places[descriptor] = len(self.descriptors) - 1
        return self._places[descriptor]

    def DupFd(self, place: int) -> Descriptor:  # the standard library's name
        """Give what stands for it in the pickle."""
        return Descriptor(place)

    def close(self) -> None:
        """Give the descriptors back."""
        while self.descriptors:
            os.close(self.descriptors.pop())
