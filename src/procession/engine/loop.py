"""The loop: hear news, tell the scheduler, carry out its actions.

Knows: the scheduler, the backend, the calls by number, what was sent in each batch.
Must not know: who decides (the scheduler does), and what callers are promised (the faces know).

How it works: `tell` gives the scheduler an event and carries out the actions at once, in whichever thread it is
called, always under the lock. One thread (`run`) waits for news; a caller that waits for a single outcome may read
its worker's channel itself (`lending.py`), which saves waking two threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from procession.backends import base
from procession.backends.base import Backend, Link, Portion
from procession.engine import notices, records
from procession.engine.after import Follow
from procession.engine.calls import After, Call, LazyCall
from procession.engine.sent import Sent, SentBatches
from procession.engine.singles import Loan, Singles
from procession.engine.watch import Watch
from procession.model import errors
from procession.model.errors import InternalError, PoolTerminated, ProcessionError, StartFailed, WorkerDied
from procession.model.light import Any
from procession.scheduler import actions, events
from procession.scheduler.scheduler import Scheduler
from procession.wire.codec import Results

GRACE_SECONDS = 5.0  # how long a worker that was told to end may still run threads and exit handlers
STOP_SECONDS = 0.5  # how long a terminated task may react to SIGTERM


class Loop:
    """Everything between the calls of one pool and its workers."""

    def __init__(
        self, lock: threading.RLock, scheduler: Scheduler, backend: Backend, watch: Watch, singles: Singles
    ) -> None:
        self.lock = lock
        self.scheduler = scheduler
        self.backend = backend
        backend.place = scheduler.place
        self.calls: dict[int, Call] = {}
        self.broken: BaseException | None = None  # why no call can be served any more
        self.closed = False  # no further call will come
        self.singles = singles  # the call of all single items
        self.lending: Loan | None = None  # the thread that submits it wants to read the channel of its worker
        self._watch = watch
        self.sent = SentBatches()
        self._untold: deque[events.Event] = deque()  # the first is being told
        self.after: After = []
        self._requests: deque[Callable[[], None]] = deque()
        self._gone: base.Gone | None = None  # the death that is being told
        self._start_error: BaseException | None = None  # why a worker could not start
        self._sleeping_until: float | None = None
        self._asleep = False
        self.follow = Follow()
        self.policies: Any = None  # a `Policies`, where a call has one
        self.deadlines: list[Callable[[], float | None]] = [scheduler.next_deadline, backend.next_deadline]
        self.carry: dict[type, Callable[[Any], None]] = {
            actions.Send: self._send,
            actions.Deliver: self._deliver,
            actions.Lose: self._lose,
            actions.Finish: self._finish,
            actions.Read: self._read,
            actions.TakeBack: self._take_back,
            actions.Recruit: self._recruit,
            actions.Retire: self._retire,
            actions.Abort: self._abort,
        }

    def request(self, step: Callable[[], None]) -> None:
        """Let the thread do something soon; needs no lock."""
        self._requests.append(step)
        self._watch.wake()

    # Tell the scheduler; under the lock.

    def tell(self, event: events.Event) -> None:
        """Give the scheduler an event and carry out what it decides.

        What an action gives rise to waits until all actions before it are carried out: one inside the other, a pool of
        hundreds of workers would come to the end of the stack.
        """
        self._untold.append(event)
        if len(self._untold) > 1:
            return
        carry = self.carry
        try:
            while self._untold:
                for action in self.scheduler.handle(self._untold[0], monotonic()):
                    carry[type(action)](action)
                self._untold.popleft()
        except BaseException:
            self._untold.clear()
            raise
        if self._asleep:
            deadline = self.scheduler.next_deadline()
            if deadline is not None and (self._sleeping_until is None or deadline < self._sleeping_until):
                self._watch.wake()

    def do(self, step: Callable[[], None]) -> None:
        """Do something under the lock, then what follows from it outside."""
        broken: BaseException | None = None
        with self.lock:
            try:
                step()
                self.draw()
            except BaseException as error:
                self.interrupted(error)
                broken = error
            # Taken before the lock is free: what follows from this step is this thread's to do. A caller that
            # reads a channel itself would wait for ever if another thread took its outcome away.
            after, self.after = self.after, []
        if after:
            self.follow.up(after)
        if broken is not None:
            raise broken

    def draw(self) -> None:
        """Under the lock: tell of the single items that came in without it."""
        singles = self.singles
        while not self.closed:
            if singles.fresh:
                self.tell(events.Fed(singles.number, singles.draw()))
            singles.hungry = self.scheduler.wants(singles.number)
            if not (singles.hungry and singles.fresh):  # who appends after this sees that it is hungry
                return

    def close(self) -> None:
        """Under the lock: no further call will come. Who submits single items right now is still served."""
        self.singles.hungry = True  # first: who appends after this asks once more, and is refused
        self.draw()
        self.closed = self.singles.hungry = True
        if self.singles.fresh:
            self.tell(events.Fed(self.singles.number, self.singles.draw()))
        self.tell(events.Closed())
        self._watch.wake()

    def interrupted(self, error: BaseException) -> None:
        """Under the lock: something broke off in the middle, so nothing here can be trusted; end instead of hanging."""
        self.stop(PoolTerminated(reason=f"{type(error).__name__} broke off its work in the middle"))

    def resize(self, workers: int) -> None:
        """Under the lock: want another number of workers."""
        self.backend.resize(workers)
        self.tell(events.Resized(workers))

    # Actions.

    def _send(self, action: actions.Send) -> None:
        call = self.calls[action.call]
        items = call.take(action.start, action.stop)
        sent = Sent(call, action.start, items, action.worker)
        self.sent.add(action.batch, sent)
        link = self.backend.links.get(action.worker)
        if link is None:  # it is gone, and we shall hear so next
            return
        if call is self.singles and len(items) == 1:
            single = call.single(action.start)
            # A batch with tickets may be taken back: a caller that read this channel could wait for another worker's
            # outcome there.
            single.link = None if action.group else link
        portion = Portion(action.batch, call.function, items, call.style, action.group, call.options.timed)
        portion.call, portion.start = call.number, action.start
        policy = call.options.policy
        if policy is not None:
            portion.limited = policy.limited
            portion.timed = portion.timed or policy.time_share is not None
        sent.errors = self.backend.send(action.worker, portion)
        self._weigh(call, 0, portion.size, len(items))
        if self.lending is not None and self.lending.single.link is link:
            # Only now: who reads a channel does not write what it did not take at once.
            self.lend(link, self.lending)
        if not link.borrowed:
            self.backend.watch(link)

    def _weigh(self, call: Call, side: int, size: int, count: int) -> None:
        """Note what inputs (`side` 0) or outcomes (1) take; the scheduler is told where it makes a difference."""
        call.weights[side] = size / count
        if side and call.function is not None:
            call.function.outcome_bytes = size / count
        weight = max(call.weights)
        if not 0.5 * call.weight <= weight <= 1.25 * call.weight:
            call.weight = weight
            self.scheduler.handle(events.Weighed(call.number, weight), monotonic())

    def _deliver(self, action: actions.Deliver) -> None:
        call = self.calls.get(action.call)
        if call is not None:
            call.deliver(action.start, self.after)

    def _lose(self, action: actions.Lose) -> None:
        call, gone = self.calls[action.call], self._gone
        assert gone is not None
        items = call.take(action.index, action.index + 1) if not isinstance(call, Singles) else ()
        if isinstance(call, Singles):
            index, name = None, call.single(action.index).name()
        else:
            index, name = action.index, errors.shorten(items[0])
        error = self.charge(gone, index, name)
        seconds = getattr(error, "seconds", None)
        if action.again:
            self.policies.lose(call, action.index, items[0], error, seconds, gone.pid)
            return
        results = Results([None], {0: error}, [seconds] if seconds else None)
        call.accept(action.index, items, results, gone.pid)
        call.count(results, self.after)

    def charge(self, gone: base.Gone, index: int | None, item: str) -> ProcessionError:
        """Make the error of an item that ended with its worker."""
        if self.policies is not None and (error := self.policies.error_of(gone.worker, index, item)) is not None:
            return error  # type: ignore[no-any-return]
        facts = {"pid": gone.pid, "exitcode": gone.exitcode, "hint": gone.hint, "oom": gone.oom}
        return WorkerDied(index=index, item=item, **facts)

    def _finish(self, action: actions.Finish) -> None:
        call = self.calls.pop(action.call, None)
        if call is not None:
            call.finish(self.after)

    def _read(self, action: actions.Read) -> None:
        call = self.calls.get(action.call)
        if isinstance(call, LazyCall):
            call.limit = action.limit
            call.hungry = action.hungry
            call.more()

    def _take_back(self, action: actions.TakeBack) -> None:
        tickets = self.backend.take_back(action.worker)
        groups = self.sent.take_back(action.worker, tickets, partial(self.scheduler.items_kept, action.worker))
        self.tell(events.Returned(action.worker, groups))

    def _recruit(self, action: actions.Recruit) -> None:
        try:
            self.backend.recruit(action.worker)
        except ProcessionError as error:
            self._refused(action.worker, error)

    def _refused(self, worker: int, error: BaseException) -> None:
        self._start_error = error
        self.tell(events.Refused(worker))
        self._recruit_late()

    def _recruit_late(self) -> None:
        for worker in self.backend.put_off() if self.broken is None else ():
            self._recruit(actions.Recruit(worker))

    def _retire(self, action: actions.Retire) -> None:
        self.backend.retire(action.worker, monotonic() + GRACE_SECONDS)
        self._watch.wake()

    def _abort(self, action: actions.Abort) -> None:
        self.stop(self._start_error or StartFailed(reason="they die before they are ready", hint=None))

    # News.

    def hear(self, news: Sequence[base.News]) -> None:
        """Take in what workers have to say; outside of the lock."""
        logged: After = [partial(records.handle, each) for each in news if type(each) is base.Logged]
        try:
            if logged:  # before the outcomes, and without the lock: handlers are users' code
                self.follow.up(logged)
        finally:  # also where Ctrl-C struck: what was heard is heard once
            if news:
                self.do(lambda: self._hear_all(news))

    def _hear_all(self, news: Sequence[base.News]) -> None:
        for each in news:
            self._hear(each)

    def _hear(self, news: base.News) -> None:
        if isinstance(news, base.Ended):
            self._ended(news)
        elif isinstance(news, base.Ready):
            self.tell(events.Joined(news.worker))
        elif isinstance(news, base.Gone):
            self._lost(news)
        elif isinstance(news, base.Logged):
            self.after.append(partial(records.handle, news))
        elif isinstance(news, base.Refused):
            self._refused(news.worker, news.error)
        elif isinstance(news, base.Broken):
            self.stop(news.error)

    def _ended(self, news: base.Ended) -> None:
        ended = self.sent.end(news.batch, news.count, news.results)
        if ended is None:
            raise InternalError(message=f"results for batch {news.batch}", events=self.scheduler.history)
        sent, begin = ended
        results = news.results
        if sent.call.number in self.calls:
            self._weigh(sent.call, 1, news.size, news.count)
            if sent.call.options.policy is not None:
                self.policies.ended(sent, begin, news)
                return
            pid = self.backend.pid(news.worker)
            sent.call.accept(sent.start + begin, sent.items[begin : sent.done], results, pid)
            sent.call.count(results, self.after)
        self.tell(events.Finished(news.worker, news.batch, news.count, news.seconds))

    def _lost(self, news: base.Gone) -> None:
        self.sent.lose(news.worker)
        self._gone = news
        if not self.broken:
            reason = f"worker {news.pid} {errors.describe_exit(news.exitcode)} before its initializer had ended"
            self._start_error = StartFailed(reason=reason, hint=news.hint)
        worth = None if self.policies is None else self.policies.worth_of(news.worker)
        self.tell(events.Died(news.worker, news.batch, news.position, news.running, news.orphaned, worth))
        if self.policies is not None:
            self.policies.forget(news.worker)
        self._recruit_late()

    # The end.

    def stop(self, error: BaseException) -> None:
        """Under the lock: end all calls with an error and let no worker live.

        Ctrl-C may strike in the midst; then this is called once more, and does what was left.
        """
        self.broken = self.broken or error
        self.closed = self.singles.hungry = True
        for number, call in list(self.calls.items()):
            call.fail(self.broken, self.after)
            del self.calls[number]
            self.scheduler.handle(events.Cancelled(number), monotonic())
        self.scheduler.handle(events.Closed(), monotonic())
        self.backend.stop(monotonic() + STOP_SECONDS)
        self._watch.wake()

    @property
    def over(self) -> bool:
        """True when nothing is left to be done and nobody is left to do it."""
        if not self.closed or self.backend.links:
            return False
        with self.lock:
            return self.broken is not None or self.scheduler.idle

    # The thread.

    def run(self) -> None:
        """Hear news until the end."""
        self.follow.threads.add(threading.get_ident())
        try:
            while not self.over:
                self._turn()
        except BaseException as error:
            notices.print_error()
            reason = f"its engine failed: {type(error).__name__}: {error}"
            self.do(lambda: self.stop(PoolTerminated(reason=reason)))
            self.backend.kill_late(float("inf"))

    def _turn(self) -> None:
        with self.lock:
            until = min((time for each in self.deadlines if (time := each()) is not None), default=None)
            self._sleeping_until = until
            self._asleep = True
        ready = self._watch.wait(None if until is None else until - monotonic())
        self._asleep = False
        for _ in range(len(self._requests)):  # one that asks once more does so after the reading
            self._requests.popleft()()
        for descriptor in ready:
            self._read_one(descriptor)
        if until is not None and monotonic() >= until:
            self.do(self._tick)

    def _read_one(self, descriptor: int) -> None:
        if descriptor == self.backend.descriptor:
            self.do(lambda: self._hear_all(self.backend.hear_all()))
            return
        with self.lock:
            link = self.backend.link_at(descriptor)
            if link is None or link.borrowed:
                return
            link.borrowed = True  # by this thread, until all that it said has been settled
        try:
            self.hear(self.backend.hear(link))
        finally:
            with self.lock:
                link.borrowed = False
                self.backend.watch(link)  # what was sent to it meanwhile may not have gone out whole; or now it has

    def _tick(self) -> None:
        now = monotonic()
        killed = self.backend.kill_late(now)
        if self.broken is None:  # else it was to end at once
            self.after.extend(lambda pid=pid: notices.worker_killed(pid) for pid in killed)  # type: ignore[misc]
        deadline = self.scheduler.next_deadline()
        if deadline is not None and now >= deadline:
            self.tell(events.Ticked())

    def lend(self, link: Link | None, loan: Loan) -> None:
        """Under the lock: let a caller read a worker's channel by itself, if nobody does and nothing hinders it."""
        if self.broken is None:
            loan.take(link, self.backend)
