"""Dispatch: which worker gets what now, what is taken back, how far inputs may be read.

Knows: the calls with waiting items, in turn; the workers and what they owe.
Must not know: how events change the state. It only hands out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from procession.scheduler import actions
from procession.scheduler.states import Batch, Call, Worker

DEPTH = 2  # batches in a worker's hands: one runs, one waits, so that it never waits for a round trip
TAKE_BACK_SECONDS = 0.0003  # waiting work that is worth two messages
OVERDUE_SECONDS = 0.002  # a worker that has not reported for so long runs a longer item than was expected
AHEAD = 2  # batches read ahead for each worker, beside those that are sent


class Dispatch:
    """Hands waiting items to workers, fairly among calls; keeps the time of the next look."""

    def __init__(self, calls: dict[int, Call], workers: dict[int, Worker], quota: int | None) -> None:
        self._calls = calls
        self._workers = workers
        self._quota = quota
        self._turn: deque[Call] = deque()  # calls that have waiting items, each once
        self._next_batch = 1
        self.deadline: float | None = None

    def enter(self, call: Call) -> None:
        """Note that a call has items to hand out."""
        if not call.queued and call.waiting:
            call.queued = True
            self._turn.append(call)

    def hand_out(self, now: float) -> list[actions.Action]:
        """Send all that can be sent now, take back what would wait for long, ask for more input."""
        out: list[actions.Action] = []
        self.deadline = None
        while self._turn:
            call = self._turn[0]
            if call.number not in self._calls or not call.waiting:
                self._turn.popleft().queued = False
                continue
            worker = self._free_worker(call)
            if worker is None:
                break
            out.append(self._send(call, worker, now))
            self._turn.rotate(-1)
        if not self._turn:
            out += self._take_back(now)
        out += self._read()
        return out

    def _free_worker(self, call: Call) -> Worker | None:
        """The worker that owes least among those that may be given another batch."""
        depth = DEPTH if call.pace.prefetch and not call.alone else 1  # a suspect has a worker for itself
        best: Worker | None = None
        for worker in self._workers.values():
            owed = len(worker.batches)
            if worker.ready and owed < depth and not self.spent(worker) and not (owed and worker.batches[-1].suspect):
                if not owed:
                    return worker
                if best is None or owed < len(best.batches):
                    best = worker
        return best

    def spent(self, worker: Worker) -> bool:
        """True if a worker has got all that its quota allows."""
        return self._quota is not None and worker.used >= self._quota

    def _send(self, call: Call, worker: Worker, now: float) -> actions.Send:
        size = self._size(call, worker)
        suspect = bool(call.alone)
        start, stop = call.take(size)
        chosen = call.options.chunksize is not None
        group = stop - start
        if not chosen:
            group = min(group, call.pace.group_size() if call.options.alike else 1)
        batch = Batch(self._next_batch, call.number, start, stop, group, chosen, suspect)
        self._next_batch += 1
        if not worker.batches:
            worker.progress = now
        claimed = not worker.batches and group == stop - start
        worker.batches.append(batch)
        worker.used += 1 if chosen else stop - start
        worker.squeezed = False
        return actions.Send(worker.number, batch.number, call.number, start, stop, 0 if claimed else group)

    def _size(self, call: Call, worker: Worker) -> int:
        if call.alone:
            return 1
        if call.options.chunksize is not None:
            return call.options.chunksize
        there = [worker for worker in self._workers.values() if worker.ready]
        idle = sum(not worker.batches for worker in there)
        places = sum(DEPTH - len(worker.batches) for worker in there)
        size = call.pace.next_size(call.waiting, idle, places, call.options.lazy)
        if self._quota is not None:
            size = max(1, min(size, self._quota - worker.used))
        return size

    def _take_back(self, now: float) -> Iterable[actions.Action]:
        """With nothing left to hand out, relieve the worker that would keep an idle one waiting longest."""
        if not any(worker.idle for worker in self._workers.values()):
            return ()
        worst: Worker | None = None
        longest = TAKE_BACK_SECONDS
        for worker in self._workers.values():
            if worker.squeezed or worker.owed < 2:
                continue
            due = worker.progress + OVERDUE_SECONDS
            if now >= due:
                worst = worker
                break
            expected = self._expected(worker)
            if expected >= longest:
                worst, longest = worker, expected
            self.deadline = due if self.deadline is None else min(self.deadline, due)
        return () if worst is None else (self.relieve(worst),)

    @staticmethod
    def relieve(worker: Worker) -> actions.TakeBack:
        """Take back all that a worker has not claimed: nothing is left to be taken until it is sent more."""
        worker.squeezed = True
        return actions.TakeBack(worker.number)

    def _expected(self, worker: Worker) -> float:
        """How long the items behind the running one would wait, in seconds."""
        total = 0.0
        for batch in worker.batches:
            call = self._calls.get(batch.call)
            if call is not None:
                total += batch.left * call.pace.item_seconds
        first = self._calls.get(worker.batches[0].call)
        return total - (first.pace.item_seconds if first else 0.0)

    def _read(self) -> list[actions.Action]:
        """Let lazy calls read on as far as a few batches more than their caller has taken."""
        out: list[actions.Action] = []
        for call in self._calls.values():
            if not call.options.lazy or call.length is not None:
                continue
            workers = len(self._workers)
            ahead = (DEPTH + AHEAD) * workers * self._usual_size(call)
            limit = call.consumed + ahead
            hungry = call.waiting == 0 and any(worker.idle for worker in self._workers.values())
            if limit - call.limit >= max(1, ahead // 4) or (hungry and limit > call.limit):
                call.limit = limit
                out.append(actions.Read(call.number, limit, hungry))
            elif hungry and call.fed < call.limit:
                out.append(actions.Read(call.number, call.limit, hungry))
        return out

    @staticmethod
    def _usual_size(call: Call) -> int:
        return call.options.chunksize or call.pace.usual_size
