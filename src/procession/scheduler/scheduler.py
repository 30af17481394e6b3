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
from procession.model.light import TYPE_CHECKING, Any
from procession.scheduler import actions, events
from procession.scheduler.batching import Paces
from procession.scheduler.dispatch import Dispatch
from procession.scheduler.roster import Roster
from procession.scheduler.staff import Staff
from procession.scheduler.states import Batch, Call, Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.model.policy import Policy
    from procession.scheduler.keeper import Keeper

STILLBORN_LIMIT = 3  # workers in a row that died before they were ready: more would only repeat it
HISTORY = 200  # events kept for the report of a fault
LAST = (actions.TakeBack, actions.Abort)  # `events.Returned` follows, and hands out more; or nothing follows any more


class Scheduler:
    """Decides, for one pool, who runs what and when its outcomes go out.

    Args:
        quota: Items that a worker may run before another takes its place (chunks, where the caller chose their
            size). None: no limit.
        cores: How many workers can run at once.
        idle_timeout: Seconds after which an idle worker retires until there is more to do; None: never.
    """

    def __init__(self, quota: int | None = None, cores: float = inf, idle_timeout: float | None = None) -> None:
        self._quota = quota
        self._closed = False
        self._stillborn = 0
        self._calls: dict[int, Call] = {}
        self._paces = Paces()
        self._roster = Roster()
        self._staff = Staff(self._roster, idle_timeout)
        self._dispatch = Dispatch(self._calls, self._roster, quota, cores)
        self._keeper: Keeper | None = None  # where a call has a policy
        self._history: deque[events.Event] = deque(maxlen=HISTORY)
        self._handlers: dict[type, Callable[[Any, float], list[actions.Action]]] = {
            events.Opened: self._opened,
            events.Resized: self._resized,
            events.Joined: self._joined,
            events.Submitted: self._submitted,
            events.Fed: self._fed,
            events.Exhausted: self._exhausted,
            events.Weighed: self._weighed,
            events.Finished: self._finished,
            events.Outgrown: self._outgrown,
            events.Admitted: self._admitted,
            events.Returned: self._returned,
            events.Died: self._died,
            events.Refused: self._refused,
            events.Consumed: self._consumed,
            events.Cancelled: self._cancelled,
            events.Stopped: self._ruled,
            events.Dropped: self._ruled,
            events.Seen: self._ruled,
            events.Recalled: self._recalled,
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
        if self._keeper is not None:
            out += self._keeper.settle()
            if any(isinstance(action, actions.TakeBack) for action in out):
                return out
        if out and isinstance(out[0], LAST):
            return out
        sent = self._dispatch.hand_out(now)
        if self._keeper is not None:
            self._keeper.handed_out(sent, now)
        out += sent
        if self._closed or not self._staff.settled:
            over = self._closed and self.idle
            out += self._staff.settle(now, self._waiting, not self._closed or self._reading, over)
        return out

    def next_deadline(self) -> float | None:
        """Return when `events.Ticked` is due, or None."""
        first = self._dispatch.deadline
        if not self._staff.timed and self._keeper is None:
            return first
        kept = None if self._keeper is None else self._keeper.deadline
        return min((each for each in (first, self._staff.deadline, kept) if each is not None), default=None)

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

    def worker(self, number: int) -> Worker | None:
        """A worker as it is known here, to be looked at."""
        return self._roster.get(number)

    def place(self, number: int) -> int:
        """What a worker calls itself, from 0: a successor as the one whose place it takes."""
        worker = self._roster.get(number)
        return 0 if worker is None else worker.place  # it was put off, and nobody waits for it any more

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
        self._roster.wanted = event.workers
        self._roster.resting = event.workers if event.on_demand else 0
        return []

    def _resized(self, event: events.Resized, now: float) -> list[actions.Action]:
        return [self._dispatch.relieve(worker) for worker in self._staff.resize(event.workers) if worker.owed > 1]

    def _outgrown(self, event: events.Outgrown, now: float) -> list[actions.Action]:
        worker = self._staff.outgrow(event.worker)
        return [] if worker is None or worker.owed < 2 else [self._dispatch.relieve(worker)]

    def _admitted(self, event: events.Admitted, now: float) -> list[actions.Action]:
        self._roster.admitted = max(1, event.items)
        if not self._roster.crowded:
            return []
        return [self._dispatch.relieve(each) for each in self._roster if each.owed > 1 and not each.squeezed]

    def _joined(self, event: events.Joined, now: float) -> list[actions.Action]:
        self._stillborn = 0
        self._roster.join(self._known(event.worker), now)
        return []

    def _waiting(self) -> int:
        """Count the batches, or items whose batches have no size yet, that wait for a worker."""
        return sum(-(-call.waiting // (call.options.chunksize or 1)) for call in self._calls.values())

    @property
    def _reading(self) -> bool:
        return any(call.reading for call in self._calls.values())

    def _died(self, event: events.Died, now: float) -> list[actions.Action]:
        worker = self._staff.remove(event.worker)
        if worker is None:
            return []
        if not worker.ready and not event.orphaned:
            self._stillborn += 1
            if self._stillborn >= STILLBORN_LIMIT:
                return [actions.Abort()]
        return self._bury(worker, event, now)

    def _refused(self, event: events.Refused, now: float) -> list[actions.Action]:
        if self._staff.remove(event.worker) is None or self._staff.refuse():
            return []
        return [actions.Abort()]

    def _bury(self, worker: Worker, event: events.Died, now: float) -> list[actions.Action]:
        """Charge the one item that ended a worker, or all that one call had; give all others back."""
        suspects = self._suspects(worker, event)
        certain = event.running or sum(map(len, suspects.values())) == 1
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
                for index in span:
                    if call.rules is not None and self._keeper is not None:
                        out += self._keeper.lost(call, index, event, now)
                    else:
                        out += [actions.Lose(call.number, index, worker.number), *self._end(call, index, index + 1)]
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
                return {batch.number: range(first, batch.stop) if batch.together else range(last, last + 1)}
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
        if event.options.policy is not None:
            self._keep(call, event.options.policy, event.ranks, now)
        self._dispatch.enter(call)
        return self._finish(call)

    def _fed(self, event: events.Fed, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is not None:
            call.fed += event.count
            if self._keeper is not None:
                self._keeper.fed(call, call.fed - event.count, event.count, event.ranks)
            self._dispatch.enter(call)
        return []

    def _exhausted(self, event: events.Exhausted, now: float) -> list[actions.Action]:
        call = self._calls.get(event.call)
        if call is None:
            return []
        call.length = call.fed
        return self._finish(call)

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
        return [*out, actions.Finish(call.number)]

    def _recalled(self, event: events.Recalled, now: float) -> list[actions.Action]:
        worker = self._roster.get(event.worker)
        return [] if worker is None or worker.owed < 2 else [self._dispatch.relieve(worker)]

    def _close(self, event: events.Closed, now: float) -> list[actions.Action]:
        self._closed = True
        return []

    def _finish(self, call: Call) -> list[actions.Action]:
        if not call.complete or self._calls.pop(call.number, None) is None:
            return []
        return [actions.Finish(call.number)]

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
            return []
        call.pace.measured(event.count, event.seconds)
        if call.rules is not None and self._keeper is not None:
            return self._keeper.finished(call, start, event, now)
        return self._end(call, start, start + event.count)

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
        if not worker.batches:
            worker.progress = now
        return []

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
        return [] if self._keeper is None else self._keeper.tick(now)

    # Calls with a policy.

    def _keep(self, call: Call, policy: Policy, ranks: Sequence[float] | None, now: float) -> Keeper:
        if self._keeper is None:
            from procession.scheduler.keeper import Keeper

            self._keeper = Keeper(self._calls, self._roster, self._dispatch, self._end, self._finish)
        self._keeper.enter(call, policy, ranks, now)
        return self._keeper

    def _ruled(self, event: Any, now: float) -> list[actions.Action]:
        """Stop a call, or one of its items, or hear of a look; a call without a policy gets an empty one."""
        call = self._calls.get(getattr(event, "call", -1))
        if call is not None and call.rules is None:
            from procession.model.policy import Policy

            self._keep(call, Policy(), None, now)
        return [] if self._keeper is None else self._keeper.handlers[type(event)](event, call, now)
