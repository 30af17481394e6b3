"""The engine of a pool whose memory is limited: it looks at its workers while they run something.

Knows: the loop, what workers hold and what is available, the bounds that the pool's maker chose.
Must not know: where all that is read; who replaces a worker, and who is held back.

How it works: a worker tells by itself that it has outgrown `max_rss=` (`worker/weight.py`): the scheduler lets it get
nothing more. For the two others the engine's thread looks around, first as soon as something was sent and then after
a pause, until nothing runs any more; an idle pool is not looked at. The files are read without the lock.
"""

from __future__ import annotations

from functools import partial
from time import monotonic

from procession.backends import base
from procession.engine.engine import Engine
from procession.engine.loop import Loop
from procession.launcher import host, memory
from procession.launcher.start_methods import Method
from procession.model.amounts import Bounds
from procession.model.errors import MemoryLimitExceeded, ProcessionError
from procession.model.light import Any
from procession.model.settings import Settings
from procession.scheduler import actions, events
from procession.scheduler.admission import Admission

PAUSE_SECONDS = 0.05  # between two looks; in this time a process takes some 100 MB
COST = 20  # a pause is at least so many times as long as a look: it costs a twentieth of a core, however many they are

Running = dict[int, tuple[Any, "tuple[int, int] | None"]]  # by process: its link; batch and position of what it runs


class MemoryLoop(Loop):
    """A loop that looks around."""

    def guard(self, bounds: Bounds) -> None:
        """Keep to these bounds from now on; before the first call."""
        self._hard = bounds.hard
        self._sizes = memory.Sizes()
        self._available = memory.Available()
        self._admission = None if bounds.floor is None else Admission(bounds.floor)
        self._admitted = 1
        self._next_look: float | None = None
        self._exceeded: dict[int, int] = {}  # workers that were killed for what they held: bytes
        if self._admission is not None:
            self.scheduler.handle(events.Admitted(1), monotonic())
        if self._admission is not None or self._hard is not None:
            self.deadlines.append(lambda: self._next_look)

    def _send(self, action: actions.Send) -> None:
        super()._send(action)
        if self._next_look is None:
            self._look_now()

    def _look_now(self) -> None:
        self._next_look = monotonic()
        if self._asleep:
            self._watch.wake()

    def _hear(self, news: base.News) -> None:
        if isinstance(news, base.Outgrown):
            self.tell(events.Outgrown(news.worker))
        else:
            super()._hear(news)

    def _ended(self, news: base.Ended) -> None:
        if self._admission is not None and self._admission.ended():
            self._look_now()
        super()._ended(news)

    def charge(self, gone: base.Gone, index: int | None, item: str) -> ProcessionError:
        """Make the error of an item that ended with its worker."""
        held = self._exceeded.get(gone.worker)
        if held is None:
            return super().charge(gone, index, item)
        return MemoryLimitExceeded(index=index, item=item, pid=gone.pid, rss=held, limit=self._hard)

    def _lost(self, news: base.Gone) -> None:
        super()._lost(news)
        self._exceeded.pop(news.worker, None)

    # Looking around, in the engine's thread.

    def _turn(self) -> None:
        super()._turn()
        begun = monotonic()
        if self._next_look is None or begun < self._next_look:
            return
        with self.lock:
            busy = self.sent.workers()
            if not busy:  # no further look, until something is sent
                self._next_look = None
            links = [self.backend.links[number] for number in busy if self.backend.pid(number)]
            running = {link.pid: (link, self.backend.running(link)) for link in links}
        if not busy:
            self._rest()
            return
        available = self._available() if self._admission is not None else 0
        held = self._sizes.look(running)
        if self._hard is not None:
            self._enforce(self._hard, running, held)
        if self._admission is not None:
            # The lesser one: what an item gave back, or took, while it was looked around must not count as both.
            available = min(available, self._available())
            self._admit(self._admission.look(monotonic(), available, held.values()))
        now = monotonic()
        self._next_look = now + max(PAUSE_SECONDS, COST * (now - begun))

    def _rest(self) -> None:
        self._sizes.forget()
        if self._admission is not None:
            self._admission.rest(monotonic())
            self._admit(1)  # until it is looked again, which is with the first item

    def _enforce(self, limit: int, running: Running, held: dict[int, int]) -> None:
        for pid, (link, item) in running.items():
            if item is not None and held[pid] > limit and (exact := self._sizes.exact(pid)) > limit:
                self.do(partial(self._end, link, item, exact))

    def _end(self, link: Any, item: tuple[int, int], held: int) -> None:
        """Under the lock: end a worker that holds too much, if it runs what it ran when it was looked at."""
        number: int = link.number
        if self.backend.links.get(number) is link and self.backend.end(link, *item):
            self._exceeded[number] = held

    def _admit(self, items: int) -> None:
        if items != self._admitted:
            self._admitted = items
            self.do(lambda: self.tell(events.Admitted(items)) if self.broken is None else None)


class MemoryEngine(Engine):
    """Runs calls on workers whose memory is limited."""

    loop_kind = MemoryLoop
    _loop: MemoryLoop

    def __init__(self, method: Method, settings: Settings) -> None:
        assert settings.memory is not None
        self._bounds = settings.memory.bounds(host.memory())  # first: they may contradict each other
        super().__init__(method, settings)

    def _begin(self, settings: Settings) -> None:
        self._loop.guard(self._bounds)
        super()._begin(settings)
