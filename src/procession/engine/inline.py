"""The engine of a serial pool: whoever asks for an outcome runs the items that lead to it, in its own thread.

Knows: when somebody waits, and that one thread works at a time.
Must not know: how an item is run.

How it works: a call hands its items over and then works off all that waits, so it has its outcomes when it returns
(`submit` and `apply_async` too). A lazy call reads one input and runs it whenever its caller asks for the next outcome
and none is there. A second thread waits for its turn before it hands anything over, so every item runs in the thread of
its own caller. The engine's thread is there as with any backend, but has nothing to do before the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, sleep

from procession.backends.inside import Inside
from procession.backends.serial import Serial
from procession.engine.calls import Call, Chunk, LazyCall
from procession.engine.feeder import Feed, Feeder
from procession.engine.inside import InsideEngine
from procession.engine.singles import Single
from procession.launcher.start_methods import Method
from procession.model.settings import Settings
from procession.scheduler import events

NAP_SECONDS = 0.05  # of a wait for an item that may not begin yet


class InlineEngine(InsideEngine):
    """Runs calls in their callers' threads."""

    _backend: Serial

    def __init__(self, method: Method, settings: Settings) -> None:
        self._turn = threading.RLock()  # taken before the engine's lock, never after it
        self._inputs: dict[LazyCall, Feeder] = {}  # of lazy calls, until they have ended
        super().__init__(method, settings)

    def _open(self, settings: Settings) -> Inside:
        return Serial(settings, self._lock)

    def _begin(self, settings: Settings) -> None:
        super()._begin(settings)
        try:
            self._work_off(None)
        except BaseException:  # Ctrl-C in the initializer
            self.terminate("its start was broken off")
            raise

    def _work_off(self, call: Call | None) -> None:
        """Run all that waits.

        Raises:
            BaseException: Ctrl-C broke off an item; `call` ends with it.
        """
        users, me = self._backend.users, threading.get_ident()
        if me in users:  # an item has submitted another one: that follows when it has ended
            return
        with self._turn:
            if self._singles.fresh:
                self._loop.do(lambda: None)
            try:
                users.add(me)  # in here: Ctrl-C may strike right behind it
                interrupt = self._backend.work_off()
            except BaseException as error:  # Ctrl-C between two items: nobody can say any more what has ended
                self.terminate(f"{type(error).__name__} broke off its work in the middle")
                raise
            finally:
                users.discard(me)
        if interrupt is not None:
            if call is not None:
                self.cancel(call)
            if isinstance(call, LazyCall):
                call.ready.clear()  # what was broken off is no outcome
            raise interrupt

    def _wait_for_turn(self, call: Call) -> bool:
        """Wait until an item of a call that may not begin yet can begin; False if there is none."""
        due = self._loop.scheduler.next_deadline()
        if due is None or call.options.policy is None:
            return False
        sleep(min(max(0.0, due - monotonic()), NAP_SECONDS))  # it may be stopped meanwhile
        if monotonic() < due:
            return True
        self._loop.do(lambda: self._loop.tell(events.Ticked()))
        return True

    # Calls.

    def submit(self, call: Call, length: int) -> None:
        """Run a call all of whose items are known."""
        with self._turn:
            super().submit(call, length)
            self._work_off(call)
            while call.number in self._loop.calls and self._wait_for_turn(call):
                self._work_off(call)

    def submit_single(self, single: Single) -> None:
        """Run one item that names its own function."""
        with self._turn:
            super().submit_single(single)
            self._work_off(None)

    def run_single(self, single: Single, done: Callable[[], bool]) -> None:
        """As `submit_single`."""
        self.submit_single(single)

    def feed(self, feed: Feed) -> None:
        """Take in a call whose input is read, item by item, by who takes the outcomes."""
        call, feed.loop = feed.call, self._loop
        call.bring = self._bring
        if not isinstance(feed, Feeder):
            super().feed(feed)
            return
        call.more = feed.more
        self._do(lambda: self._enter(call, None))
        self._inputs[call] = feed

    def next_chunk(self, call: LazyCall, taken: int, timeout: float | None) -> Chunk | None:
        """Run until there are outcomes of a lazy call, and give them; None at their end. No timeout ends an item."""
        self.may_wait()
        if taken and not call.finished:
            self._loop.do(lambda: self._loop.tell(events.Consumed(call.number, taken)))
        self._bring(call)
        return super().next_chunk(call, 0, timeout)

    def _bring(self, call: LazyCall) -> None:
        while not (call.ready or call.finished) and self._advance(call):
            pass

    def _advance(self, call: LazyCall) -> bool:
        """Bring a lazy call a step further; False if nothing can be done for it here."""
        with self._turn:
            if call.ready or call.finished:  # another thread did it
                return True
            self._work_off(call)
            feed = self._inputs.get(call)
            if call.ready or call.finished:
                return True
            if self._wait_for_turn(call):
                return True
            if feed is None:
                return False
            if not feed.pull():
                self._inputs.pop(call, None)
            self._work_off(call)
            return True

    def cancel(self, call: Call) -> None:
        """Nobody wants the rest of a call."""
        super().cancel(call)
        if isinstance(call, LazyCall):
            self._release(call)

    def _release(self, call: LazyCall) -> None:
        feed = self._inputs.pop(call, None)
        if feed is not None:
            feed.release()

    # The end.

    def terminate(self, reason: str) -> None:
        """End all calls; an item that another thread runs goes on, and nobody hears of it."""
        super().terminate(reason)
        for call in list(self._inputs):
            self._release(call)

    def join(self, timeout: float | None = None) -> None:
        """Run what waits, read lazy inputs as far ahead as they may be, and wait for the end."""
        if self.can_wait and not self.ended:
            self._work_off(None)
            for call, feed in list(self._inputs.items()):
                while feed.read < call.limit and call in self._inputs and not call.finished:
                    self._read_on(call, feed)
        super().join(timeout)

    def when_ended(self, told: Callable[[], None]) -> None:
        """As `join`, but for the lazy inputs: who waits so reads them by itself."""
        if self.can_wait and not self.ended:
            self._work_off(None)
        super().when_ended(told)

    def _read_on(self, call: LazyCall, feed: Feeder) -> None:
        with self._turn:
            if not feed.pull():
                self._inputs.pop(call, None)
            self._work_off(call)

    def abandon(self) -> None:
        """In a forked child: who had the turn does not exist here."""
        super().abandon()
        self._turn = threading.RLock()
