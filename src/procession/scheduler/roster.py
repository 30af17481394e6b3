"""The roster: the workers of a pool, sorted by what they could be given.

Knows: which workers exist, which have nothing, which have one batch, which get nothing more; how many may be at work.
Must not know: calls.

A pool may have hundreds of workers and an event concerns one of them, so nothing here is found by looking at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from procession.scheduler.states import Batch, Worker

NO_LIMIT = 1 << 62
DEPTH = 2  # batches in a worker's hands: one runs, one waits, so that it never waits for a round trip


class Roster:
    """Workers by number, and by the room that they have."""

    def __init__(self) -> None:
        self._all: dict[int, Worker] = {}
        self._next = 0
        self._ready = 0
        self._vacant: list[int] = []  # places of those who left; with those of who stays they are all from 0 on
        self.wanted = 0  # how many may be at work at once
        self.admitted = NO_LIMIT  # for how many of them there is memory
        self.resting = 0  # how many of those have no work (any more, or yet), and come with it
        self.idle: dict[int, Worker] = {}  # ready, with nothing to do
        self.roomy: dict[int, Worker] = {}  # ready, with one batch
        self.leaving: dict[int, Worker] = {}  # those that get nothing more
        self.done: dict[int, Worker] = {}  # leaving, with nothing to do

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, number: int) -> Worker | None:
        """The worker of this number, if there is one."""
        return self._all.get(number)

    def add(self) -> Worker:
        """Note a worker that is being started."""
        place = heappop(self._vacant) if self._vacant else len(self._all) - len(self.leaving)
        worker = self._all[self._next] = Worker(self._next, place)
        self._next += 1
        return worker

    def remove(self, number: int) -> Worker | None:
        """Forget a worker."""
        for group in (self.idle, self.roomy, self.leaving, self.done):
            group.pop(number, None)
        worker = self._all.pop(number, None)
        if worker is not None and worker.ready:
            self._ready -= 1
        if worker is not None and not worker.leaving:
            heappush(self._vacant, worker.place)
        return worker

    def join(self, worker: Worker, now: float) -> None:
        """Note that a worker is ready."""
        worker.ready = True
        worker.progress = now
        self._ready += 1
        self.place(worker)

    def leave(self, worker: Worker, leaving: bool = True) -> None:
        """Note that a worker gets nothing more; or, all the same, that it stays."""
        if leaving and not worker.leaving:
            heappush(self._vacant, worker.place)  # its successor may begin before it has ended
        elif worker.leaving and not leaving and worker.place in self._vacant:
            self._vacant.remove(worker.place)
            heapify(self._vacant)
        worker.leaving = leaving
        self.leaving.pop(worker.number, None)
        self.done.pop(worker.number, None)
        if leaving:
            self.leaving[worker.number] = worker
        self.place(worker)

    @property
    def staying(self) -> int:
        """How many workers there are, or will be, beside those that get nothing more."""
        return len(self._all) - len(self.leaving)

    @property
    def unborn(self) -> int:
        """How many of those that stay are not ready yet."""
        return sum(not worker.ready for worker in self._all.values() if not worker.leaving)

    @property
    def free(self) -> int:
        """How many idle workers may be given something: successors wait until those who leave have ended their last."""
        # As nearly always; `steady`, for speed.
        if not self.leaving and len(self._all) == self.wanted and self.admitted == NO_LIMIT:
            return len(self.idle)
        return max(0, min(len(self.idle), self.most - self.busy))

    @property
    def most(self) -> int:
        """How many may be at work at once."""
        return min(self.wanted, self.admitted)

    @property
    def crowded(self) -> bool:
        """True if more are at work than there is memory for: none of them gets anything."""
        return self.admitted != NO_LIMIT and self.busy > self.admitted

    @property
    def steady(self) -> bool:
        """True if there are as many workers as are wanted, and nobody leaves."""
        return not self.leaving and len(self._all) == self.wanted

    @property
    def busy(self) -> int:
        """How many workers have something to do."""
        return self._ready - len(self.idle) - len(self.done)

    @property
    def places(self) -> int:
        """Batches that could be handed out now."""
        return DEPTH * self.free + len(self.roomy)

    def place(self, worker: Worker) -> None:
        """Sort a worker anew, after something about it has changed."""
        number = worker.number
        self.idle.pop(number, None)
        self.roomy.pop(number, None)
        if worker.ready and not worker.batches:
            (self.done if worker.leaving else self.idle)[number] = worker
        elif worker.ready and not worker.leaving and len(worker.batches) < DEPTH:
            self.roomy[number] = worker

    def give(self, worker: Worker, batch: Batch) -> None:
        """Put a batch into a worker's hands."""
        worker.batches.append(batch)
        worker.owed += batch.left
        worker.squeezed = False
        self.place(worker)

    def finish(self, worker: Worker, batch: Batch, count: int) -> None:
        """Note that the next `count` items of a batch have ended."""
        batch.done += count
        worker.owed -= count
        self._drop_if_done(worker, batch)

    def shorten(self, worker: Worker, batch: Batch, stop: int) -> None:
        """Take the items from `stop` on off a batch."""
        worker.owed -= batch.stop - stop
        batch.stop = stop
        self._drop_if_done(worker, batch)

    def _drop_if_done(self, worker: Worker, batch: Batch) -> None:
        if not batch.left:
            worker.batches.remove(batch)
            self.place(worker)
