"""The engine of one pool: what faces call.

Knows: how a pool's parts are put together, started and ended.
Must not know: what an interface promises.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic

from procession.backends.base import Backend, Function
from procession.backends.processes import Processes
from procession.engine import census, notices
from procession.engine.calls import Call, Chunk, LazyCall
from procession.engine.feeder import Feed
from procession.engine.functions import Functions
from procession.engine.lending import Returned, read_lent
from procession.engine.loop import Loop
from procession.engine.members import Member
from procession.engine.singles import Loan, Single, Singles
from procession.engine.waits import VAIN, NothingYet, acquire, join
from procession.engine.watch import Watch
from procession.launcher import child, lifeline
from procession.launcher.start_methods import Method
from procession.model.errors import PoolTerminated, StartFailed
from procession.model.light import Any
from procession.model.settings import Settings
from procession.scheduler import events
from procession.scheduler.scheduler import Scheduler
from procession.wire.functions import Packed, pack_plainly

TOO_MANY_THREADS = "too many processes or threads: raise the limit (ulimit -u), or use fewer workers"


class Engine:
    """Runs calls on a pool of workers.

    Args:
        method: How the workers are born.
        settings: How many, and how they live.

    Raises:
        StartFailed: The system refused processes or descriptors.
    """

    loop_kind = Loop

    def __init__(self, method: Method, settings: Settings) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # it knows its owner, so that none waits for itself: see `_outside`
        try:
            lifeline.fill_standard_descriptors()
            self._watch = Watch()
        except OSError as error:
            raise child.start_failed(error) from error
        self._singles = Singles()
        self._next_call = 0
        self._functions = Functions()
        self._terminated = False
        self.ended = False  # nothing is left of it
        self._wait_for_end: list[Callable[[], None]] = []
        self._title = settings.title
        try:
            self._backend = self._connect(method, settings)
        except BaseException:
            self._watch.close()
            raise
        scheduler = Scheduler(settings.quota, self._backend.cores(), settings.idle_timeout)
        self._loop = self.loop_kind(self._lock, scheduler, self._backend, self._watch, self._singles)
        self.thread = threading.Thread(target=self._run, name="procession-engine", daemon=True)
        self._begin(settings)
        census.note(self)

    def _connect(self, method: Method, settings: Settings) -> Backend:
        return Processes(method, settings, self._watch, self._lock)

    def _begin(self, settings: Settings) -> None:
        self._backend.listen(self._loop.hear, self._loop.request)
        try:
            self._backend.begin_with(settings.initializer, settings.initargs)
        except BaseException:
            self._backend.close()
            self._watch.close()
            raise
        with self._lock:
            self._enter(self._singles, None)
            self._loop.tell(events.Opened(settings.workers, settings.on_demand))
        try:
            self.thread.start()
        except RuntimeError as error:
            failed = StartFailed(reason=str(error), hint=TOO_MANY_THREADS)
            self._loop.do(lambda: self._loop.stop(failed))
            self._run()  # ends the workers
            raise failed from error
        except BaseException:  # Ctrl-C
            self.terminate("its start was broken off")
            raise

    def _run(self) -> None:
        self._loop.run()
        with self._lock:
            self.ended = True
            self._backend.close()
            self._watch.close()
        for told in self._wait_for_end:
            told()

    @property
    def loop(self) -> Loop:
        """What moves the calls along: for those beside the engine that add to a step of it."""
        return self._loop

    # Calls.

    def function(self, function: Callable[..., Any]) -> Function:
        """Pickle a function, or recognize it.

        Raises:
            BaseException: What pickling it raised.
            RuntimeError: Called by what this pool is pickling.
        """
        self._outside()
        known = self._functions.recognize(function)
        if known is None:
            plain = pack_plainly(function, self._backend.store)
            with self._lock:
                packed = plain or self._backend.pack(function)
                known = self._functions.number(packed, None if plain is None else function)
            if packed.stored is not None:
                notices.function_shared(packed.stored.size)
        return known

    def pack(self, value: object) -> Packed:
        """Pickle a value.

        Raises:
            BaseException: What pickling it raised.
            RuntimeError: Called by what this pool is pickling.
        """
        packed = pack_plainly(value, self._backend.store)
        if packed is not None:
            return packed
        self._outside()
        with self._lock:
            return self._backend.pack(value)

    def submit(self, call: Call, length: int) -> None:
        """Hand over a call all of whose items are known.

        Raises:
            ValueError: The pool takes no further calls.
            BaseException: Why the pool is broken.
        """
        self._do(lambda: self._enter(call, length))

    def feed(self, feed: Feed) -> None:
        """Hand over a call whose input is read as it is needed.

        Raises:
            As `submit`.
        """
        call, feed.loop = feed.call, self._loop
        call.more = feed.more
        self._do(lambda: self._enter(call, None))
        try:
            feed.start()
        except RuntimeError as error:
            self.cancel(call)
            raise StartFailed(reason=str(error), hint=TOO_MANY_THREADS) from error

    def _enter(self, call: Call, length: int | None) -> None:
        call.number = self._next_call
        self._next_call += 1
        self._loop.calls[call.number] = call
        function = None if call.function is None else call.function.number
        self._loop.tell(events.Submitted(call.number, length, call.options, function, call.weight, call.ranks))

    def submit_single(self, single: Single) -> None:
        """Hand over one item that names its own function.

        Raises:
            As `submit`.
        """
        self._own()
        self._outside()
        self.usable()
        self._singles.fresh.append(single)
        if self._singles.hungry:
            self._admit(single)

    def _admit(self, single: Single) -> None:
        """Let the scheduler hear of a fresh item; only an end that came since it was appended can refuse it."""
        refused: list[BaseException] = []

        def look() -> None:
            try:
                self.usable()
            except BaseException as error:
                if self._singles.withdraw(single):  # else it was taken in, or has ended with all others
                    refused.append(error)

        self._loop.do(look)
        if refused:
            raise refused[0]

    def run_single(self, single: Single, done: Callable[[], bool]) -> None:
        """Hand over one item; if its worker could start at once, read its channel until `done`.

        Raises:
            As `submit`.
        """
        loan = Loan(single)
        with Returned(self._loop, loan):
            self._do(lambda: self._add(single, loan))
            read_lent(self._loop, loan, done, None)

    def _own(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError("this pool belongs to the parent process; make one of your own here")

    def help(self, single: Single, done: Callable[[], bool], timeout: float | None) -> None:
        """Read the channel of the worker that runs an item until `done`, if nobody else does.

        Args:
            single: The item.
            done: Whether its outcome is there.
            timeout: Seconds, or None.
        """
        until = None if timeout is None else monotonic() + timeout
        loan = Loan(single)
        with Returned(self._loop, loan):
            with self._lock:
                if not done():
                    self._loop.lend(single.link, loan)
            read_lent(self._loop, loan, done, until)

    def _add(self, single: Single, loan: Loan) -> None:
        self._singles.fresh.append(single)
        self._loop.lending = loan
        self._loop.draw()
        self._loop.lending = None

    def next_chunk(self, call: LazyCall, taken: int, timeout: float | None) -> Chunk | None:
        """Wait for the next outcomes of a lazy call, in order; None at their end.

        Args:
            call: The call.
            taken: How many outcomes its caller has used up since it asked last.
            timeout: Seconds, or None.

        Raises:
            NothingYet: Nothing came in time.
            RuntimeError: A callback of this pool must not wait for it.
        """
        self._own()
        self._outside()
        if taken and not call.finished:
            self._loop.do(lambda: self._loop.tell(events.Consumed(call.number, taken)))
        may_wait = self.can_wait
        while True:
            with self._lock:
                if call.ready:
                    return call.ready.popleft()
                if call.finished:
                    return None
                if not may_wait:
                    raise RuntimeError(VAIN)
                waiter = threading.Lock()
                waiter.acquire()
                call.waiting = waiter.release
            if not acquire(waiter, timeout):
                with self._lock:
                    if not (call.ready or call.finished):
                        call.waiting = None
                        raise NothingYet

    def later(self, step: Callable[[], None]) -> None:
        """Let the engine's thread do something: for finalizers, which may run while this thread has the lock."""
        self._loop.request(step)

    def cancel(self, call: Call) -> None:
        """Nobody wants the rest of a call."""
        self._do_always(lambda: self._loop.tell(events.Cancelled(call.number)))

    def _do(self, step: Callable[[], None]) -> None:
        """Do something that only a running pool takes."""
        self._own()
        self._outside()
        refused: list[BaseException] = []

        def checked() -> None:
            try:
                self.usable()  # under the lock: a call that came in after the end would wait for ever
            except BaseException as error:
                refused.append(error)
            else:
                step()

        self._loop.do(checked)
        if refused:
            raise refused[0]

    def _do_always(self, step: Callable[[], None]) -> None:
        """Do something that an ended pool takes too, and a forked copy of it ignores."""
        if os.getpid() != self._pid:
            return
        if self._inside:
            self.later(lambda: self._loop.do(step))
        else:
            self._loop.do(step)

    @property
    def _inside(self) -> bool:
        """True if this thread has the lock already.

        Users' code can run there: what pickling calls, a finalizer, a signal handler.
        """
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]  # what threading.Condition asks, too

    def _outside(self) -> None:
        if self._inside:
            raise RuntimeError("a pool must not be used by what it is pickling, nor in its midst by a signal handler")

    def usable(self) -> None:
        """Check that further calls are taken.

        Raises:
            ValueError: The pool is closed or terminated.
            BaseException: Why it is broken.
        """
        if self._terminated or (self._loop.closed and self._loop.broken is None):
            raise ValueError("the pool is not running any more: it was closed or terminated; make another one")
        if self._loop.broken is not None:
            raise self._loop.broken.with_traceback(None)  # it is raised for every caller

    def may_wait(self) -> None:
        """Check that this thread may wait for an outcome.

        Raises:
            RuntimeError: It runs a callback of this pool, so it would wait for itself; or this is a forked child, in
                which the outcome will never come.
        """
        self._own()
        self._outside()
        if not self.can_wait:
            raise RuntimeError(VAIN)

    @property
    def can_wait(self) -> bool:
        """False if this thread would wait for itself."""
        return threading.get_ident() not in self._loop.follow.threads and not self._inside

    def resize(self, workers: int) -> None:
        """Want another number of workers; raises what `submit` raises."""
        self._do(lambda: self._loop.resize(workers))

    # The end.

    def close(self) -> None:
        """Take no further calls; let the workers end when all is done."""

        def step() -> None:
            if not self._loop.closed:
                self._loop.close()

        self._do_always(step)

    def terminate(self, reason: str) -> None:
        """End all calls with `PoolTerminated`, and all workers: at once those that are idle or react to SIGTERM, the
        others after half a second."""
        self._terminated = self._terminated or self._loop.broken is None
        self._do_always(lambda: self._loop.stop(PoolTerminated(reason=reason)))

    def join(self, timeout: float | None = None) -> None:
        """Wait until all workers have ended (after `close` or `terminate`)."""
        if os.getpid() == self._pid and self.thread is not threading.current_thread():
            join(self.thread, timeout)

    def when_ended(self, told: Callable[[], None]) -> None:
        """Have `told` called, in any thread, when all workers have ended: for who must not `join`."""
        with self._lock:
            if not self.ended:
                self._wait_for_end.append(told)
                return
        told()

    def members(self) -> list[Member]:
        """The workers that live now, or are being started, in the order of their numbers."""
        links = sorted(self._backend.links.items())
        return [Member(self._backend, each, f"{self._title}-{n + 1}", lambda: self.can_wait) for n, each in links]

    def abandon(self) -> None:
        """In a forked child: this pool is the parent's; close our copies of its descriptors."""
        self._lock = self._loop.lock = threading.RLock()
        self._backend.changed = threading.Condition(self._lock)
        self._backend.abandon()
        self._watch.abandon()
