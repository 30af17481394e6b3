"""A world for the scheduler: workers, inputs, callers as numbers. It carries out each action and checks each promise.

Knows: what the engine does with an action, what a worker does with a batch, what was promised to callers.
Must not know: how the scheduler decides; it never looks inside.

How it works: `World.happen` feeds one event and carries out what comes of it. The methods below it are what a real
world can do: a worker joins, reports or dies, a feeder feeds, a caller consumes or cancels.
"""

from __future__ import annotations

from collections import deque
from math import inf

from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from procession.scheduler.batching import BATCH_ITEMS, GROWTH
from procession.scheduler.dispatch import AHEAD
from procession.scheduler.roster import DEPTH
from procession.scheduler.scheduler import STILLBORN_LIMIT, Scheduler
from tests.scheduler.actors import DELIVERED, ENDED, FREE, HELD, FakeBatch, FakeCall, FakeWorker, Outlook

PATIENCE = 5  # rounds in which every worker ends its batch and yet no item ends
MOST_ACTIONS = 1000  # that may come of one event


class World:
    """A scheduler and all around it.

    Args:
        nested: What follows from a take-back is carried out before the rest of the actions, not after them.
        cores: How many workers can run at once.
    """

    patience = PATIENCE

    def __init__(
        self,
        workers: int,
        quota: int | None = None,
        nested: bool = False,
        cores: float = inf,
        idle_timeout: float | None = None,
    ) -> None:
        self.scheduler = Scheduler(quota, cores, idle_timeout)
        self.idle_timeout = idle_timeout
        self.put_off = 0  # successors that were refused while those whose place they take were still at work
        self.wanted = self.most = workers
        self.quota = quota
        self.nested = nested
        self.admitted = inf  # items that there is memory for at once
        self.now = 1000.1
        self.workers: dict[int, FakeWorker] = {}
        self.calls: dict[int, FakeCall] = {}
        self.refusals = 0  # workers that the system will not start
        self.closed = False
        self.aborted = False
        self.stillborn = 0
        self.events = 0
        self.actions: list[actions.Action] = []  # of the last event
        self._queue: deque[actions.Action] = deque()
        self._busy = False
        self._numbers: set[int] = set()
        self._losses: list[tuple[int, int]] = []
        self._cancelling: int | None = None
        self.outlook = Outlook(quota)
        self.happen(events.Opened(workers))

    # What happens, and what comes of it.

    def happen(self, event: events.Event) -> None:
        """Feed one event and carry out all that comes of it."""
        self.events += 1
        found = self.scheduler.handle(event, self.now)
        self._foresee(found)
        if self._busy:
            self.actions += found
            assert len(self.actions) < MOST_ACTIONS, "one event leads to no end of actions"
            if self.nested:
                self._carry_out_all(deque(found))
            else:
                self._queue.extend(found)
            return
        self.actions = list(found)
        self._queue = deque(found)
        self._busy = True
        self._carry_out_all(self._queue)
        self._busy = False
        self._check_settled()

    def _foresee(self, found: list[actions.Action]) -> None:
        """The scheduler counts from now on what these will do, whoever asks before they are carried out."""
        for action in found:
            if isinstance(action, actions.Recruit):
                self.outlook.recruit(action.worker)
            elif isinstance(action, actions.Retire):
                self.outlook.remove(action.worker)
            elif isinstance(action, actions.Send):
                self.outlook.use(action.worker, self._share(action))

    def _share(self, action: actions.Send) -> int:
        """What a batch takes of its worker's quota."""
        return 1 if self.calls[action.call].options.chunksize else action.stop - action.start

    def _check_number(self, over: bool, resting: list[FakeWorker], starving: list[int]) -> None:
        """Check that there are as many workers as are wanted, beside those whose successors these are."""
        parting = sum(worker.parting for worker in self.workers.values())
        self.put_off = min(self.put_off, parting)
        staying, wanted = len(self.workers) - parting, self.wanted - self.put_off
        assert staying <= wanted or not resting, f"{staying} workers, {len(resting)} of them idle, for {wanted}"
        if over:
            return
        unborn = sum(not worker.ready for worker in self.workers.values())
        reading = any(call.length is None and not call.open_ended for call in self.open_calls)
        few = self.idle_timeout is not None or (self.closed and not reading)
        assert staying >= wanted or few, f"{staying} workers, not {wanted}"
        at_work = len(self.workers) - unborn - len(resting)
        assert not (starving and at_work < self.at_once) or unborn or resting, f"{starving} wait, nobody comes"

    def _carry_out_all(self, queue: deque[actions.Action]) -> None:
        while queue:
            action = queue.popleft()
            getattr(self, "_do_" + type(action).__name__.lower())(action)

    def _check_settled(self) -> None:
        """Check what must hold whenever all actions are carried out."""
        if self.aborted:
            return
        over = self.closed and all(call.settled for call in self.open_calls)
        resting = [w for w in self.workers.values() if w.ready and not w.batches]
        assert not (over and resting), f"workers {[w.number for w in resting]} were not retired"
        assert not any(w.parting for w in resting), "a worker that has used up its quota was not replaced"
        starving = self.starving
        self._check_number(over, resting, starving)
        busy = sum(bool(worker.batches) for worker in self.workers.values())
        if not resting or busy >= self.at_once:
            return
        assert not starving, f"calls {starving} wait although a worker is idle"
        stuck = any(worker.waiting for worker in self.workers.values())
        assert not stuck or self.scheduler.next_deadline() is not None, "waiting items will never be taken back"

    def _do_recruit(self, action: actions.Recruit) -> None:
        assert action.worker not in self._numbers
        self._numbers.add(action.worker)
        self.workers[action.worker] = FakeWorker(action.worker)
        if self.refusals and self.wanted > 1:
            self.refusals -= 1
            self.refuse(self.workers[action.worker])

    def _do_retire(self, action: actions.Retire) -> None:
        worker = self.workers.pop(action.worker)
        assert worker.ready
        assert not worker.batches, f"worker {worker.number} was retired with work in its hands"
        if self.idle_timeout is not None and self.now >= worker.idle_since + self.idle_timeout:
            return
        staying = sum(not each.parting for each in self.workers.values())
        over = self.closed and all(call.settled or call.number == self._cancelling for call in self.open_calls)
        assert worker.parting or over or staying >= self.wanted - self.put_off, "a worker retired for no reason"

    def _do_send(self, action: actions.Send) -> None:
        call, worker, size = self.calls[action.call], self.workers[action.worker], action.stop - action.start
        assert call.open, "work of a call that is over was sent"
        assert worker.ready
        call.move(action.start, action.stop, FREE, HELD)
        self._check_chunk(call, action)
        assert not worker.parting, "a worker whose quota is used up got more"
        busy = sum(bool(each.batches) for each in self.workers.values())
        assert worker.batches or busy < self.wanted, "more workers than wanted are at work"
        assert busy < self.admitted or (worker.batches and busy == self.admitted), "more was started than there is room"
        assert not any(b.start in b.call.suspects for b in worker.batches), "something was sent behind a suspect"
        if call.suspects.intersection(range(action.start, action.stop)):
            assert size == 1 and not worker.batches, "a suspect was not sent alone"
        assert len(worker.batches) < DEPTH
        assert action.group or not worker.batches, "a batch that waits cannot be taken back"
        assert 0 <= action.group <= size
        if call.options.together:
            assert action.group in (0, size), "what one call runs was cut"
        elif not call.options.alike and not call.options.chunksize:
            assert action.group == 1 or size == 1
        worker.used += self._share(action)
        assert self.quota is None or worker.used <= self.quota, "a worker got more than its quota"
        worker.parting = worker.used == self.quota
        call.sent, call.largest = max(call.sent, action.stop), max(call.largest, size)
        claimed = 0 if action.group else size
        worker.batches.append(FakeBatch(action.batch, call, action.start, size, action.group or size, claimed))

    @staticmethod
    def _check_chunk(call: FakeCall, action: actions.Send) -> None:
        size = call.options.chunksize
        if size is None:
            return
        number = action.start // size
        stop = (number + 1) * size
        if call.read_out or call.length is not None:
            stop = min(stop, call.fed)
        if number in call.broken:
            assert action.stop <= stop
        else:
            assert (action.start, action.stop) == (number * size, stop), "a chunk was cut"
        assert action.group in (0, action.stop - action.start)

    def _do_takeback(self, action: actions.TakeBack) -> None:
        worker = self.workers[action.worker]
        groups: dict[int, int] = {}
        for batch in worker.batches:
            rest = batch.size - batch.claimed
            if rest:
                groups[batch.number] = -(-rest // batch.group)
                batch.size = batch.claimed
                spared = 1 if batch.call.options.chunksize else rest
                worker.used -= spared
                self.outlook.use(worker.number, -spared)
                if batch.call.open and batch.call.number != self._cancelling:
                    start = batch.start + batch.claimed
                    batch.call.move(start, start + rest, HELD, FREE)
        worker.batches = [batch for batch in worker.batches if batch.sent < batch.size]
        worker.idle_since = self.now
        self.happen(events.Returned(worker.number, groups))

    def _do_read(self, action: actions.Read) -> None:
        call = self.calls[action.call]
        assert call.open and call.options.lazy and call.length is None
        kin = [c for c in self.calls.values() if c is call or (c.function and c.function == call.function)]
        usual = call.options.chunksize or min(BATCH_ITEMS, 2 * GROWTH * max(c.largest for c in kin))
        assert action.limit <= call.consumed + (DEPTH + AHEAD) * self.most * usual, "reads too far ahead"
        call.limit = action.limit
        self._tell(call)

    def _do_lose(self, action: actions.Lose) -> None:
        call = self.calls[action.call]
        self._losses.append((action.call, action.index))
        call.move(action.index, action.index + 1, FREE, ENDED)
        call.lost.add(action.index)
        call.chunks[action.index] = action.index + 1

    def _do_deliver(self, action: actions.Deliver) -> None:
        call = self.calls[action.call]
        assert call.open, "delivered to a call that is over"
        start, stop = action.start, call.chunks.pop(action.start)
        assert not call.options.ordered or start == call.next, f"item {start} before item {call.next}"
        call.move(start, stop, ENDED, DELIVERED)
        call.next = stop
        call.delivered += stop - start

    def _do_finish(self, action: actions.Finish) -> None:
        call = self.calls[action.call]
        assert call.open, "finished twice"
        assert call.number == self._cancelling or call.delivered == call.length == call.fed, "finished too early"
        call.open = False

    def _do_abort(self, action: actions.Abort) -> None:
        assert self.stillborn >= STILLBORN_LIMIT
        self.aborted = True

    # Callers and feeders.

    @property
    def starving(self) -> list[int]:
        """The calls that have items which could begin."""
        return [call.number for call in self.open_calls if FREE in call.state]

    @property
    def open_calls(self) -> list[FakeCall]:
        """The calls that are not over."""
        return [call for call in self.calls.values() if call.open]

    def submit(
        self,
        length: int | None,
        options: TaskOptions | None = None,
        cost: float = 1e-6,
        function: int | None = None,
    ) -> FakeCall:
        """A caller hands over a call."""
        number = len(self.calls) + 1
        call = self.calls[number] = FakeCall(number, options or TaskOptions(), length, cost, function)
        call.feed(length or 0)
        self.happen(events.Submitted(number, length, call.options, function))
        return call

    def room(self, call: FakeCall) -> int:
        """How many inputs the feeder of a call may read now."""
        if not call.open or call.length is not None:
            return 0
        if call.options.lazy:
            return max(0, call.limit - call.fed - call.unsaid)
        return 0 if self.closed else 1 << 20

    def feed(self, call: FakeCall, count: int, tell: bool = True) -> None:
        """The feeder reads some inputs, as far as it may; it tells of them now or at the next `actions.Read`."""
        call.unsaid += min(count, self.room(call))
        if tell or not call.options.lazy:
            self._tell(call)

    def _tell(self, call: FakeCall, rest: bool = False) -> None:
        count = call.unsaid if rest else call.unsaid - call.unsaid % (call.options.chunksize or 1)
        if count and call.open:
            call.unsaid -= count
            call.feed(count)
            self.happen(events.Fed(call.number, count))

    def exhaust(self, call: FakeCall) -> None:
        """The input of a call ends."""
        call.read_out = True
        self._tell(call, rest=True)
        call.length = call.fed
        self.happen(events.Exhausted(call.number))

    def consume(self, call: FakeCall, count: int) -> None:
        """The caller takes outcomes, as many as there are."""
        count = min(count, call.delivered - call.consumed)
        if count > 0:
            call.consumed += count
            self.happen(events.Consumed(call.number, count))

    def cancel(self, call: FakeCall) -> None:
        """The caller wants no more."""
        self._cancelling = call.number
        self.happen(events.Cancelled(call.number))
        self._cancelling = None
        assert not call.open

    def close(self) -> None:
        """The pool takes no more calls."""
        self.closed = True
        self.happen(events.Closed())

    # Workers.

    def join(self, worker: FakeWorker) -> None:
        """A worker becomes ready."""
        self.stillborn = 0
        worker.ready = True
        worker.idle_since = self.now
        self.happen(events.Joined(worker.number))

    def join_all(self) -> None:
        """All new workers become ready."""
        for worker in [worker for worker in self.workers.values() if not worker.ready]:
            self.join(worker)

    def refuse(self, worker: FakeWorker) -> None:
        """The system does not start a worker."""
        del self.workers[worker.number]
        self.outlook.remove(worker.number)
        if self.outlook.staying < self.wanted:  # else there are too many
            if self.outlook.leaving > self.put_off:
                self.put_off += 1
            else:
                self.wanted -= 1
        self.happen(events.Refused(worker.number))

    def resize(self, workers: int) -> None:
        """The pool wants another number of workers."""
        self.wanted = workers
        self.most = max(self.most, workers)
        self.put_off = max(0, min(self.put_off, workers - self.outlook.staying))
        self.happen(events.Resized(workers))

    def report(self, worker: FakeWorker, count: int | None = None, seconds: float | None = None) -> None:
        """A worker sends ended items of its oldest batch that has some: all, or the first `count`."""
        batch = next((batch for batch in worker.batches if batch.ran > batch.sent), None)
        if batch is None:
            return
        call, start = batch.call, batch.start + batch.sent
        count = min(count or batch.size, batch.ran - batch.sent)
        batch.sent += count
        if batch.sent == batch.size:
            worker.batches.remove(batch)
            worker.idle_since = self.now
        if call.open:
            call.move(start, start + count, HELD, ENDED)
            call.chunks[start] = start + count
            call.suspects.difference_update(range(start, start + count))
        spent = count * call.cost if seconds is None else seconds
        self.happen(events.Finished(worker.number, batch.number, count, spent))

    def report_all(self, worker: FakeWorker) -> None:
        """A worker sends all that it has ended."""
        for batch in list(worker.batches):
            if batch.ran > batch.sent:
                self.report(worker)

    def work(self, worker: FakeWorker) -> None:
        """A worker runs the batch in its hands to the end and reports it."""
        batch = worker.current()
        if batch is not None:
            worker.run(batch.size - batch.ran)
        self.report_all(worker)

    def die(self, worker: FakeWorker, stale: int = 0, orphaned: bool = False) -> None:
        """A worker dies where it stands.

        `stale`: 1 or 2, its counter still names the item that it reported last, as ended or as running.
        """
        del self.workers[worker.number]
        self.outlook.remove(worker.number)
        batch = worker.current() if worker.running else None
        unsent = worker.unsent
        blamed: list[tuple[FakeCall, int]] = []
        if batch is not None:
            event = events.Died(worker.number, batch.number, batch.ran, True, orphaned)
            together = batch.size if batch.call.options.together else batch.ran + 1
            blamed = [(batch.call, batch.start + each) for each in range(batch.ran, together)]
        elif unsent or (stale and worker.last is not None):
            assert worker.last is not None
            event = events.Died(worker.number, *worker.last, not unsent and stale > 1, orphaned)
            never_twice = len(unsent) == 1 and unsent[0][0].options.chunksize == 1
            blamed = unsent if len(unsent) == 1 and (never_twice or not orphaned) else []
        else:
            event = events.Died(worker.number, orphaned=orphaned)
        self._scatter(worker, event.batch)
        if len(unsent) > 1 and not worker.running and not orphaned:
            for call, index in unsent:
                if call.open:
                    call.suspects.add(index)
        self.stillborn += not worker.ready and not orphaned
        self._losses = []
        for call, index in blamed:
            call.suspects.discard(index)
        self.happen(event)
        assert self._losses == [(call.number, index) for call, index in blamed if self._was_open(call, index)]

    @staticmethod
    def _scatter(worker: FakeWorker, named: int | None) -> None:
        """All that a dead worker held waits again."""
        for batch in worker.batches:
            call = batch.call
            if call.open:
                call.move(batch.start + batch.sent, batch.start + batch.size, HELD, FREE)
                if call.options.chunksize and (batch.ran or batch.number == named):
                    call.broken.add(batch.start // call.options.chunksize)

    @staticmethod
    def _was_open(call: FakeCall, index: int) -> bool:
        """A call that was over before this death loses nothing; one that this death ended does."""
        return call.open or index in call.lost

    def outgrow(self, worker: FakeWorker) -> None:
        """A worker has become too large: it gets nothing more."""
        worker.parting = True
        self.outlook.leave(worker.number)
        self.happen(events.Outgrown(worker.number))

    # The rest.

    @property
    def at_once(self) -> float:
        """How many items may run at once."""
        return min(self.wanted, self.admitted)

    def admit(self, items: int) -> None:
        """There is memory for so many items at once; one always runs."""
        self.admitted = max(1, items)
        self.happen(events.Admitted(items))
        holding = [worker for worker in self.workers.values() if worker.batches]
        if len(holding) > self.admitted:
            assert not any(worker.waiting for worker in holding), "what was sent ahead was not held back"

    def tick(self) -> None:
        """The scheduler's deadline comes."""
        due = self.scheduler.next_deadline()
        if due is None:
            return
        self.now = max(self.now, due)
        self.happen(events.Ticked())
        again = self.scheduler.next_deadline()
        assert again is None or again > self.now, "the same deadline once more: the engine would spin"

    def drain(self) -> None:
        """Play a well-behaved world until every call is over and every worker gone."""
        waiting = [call for call in self.open_calls if not call.open_ended or not self.closed]
        for call in waiting:
            if call.length is None:
                self.feed(call, 5)
                self.exhaust(call)
        patience = self.patience
        while patience and not all(call.settled for call in self.open_calls):
            before = sum(call.ended for call in self.calls.values())
            self.join_all()
            for call in self.open_calls:
                self.consume(call, call.fed)
            for worker in list(self.workers.values()):
                self.work(worker)
            self.tick()
            patience = self.patience if sum(call.ended for call in self.calls.values()) > before else patience - 1
        assert not any(call.open for call in waiting), f"{[c.number for c in waiting if c.open]} never ended"
        if not self.closed:
            self.close()
        self.join_all()
        for worker in list(self.workers.values()):
            while worker.batches:
                self.work(worker)
        assert not self.workers
        assert all(call.settled for call in self.calls.values())
        assert self.scheduler.idle
        assert self.scheduler.next_deadline() is None
