"""Dispatch: which worker gets what now, what is taken back, how far inputs may be read.

Knows: the calls with waiting items, in turn; the roster.
Must not know: how events change the state. It only hands out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from procession.scheduler import actions
from procession.scheduler.batching import BATCH_SECONDS, TOGETHER_SECONDS, UNLIKE_ITEMS, most_items
from procession.scheduler.roster import DEPTH, Roster
from procession.scheduler.states import Batch, Call, Worker

TAKE_BACK_SECONDS = 0.0003  # waiting work that is worth two messages
OVERDUE_SECONDS = 0.002  # a worker that has not reported for so long runs a longer item than was expected
MESSAGE_SECONDS = 0.0005  # a shorter item that finds no idle worker waits for others to come along
BUSY_SECONDS = 0.00005  # a shorter item does not wait for anything outside of its process
AHEAD = 2  # batches read ahead for each worker, beside those that are sent


class Dispatch:
    """Hands waiting items to workers, fairly among calls; keeps the time of the next look."""

    def __init__(self, calls: dict[int, Call], roster: Roster, quota: int | None, cores: float) -> None:
        self._calls = calls
        self._roster = roster
        self._quota = quota
        self._cores = cores
        self._turn: deque[Call] = deque()  # calls that have waiting items, each once
        self._reading: dict[int, Call] = {}  # lazy calls whose input has not ended
        self._paced: list[Call] = []  # calls that have waiting items none of which may begin yet
        self.next_batch = 1
        self.deadline: float | None = None

    def enter(self, call: Call) -> None:
        """Note that a call has items to hand out, or will have."""
        if not call.queued and call.waiting:
            call.queued = True
            self._turn.append(call)
        if call.reading:
            self._reading[call.number] = call

    def hand_out(self, now: float) -> list[actions.Action]:
        """Send all that can be sent now, take back what would wait for long, ask for more input."""
        out: list[actions.Action] = []
        self.deadline = None
        turn = self._turn
        if self._paced:
            self._resume(now)
        while turn:
            call = turn[0]
            if not call.waiting or call.number not in self._calls:
                turn.popleft().queued = False
                continue
            if call.rules is not None and call.rules.rate is not None and not call.rules.rate.room(now):
                self._pace(turn.popleft(), call.rules.rate.next)
                continue
            worker = self._free_worker(call)
            if worker is None:
                break
            out.append(self._send(call, worker, now))
            turn.rotate(-1)
        if not turn and self._roster.idle and self._roster.free:
            out += self._take_back(now)
        if self._reading:
            out += self._read()
        return out

    def _pace(self, call: Call, next_time: float) -> None:
        """Let a call wait until its next item may begin."""
        self._paced.append(call)
        self.deadline = next_time if self.deadline is None else min(self.deadline, next_time)

    def _resume(self, now: float) -> None:
        """Give those calls their turn again whose next item may begin."""
        paced, self._paced = self._paced, []
        for call in paced:
            rate = None if call.rules is None else call.rules.rate
            if rate is not None and rate.next > now and call.number in self._calls:
                self._pace(call, rate.next)
            else:
                self._turn.append(call)

    def _free_worker(self, call: Call) -> Worker | None:
        """A worker that may be given another batch: an idle one before one that has something."""
        idle = self._roster.idle
        if idle and self._roster.free:
            return next(reversed(idle.values()))
        rules = call.rules  # what is capped begins when it is sent; what is ranked is chosen when it can begin
        held_back = rules is not None and (rules.rate is not None or rules.ranked is not None)
        # A suspect has a worker for itself.
        if call.pace.prefetch and not (call.alone or self._roster.crowded or held_back):
            for worker in self._roster.roomy.values():
                # What a stale one got would be taken back again, and its bytes would pile up in its channel. And while
                # others rest, what waits lets them come: behind a long item it would wait in vain.
                if not (worker.stale or worker.batches[-1].suspect or self._roster.resting):
                    return worker
        return None

    def wants(self, call: Call) -> bool:
        """True if another item of a call would be handed out at once, and be worth a message of its own; or if somebody
        would come for it."""
        if self._roster.resting:
            return True
        if call.waiting:  # it has its turn, and nobody was free
            return False
        worker = self._free_worker(call)
        return worker is not None and (not worker.batches or call.pace.item_seconds >= MESSAGE_SECONDS)

    def _send(self, call: Call, worker: Worker, now: float) -> actions.Send:
        suspect = bool(call.alone)
        size = self._size(call, worker)
        rate = None if call.rules is None else call.rules.rate
        start, stop = call.take(size if rate is None else min(size, rate.room(now)))
        if rate is not None:
            rate.take(stop - start, now)
        chosen = call.options.chunksize is not None
        group = stop - start
        if not (chosen or call.options.together):
            group = call.pace.group_size(group) if call.options.alike else 1
        batch = Batch(self.next_batch, call.number, start, stop, group, chosen, call.options.together, suspect)
        self.next_batch += 1
        # While tickets that were taken back lie before it, a worker reads the next one that there is, whose ever it is:
        # that must be the one of this batch, not of the batch that waits behind it.
        claimed = not worker.batches and group == stop - start and not worker.stale
        if not worker.batches:
            worker.progress = now
        worker.used += 1 if chosen else stop - start
        self._roster.give(worker, batch)
        if self._quota is not None and worker.used >= self._quota:
            self._roster.leave(worker)
        return actions.Send(worker.number, batch.number, call.number, start, stop, 0 if claimed else group)

    @property
    def _busy(self) -> int:
        return len(self._roster) - len(self._roster.idle)

    def _size(self, call: Call, worker: Worker) -> int:
        if call.alone:
            return 1
        if call.options.chunksize is not None:
            return call.options.chunksize
        waiting = call.waiting
        if waiting == 1:
            return 1
        most = most_items(call.bytes_per_item)
        if not call.options.alike:
            most = min(most, UNLIKE_ITEMS)
        idle = self._roster.free
        if call.pace.item_seconds < BUSY_SECONDS:  # such items need a core each
            idle = int(max(1, min(idle, self._cores - self._busy)))
        seconds = TOGETHER_SECONDS if call.options.together else BATCH_SECONDS
        size = call.pace.next_size(waiting, most, idle, self._roster.places, call.options.lazy, seconds)
        if self._quota is not None:
            size = max(1, min(size, self._quota - worker.used))
        return size

    def _take_back(self, now: float) -> Iterable[actions.Action]:
        """With nothing left to hand out, relieve the worker that would keep an idle one waiting longest."""
        worst: Worker | None = None
        longest = 0.0
        for worker in self._roster:
            if worker.owed < 2 or worker.squeezed or not worker.behind:
                continue
            patience = self._patience(worker)
            due = worker.progress + OVERDUE_SECONDS * patience
            if now >= due:
                worst = worker
                break
            expected = 0.0 if self._capped(worker) else self._expected(worker)
            if expected >= max(longest, TAKE_BACK_SECONDS * patience):
                worst, longest = worker, expected
            self.deadline = due if self.deadline is None else min(self.deadline, due)
        return () if worst is None else (self.relieve(worst),)

    def _capped(self, worker: Worker) -> bool:
        """True if what was given to a worker was all that might begin: another would have to wait for its turn."""
        call = self._calls.get(worker.batches[0].call)
        return call is not None and call.rules is not None and call.rules.rate is not None

    def _patience(self, worker: Worker) -> float:
        """How many times longer than alone a worker may take: where short items share a core, it is slow, not behind,
        and another that is woken makes it slower still."""
        call = self._calls.get(worker.batches[0].call)
        if call is None or call.pace.item_seconds >= BUSY_SECONDS:
            return 1.0
        return max(1.0, self._busy / self._cores)

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
        idle = self._roster.free or self._roster.resting
        for call in list(self._reading.values()):
            halted = call.rules is not None and call.rules.halted is not None
            if halted or call.length is not None or call.number not in self._calls:
                del self._reading[call.number]
                continue
            batch = call.options.chunksize or min(call.pace.usual_size, most_items(call.bytes_per_item))
            ahead = (DEPTH + AHEAD) * self._roster.wanted * batch
            limit = max(call.limit, call.consumed + ahead)
            hungry = bool(idle) and call.waiting == 0
            if limit - call.limit >= max(1, ahead // 4) or (hungry and call.fed < limit):
                call.limit = limit
                out.append(actions.Read(call.number, limit, hungry))
        return out
