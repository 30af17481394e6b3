"""Limits felt inside of a worker: since when an item runs, and the soft limit that is raised in it.

Knows: the worker's slot of the counter, one signal.
Must not know: who keeps the limits. The parent reads since when an item runs, and writes which one shall feel its.

How it works: the parent cannot know whether an item has ended between its look and the signal. So it names the item in
the slot before it sends the signal, and the handler raises only in that one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from time import monotonic_ns

from procession.model.light import Any
from procession.model.stops import SoftTimeLimitExceeded
from procession.wire.counter import BATCH, POSITION, SOFT_BATCH, SOFT_NS, SOFT_POSITION, STARTED
from procession.worker.current import Current
from procession.worker.steps import Step

SIGNAL = signal.SIGRTMAX - 7  # beside that which asks for stacks (worker/stacks.py)


class Limits:
    """What limited items need.

    Args:
        counter: The worker's slot.
        current: What says which item runs.
    """

    def __init__(self, counter: memoryview, current: Current) -> None:
        self._counter = counter
        self._current = current
        self._running = False  # an item's own code runs
        signal.signal(SIGNAL, self._struck)

    def begin(self) -> None:
        """Note that an item begins now; what comes before the first one of a batch is a part of it."""
        self._counter[STARTED] = monotonic_ns()

    def guarded(self, step: Step) -> Step:
        """Make a step for one item whose soft limit is felt in it and nowhere else."""

        def run(
            position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
        ) -> None:
            place = len(out)
            self._running = True
            try:
                step(position, items, function, counter, out)
                self._running = False
            except SoftTimeLimitExceeded:
                if len(out) == place:
                    raise
            finally:  # struck behind the item's last step, it has ended all the same
                self._running = False

        return run

    def _struck(self, number: int, frame: Any) -> None:
        counter = self._counter
        meant = counter[SOFT_BATCH] == counter[BATCH] and counter[SOFT_POSITION] == counter[POSITION]
        if meant and self._running:
            self._running = False  # once
            raise SoftTimeLimitExceeded(index=self._current.item, limit=counter[SOFT_NS] / 1e9)
