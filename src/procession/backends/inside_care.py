"""What a worker of this process does around its items, as the pool's maker chose.

Knows: its first and last words, its number and state, seeds, event loops for coroutines.
Must not know: batches of others, threads.
"""

from __future__ import annotations

import random
import sys

from procession.backends.base import Portion
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire.counter import BATCH, NOTHING, POSITION
from procession.worker import current, seeds
from procession.worker.coroutines import Coroutines


class Care:
    """What is done in one worker. Its thread calls all of this.

    Args:
        settings: What the pool's maker chose.
        number: What the worker calls itself, from 0.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings = settings
        # Threads would set each other's random numbers: `worker.rng()` and `worker.seed` must do there.
        self._plants = settings.seed is not None and settings.backend == "serial"
        self._counter = [0, NOTHING]  # as in wire/counter.py, but nobody else's
        self.current = current.Current(number, self._counter, settings.seed)
        self.coroutines = Coroutines()
        self._before: tuple[Any, Any] | None = None  # the state of random generators
        self._outside: current.Current | None = None

    def begin(self) -> None:
        """Run the initializer and `worker_init`."""
        self.enter()
        try:
            settings = self._settings
            if settings.initializer is not None:
                settings.initializer(*settings.initargs)
            if settings.worker_init is not None:
                settings.worker_init()
        finally:
            self.leave()

    def end(self) -> None:
        """Run `worker_exit`, and end what coroutines have left."""
        self.enter()
        try:
            if self._settings.worker_exit is not None:
                self._settings.worker_exit()
            self.coroutines.close()
        except BaseException:
            import traceback

            print("procession: worker_exit= failed:", file=sys.stderr)
            traceback.print_exc()
        finally:
            self.leave()

    def enter(self) -> None:
        """Let `procession.worker` tell of this worker, in this thread."""
        self._outside = current.enter_thread(self.current)

    def leave(self) -> None:
        """Let it tell again what it told before."""
        current.enter_thread(self._outside)

    # For each batch, and each item.

    def begin_batch(self, portion: Portion) -> None:
        """A batch begins."""
        self.enter()
        self.current.begin_batch(portion.call, portion.start)
        self._counter[BATCH] = portion.batch
        if self._plants:
            self._before = random.getstate(), _numpy_state()

    def at(self, position: int) -> None:
        """The item at this position begins."""
        self._counter[POSITION] = position
        if self._before is not None:
            seed = self.current.seed
            if seed is not None:
                seeds.plant(seed)

    def end_batch(self) -> None:
        """The batch has ended."""
        self._counter[:] = 0, NOTHING
        if self._before is not None:  # the random numbers of the caller go on as if nothing had been
            state, numpy_state = self._before
            self._before = None
            random.setstate(state)
            if numpy_state is not None:
                sys.modules[seeds.NUMPY_RANDOM].set_state(numpy_state)
        self.leave()

    @property
    def running(self) -> tuple[int, int] | None:
        """The batch and the position in it of the running item."""
        batch, position = self._counter
        return (batch, position) if batch and position >= 0 else None


def _numpy_state() -> Any:
    numpy_random: Any = sys.modules.get(seeds.NUMPY_RANDOM)
    return None if numpy_random is None else numpy_random.get_state()
