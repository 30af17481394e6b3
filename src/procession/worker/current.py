"""What a task may ask of its worker: its state, its number, which item runs.

Knows: the slot of the counter, where the running batch begins.
Must not know: functions, channels.

How it works: `worker.item` costs an item nothing: the counter says where in the batch it stands, and the batch said
where it begins.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace

from procession.model.light import Any
from procession.wire.counter import BATCH, POSITION
from procession.worker import seeds


class State:
    """What a worker keeps from one item to the next: whatever attributes its tasks and `worker_init` set.

    One object for all workers, so that it may be imported by name; each worker finds its own attributes in it.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return vars(get().space)[name]
        except KeyError:
            raise AttributeError(f"worker.state has no {name!r} in this worker; set it in worker_init=") from None

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(get().space, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(get().space, name)

    def __dir__(self) -> list[str]:
        return sorted(vars(get().space))

    def __repr__(self) -> str:
        return f"<worker.state {vars(get().space)!r}>"

    def __reduce__(self) -> Any:
        return _the_state, ()


STATE = State()


def _the_state() -> State:
    return STATE


class Current:
    """What is so in one worker, or in a process or thread that is none.

    Args:
        number: The worker's, from 0; None outside of workers.
        counter: Its slot of the shared counter; None where nothing is counted.
        seed: The pool's, or None.
    """

    def __init__(
        self, number: int | None = None, counter: Sequence[int] | None = None, seed: int | None = None
    ) -> None:
        self.space = SimpleNamespace()
        self.id = number
        self.over = False  # the worker has ended: no thread is told this any more
        self._counter = counter
        self._seed = seed
        self._call = 0
        self._start = 0

    def begin_batch(self, call: int, start: int) -> None:
        """Note to which call a batch belongs, and the index of its first item."""
        self._call = call
        self._start = start

    @property
    def item(self) -> int | None:
        """The index of the running item in its call's input; None while none runs."""
        counter = self._counter
        if counter is None:
            return None
        try:
            position = counter[POSITION]
            return self._start + position if counter[BATCH] and position >= 0 else None
        except ValueError:  # the child of a task has no counter
            return None

    @property
    def seed(self) -> int | None:
        """What the running item's random numbers begin with; None without `seed=`, and while no item runs."""
        item = self.item
        return None if item is None or self._seed is None else seeds.derive(self._seed, self._call, item)

    def rng(self) -> Any:
        """Make a generator of numpy's: the running item's own where there is a seed, else a fresh one."""
        import numpy

        return numpy.random.default_rng(self.seed)


_process = Current()
_of_thread = threading.local()


def enter(current: Current) -> None:
    """Let this be what the whole process is told."""
    global _process
    _process = current
    _of_thread.current = None  # a worker that an item of a serial pool forked: that item is not its own


def enter_thread(current: Current | None) -> Current | None:
    """Let this be what this thread alone is told (None: what the process is told); give what it was told before."""
    before: Current | None = getattr(_of_thread, "current", None)
    _of_thread.current = current
    return before


def get() -> Current:
    """What holds here."""
    current: Current | None = getattr(_of_thread, "current", None)
    return _process if current is None or current.over else current
