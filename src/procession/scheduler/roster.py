"""The roster: the workers of a pool, sorted by what they could be given.

Knows: which workers exist, which have nothing, which have one batch.
Must not know: calls.

A pool may have hundreds of workers and an event concerns one of them, so nothing here is found by looking at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from procession.scheduler.states import Batch, Worker

DEPTH = 2  # batches in a worker's hands: one runs, one waits, so that it never waits for a round trip


class Roster:
    """Workers by number, and by the room that they have."""

    def __init__(self) -> None:
        self._all: dict[int, Worker] = {}
        self._next = 0
        self.idle: dict[int, Worker] = {}  # ready, with nothing to do
        self.roomy: dict[int, Worker] = {}  # ready, with one batch

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, number: int) -> Worker | None:
        """The worker of this number, if there is one."""
        return self._all.get(number)

    def add(self) -> Worker:
        """Note a worker that is being started."""
        worker = self._all[self._next] = Worker(self._next)
        self._next += 1
        return worker

    def remove(self, number: int) -> Worker | None:
        """Forget a worker."""
        self.idle.pop(number, None)
        self.roomy.pop(number, None)
        return self._all.pop(number, None)

    @property
    def places(self) -> int:
        """Batches that could be handed out now."""
        return DEPTH * len(self.idle) + len(self.roomy)

    def place(self, worker: Worker) -> None:
        """Sort a worker anew, after something about it has changed."""
        number = worker.number
        self.idle.pop(number, None)
        self.roomy.pop(number, None)
        if worker.ready:
            if not worker.batches:
                self.idle[number] = worker
            elif len(worker.batches) < DEPTH:
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
