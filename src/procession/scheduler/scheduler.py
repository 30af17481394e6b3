"""The scheduler: one event in, with its time; a list of actions out. It holds all state of a pool's work.

Knows: how many workers there should be, what each was sent, which items of which call are where.
Must not know: clocks, processes, channels, values. Times are numbers that come with the events.

How it works: an event changes the state, then `Dispatch` looks for work that can be handed out now. Everything is
counted in spans of item numbers, so a million items cost no more than a few hundred batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from procession.model.errors import InternalError
from procession.model.light import Any
from procession.scheduler import actions, events
from procession.scheduler.batching import Paces
from procession.scheduler.dispatch import Dispatch
from procession.scheduler.roster import Roster
from procession.scheduler.states import Batch, Call, Worker

STILLBORN_LIMIT = 3  # workers in a row that died before they were ready: more would only repeat it
HISTORY = 200  # events kept for the report of a fault


class Scheduler:
    """Decides, for one pool, who runs what and when its outcomes go out.

    Args:
        quota: Items that a worker may run before another takes its place (chunks, where the caller chose their
            size). None: no limit.
        cores: How many workers can run at once.
    """

    def __init__(self, quota: int | None = None, cores: float = inf) -> None:
        self._quota = quota
        self._wanted = 0
        self._closed = False
        self._stillborn = 0
        self._calls: dict[int, Call] = {}
        self._paces = Paces()
        self._roster = Roster()
        self._dispatch = Dispatch(self._calls, self._roster, quota, cores)
        self._history: deque[events.Event] = deque(maxlen=HISTORY)
        self._handlers: dict[type, Callable[[Any, float], list[actions.Action]]] = {
            events.Opened: self._opened,
            events.Joined: self._joined,
            events.Submitted: self._submitted,
            events.Fed: self._fed,
            events.Exhausted: self._exhausted,
            events.Weighed: self._weighed,
            events.Finished: self._finished,
            events.Returned: self._returned,
            events.Died: self._died,
            events.Refused: self._refused,
            events.Consumed: self._consumed,
            events.Cancelled: self._cancelled,
            events.Closed: self._close,
            events.Ticked: self._ticked,
        }

    def handle(self, event: events.Event, now: float) -> list[actions.Action]:
        """Take in what happened at `now` (seconds, any origin) and return what is to be done, in order.

        Raises:
            InternalError: The event contradicts what is known, e.g. a batch that was never sent.
        """
        self._history.append(event)
        out = self._handlers[type(event)](event, now)
        if type(event) is events.Weighed:  # told in the midst of carrying out what was decided before
            return out
        if not (out and isinstance(out[0], actions.TakeBack)):  # else `events.Returned` follows, and hands out more
            out += self._dispatch.hand_out(now)
        return out

    def next_deadline(self) -> float | None:
        """Return when `events.Ticked` is due, or None."""
        return self._dispatch.deadline

    def wants(self, call: int) -> bool:
        """True if another item of this call would be handed out at once, and be worth a message of its own; else an
        event is due after which it will be."""
        known = self._calls.get(call)
        return known is None or self._dispatch.wants(known)

    @property
    def idle(self) -> bool:
        """True if no item waits or runs, and no input is still being read."""
        return not any(call.fed > call.ended or call.reading for call in self._calls.values())

    def items_kept(self, worker: int, batch: int, groups: int) -> int:
        """Say how many items of a batch stay with its worker when its last `groups` groups are taken back."""
        return next(each for each in self._known(worker).batches if each.number == batch).items_without(groups)

    def _known(self, number: int) -> Worker:
        worker = self._roster.get(number)
        if worker is None:
            raise InternalError(message=f"worker {number} is not known", events=self.history)
        return worker

    @property
    def history(self) -> tuple[str, ...]:
        """The last events as text, oldest first."""
        return tuple(map(repr, self._history))

    # Workers come and go.

    def _opened(self, event: events.Opened, now: float) -> list[actions.Action]:
        self._wanted = event.workers
        return self._recruit()

    @property
    def _over(self) -> bool:
        return self._closed and self.idle

    def _recruit(self) -> list[actions.Action]:
        missing = 0 if self._over else self._wanted - len(self._roster)
        return [actions.Recruit(self._roster.add().number) for _ in range(missing)]

    def _joined(self, event: events.Joined, now: float) -> list[actions.Action]:
        self._stillborn = 0
        worker = self._known(event.worker)
        worker.ready = True
        self._roster.place(worker)
        return self._retire_idle()

    def _retire_idle(self) -> list[actions.Action]:
        """Let go those who have used up their quota, and replace them; after the end of all work, everybody."""
        if self._quota is None and not self._over:
            return []
        leaving = [w for w in self._roster.idle.values() if self._over or self._dispatch.spent(w)]
        for worker in leaving:
            self._roster.remove(worker.number)
        recruits = self._recruit() if leaving else []
        return [*recruits, *(actions.Retire(worker.number) for worker in leaving)]

    def _died(self, event: events.Died, now: float) -> list[actions.Action]:
        worker = self._roster.remove(event.worker)
        if worker is None:
            return []
        if not worker.ready and not event.orphaned:
            self._stillborn += 1
            if self._stillborn >= STILLBORN_LIMIT:
                return [actions.Abort()]
        return self._bury(worker, event) + self._recruit() + self._retire_idle()

    def _refused(self, event: events.Refused, now: float) -> list[actions.Action]:
        if self._roster.remove(event.worker) is None:
            return []
        self._wanted -= 1
        return [] if self._wanted else [actions.Abort()]

    def _bury(self, worker: Worker, event: events.Died) -> list[actions.Action]:
        """Charge the one item that ended a worker; give all others back."""
        suspects = self._suspects(worker, event)
        certain = sum(map(len, suspects.values())) == 1
        out: list[actions.Action] = []
        for batch in worker.batches:
            call = self._calls.get(batch.call)
            if call is None:
                continue
            first = batch.start + batch.done
            span = suspects.get(batch.number, range(first, first))
            if batch.suspect and not span:
                span = range(first, batch.stop)  # it was not started: a suspect it remains
            call.give_back(first, span.start)
            call.give_back(span.stop, batch.stop)
            if certain and batch.number in suspects:
                out += [actions.Lose(call.number, span.start, worker.number), *self._end(call, span.start, span.stop)]
            else:
                call.alone.extend(span)
            self._dispatch.enter(call)
        return out

    def _suspects(self, worker: Worker, event: events.Died) -> dict[int, range]:
        """Which items of which batches may have ended a worker: the running one, if one was running.

        Between two items it was one of those that had ended and were not sent (by a thread, or a closed descriptor).
        Are they several, each of them is sent alone: the next death tells which.
        """
        if event.orphaned and not event.running:
            return self._never_twice(worker, event)
        ended: dict[int, range] = {}
        for batch in worker.batches:
            first, last = batch.start + batch.done, batch.start + event.position
            if batch.number != event.batch:
                ended[batch.number] = range(first, batch.stop)
            elif not first <= last < batch.stop:  # all that it ran was reported
                return {}
            elif event.running:
                return {batch.number: range(last, last + 1)}
            else:
                return {**ended, batch.number: range(first, last + 1)}
        return {}

    def _never_twice(self, worker: Worker, event: events.Died) -> dict[int, range]:
        """No item that ended is charged for a nursery's death: it runs again. But with `chunksize=1` none ever does."""
        batch = next((each for each in worker.batches if each.number == event.batch), None)
        call = self._calls.get(batch.call) if batch is not None else None
        if batch is None or call is None or call.options.chunksize != 1 or batch is not worker.batches[0]:
            return {}
        return {batch.number: range(batch.start, batch.stop)}

    # Calls begin and end.

    def _submitted(self, event: events.Submitted, now: float) -> list[actions.Action]:
        pace = self._paces.of(event.function)
        call = Call(event.call, event.options, event.length, pace, event.bytes_per_item)
        self._calls[event.call] = call
        self._dispatch.enter(call)
        return self._finish(call)

    def _fed(self, event: events.Fed, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is not None:
            call.fed += event.count
            self._dispatch.enter(call)
        return []

    def _exhausted(self, event: events.Exhausted, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is None:
            return []
        call.length = call.fed
        return self._finish(call) or self._retire_idle()

    def _weighed(self, event: events.Weighed, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is not None:
            call.bytes_per_item = event.bytes_per_item
        return []

    def _consumed(self, event: events.Consumed, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is not None:
            call.consumed += event.count
        return []

    def _cancelled(self, event: events.Cancelled, now: float) -> list[actions.Action]:
        call = self._calls.pop(event.call, None)
        if call is None:
            return []
        holders = [w for w in self._roster if any(b.call == call.number for b in w.batches) and w.owed > 1]
        out: list[actions.Action] = [self._dispatch.relieve(worker) for worker in holders]
        return [*out, actions.Finish(call.number), *self._retire_idle()]

    def _close(self, event: events.Closed, now: float) -> list[actions.Action]:
        self._closed = True
        return self._retire_idle()

    def _finish(self, call: Call) -> list[actions.Action]:
        if not call.complete or self._calls.pop(call.number, None) is None:
            return []
        return [actions.Finish(call.number), *self._retire_idle()]

    # Items end.

    def _finished(self, event: events.Finished, now: float) -> list[actions.Action]:
        worker = self._known(event.worker)
        batch = next((b for b in worker.batches if b.number == event.batch), None)
        if batch is None or event.count > batch.left:
            raise InternalError(message=f"worker {event.worker} reports {event!r}", events=self.history)
        start = batch.start + batch.done
        worker.progress = now
        if event.batch >= worker.stale:
            worker.stale = 0
        self._roster.finish(worker, batch, event.count)
        call = self._calls.get(batch.call)
        if call is None:  # cancelled meanwhile
            return self._retire_idle()
        call.pace.measured(event.count, event.seconds)
        return self._end(call, start, start + event.count) + self._retire_idle()

    def _end(self, call: Call, start: int, stop: int) -> list[actions.Action]:
        call.ended += stop - start
        if call.options.ordered:
            starts = call.order.add(start, stop)
        else:
            starts = [start]
        return [*(actions.Deliver(call.number, each) for each in starts), *self._finish(call)]

    def _returned(self, event: events.Returned, now: float) -> list[actions.Action]:
        worker = self._roster.get(event.worker)
        if worker is None:
            return []
        if event.groups:
            worker.stale = self._dispatch.next_batch
        for batch in list(worker.batches):
            count = event.groups.get(batch.number, 0)
            if count:
                self._shorten(worker, batch, count)
        return self._retire_idle()

    def _shorten(self, worker: Worker, batch: Batch, groups: int) -> None:
        """Take the last `groups` groups off a batch."""
        stop = batch.start + batch.items_without(groups)
        call = self._calls.get(batch.call)
        if call is not None:
            call.give_back(stop, batch.stop)
            self._dispatch.enter(call)
        if self._quota is not None:
            worker.used -= 1 if batch.chosen else batch.stop - stop
        self._roster.shorten(worker, batch, stop)

    def _ticked(self, event: events.Ticked, now: float) -> list[actions.Action]:
        return []
