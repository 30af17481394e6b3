"""Care: what a worker does around its items, as the pool's maker chose.

Knows: the first and the last words of a worker, seeds, threads, captured output, log records: when each is due.
Must not know: batches, and how anything travels.

How it works: where nothing is to be done for each item, items run in the loop's own steps and cost nothing more. Where
a seed is set or output is captured, `step` runs them one by one, with what is due before and after each.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

from procession.model.light import TYPE_CHECKING, Any
from procession.wire.counter import POSITION
from procession.worker import current, hooks, inherited, seeds, threads
from procession.worker.steps import Step

if TYPE_CHECKING:
    from procession.wire.channel import WorkerChannel
    from procession.worker.limits import Limits
    from procession.worker.output import Capture
    from procession.worker.records import Records
    from procession.worker.weight import Weight


class Care:
    """What is done in one worker.

    Args:
        counter: Its slot.
        channel: Where log records go.
        name: The name of its process.
    """

    def __init__(self, counter: memoryview, channel: WorkerChannel, name: str) -> None:
        self._counter = counter
        self._channel = channel
        self._name = name
        self._home = os.getpid()
        self._exit: Callable[[], object] | None = None
        self._seed: int | None = None
        self._capture: Capture | None = None
        self._wants_texts = False
        self._texts: dict[int, tuple[str, str]] = {}
        self.current = current.get()
        self.records: Records | None = None  # where `logging` is loaded
        self.weight: Weight | None = None  # where it is limited
        self._limits: Limits | None = None  # where items were limited
        self._limited = False

    def begin(self, number: int, chosen: dict[str, Any]) -> None:
        """Do what is due before the initializer.

        Args:
            number: The worker's.
            chosen: What `model/settings.py` calls its living, and what the parent has found out for it.
        """
        seed = self._seed = chosen["seed"]
        self.current = current.Current(number, self._counter, seed)
        current.enter(self.current)
        threads.settle(chosen["threads"])
        if chosen["max_rss"] is not None:
            from procession.worker.weight import Weight

            self.weight = Weight(chosen["max_rss"])
        if chosen["tracker"] is not None:
            inherited.share_tracker(chosen["tracker"])
        if seed is None:
            seeds.part_from_siblings()
        elif seeds.NUMPY_RANDOM not in sys.modules:
            hooks.when_loaded(seeds.NUMPY_RANDOM, self._plant_late)
        if chosen["capture_output"]:
            from procession.worker.output import Capture

            self._capture = Capture()
        if chosen["logging"]:
            self._levels = chosen["levels"]
            if "logging" in sys.modules:
                self._listen(None)
            else:
                hooks.when_loaded("logging", self._listen)

    def run_first(self, first: tuple[Any, tuple[Any, ...], Any, Any]) -> None:
        """Run the initializer and `worker_init`; keep `worker_exit`."""
        initializer, initargs, worker_init, worker_exit = first
        if initializer is not None:
            initializer(*initargs)
        if worker_init is not None:
            worker_init()
        if worker_exit is not None:
            self._exit = worker_exit
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, self._terminated)

    def end(self) -> None:
        """Do what is due at the end: once, whatever it raises."""
        run, self._exit = self._exit, None
        if run is None or os.getpid() != self._home:
            return
        try:
            run()
        except BaseException:
            import traceback

            print("procession: worker_exit= failed:", file=sys.stderr)
            traceback.print_exc()
        if self.records is not None:
            self.records.flush()

    def _terminated(self, number: int, frame: Any) -> None:
        """SIGTERM: the pool is terminated. What runs is broken off; the parent waits half a second for our end."""
        signal.signal(number, signal.SIG_DFL)
        self.end()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError, RuntimeError):
                pass  # closed, or we have broken off its own writing
        os.kill(os.getpid(), number)

    # For each item.

    def step_for(self, timed: bool, limited: bool) -> Callable[..., None] | None:
        """Give what runs the items of a batch that begins now; None: the loop's own."""
        self._wants_texts = timed and self._capture is not None
        self._limited = limited
        if limited:
            if self._limits is None:
                from procession.worker.limits import Limits

                self._limits = Limits(self._counter, self.current)
            self._limits.begin()
        return self._step if limited or self._seed is not None or self._wants_texts else None

    def _step(self, step: Step, position: int, items: Iterator[Any], function: Any, values: list[Any]) -> None:
        """Run a step, or the part of it up to the first error."""
        counter, seed = self._counter, self._seed
        limits = self._limits if self._limited else None
        if limits is not None:
            step = limits.guarded(step)
        for item in items:
            if limits is not None:
                limits.begin()  # before the position: a look in between finds the last item too young, not this one old
            counter[POSITION] = position  # from here on it is this item's fault
            if seed is not None:
                self._plant()
            if self._wants_texts:
                self._run_captured(step, position, iter((item,)), function, values)
            else:
                step(position, iter((item,)), function, counter, values)
            position += 1

    def _run_captured(self, step: Step, position: int, items: Iterator[Any], function: Any, values: list[Any]) -> None:
        capture, place = self._capture, len(values)
        assert capture is not None
        capture.begin()
        try:
            step(position, items, function, self._counter, values)
        finally:
            if os.getpid() == self._home:
                self._texts[place] = capture.end()

    def _plant(self) -> None:
        seed = self.current.seed
        if seed is not None:
            seeds.plant(seed)

    def _plant_late(self, module: Any) -> None:
        """A task has loaded numpy: its item's stream begins here."""
        seed = self.current.seed
        if seed is not None:
            seeds.plant_numpy(seed)

    def take_texts(self) -> dict[int, tuple[str, str]] | None:
        """Give what was captured since this was asked last, by the places of the values; None: nothing is captured."""
        if not self._wants_texts:
            return None
        texts, self._texts = self._texts, {}
        return texts

    # Log records.

    def _listen(self, module: Any) -> None:
        """`logging` is loaded: what is logged from now on goes to the parent."""
        from procession.worker.records import Records

        self.records = Records(self._channel, self._name)
        self.records.install(self._levels)

    def forked(self) -> None:
        """In the child of a task: speak no more to the parent."""
        if self.records is not None:
            self.records.uninstall()
            self.records = None
