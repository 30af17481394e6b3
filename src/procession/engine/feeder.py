"""Feeders: they read the input of one lazy call as far ahead as they may.

Knows: one input, one call.
Must not know: workers. A feeder runs users' code (the iterator's) and nothing else does.

How it works: items go one by one into the call's deque, without a lock. While a worker is hungry each item is told at
once; otherwise they are told in steps, so that a trivial item costs some 60 ns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice

from procession.engine.calls import LazyCall
from procession.engine.loop import Loop
from procession.model.light import Any
from procession.scheduler import events


class Feed:
    """What all feeders have in common: how far they have read, and what of it was told.

    Args:
        call: Whose input it is.
    """

    loop: Loop  # told of items that are at hand; the engine sets it

    def __init__(self, call: LazyCall) -> None:
        self.call = call
        self.read = 0
        self.waiting = False  # for room
        self._told = 0

    def start(self) -> None:
        """Begin to read; the call has been entered.

        Raises:
            RuntimeError: The system refused a thread.
        """
        raise NotImplementedError

    def more(self) -> None:
        """Under the engine's lock: the call's limit or hunger has changed, or it has ended."""
        self.tell_what_is_there()
        if self.waiting:
            self.waiting = False
            self.wake()

    def wake(self) -> None:
        """Under the engine's lock: there is room again, or the call has ended."""
        raise NotImplementedError

    def tell_what_is_there(self) -> None:
        """Under the engine's lock: tell of what was read, but for a chunk that is not whole."""
        call = self.call
        count = self.read - self._told
        if not self._told and count:
            call.guess_weight(call.fresh[0])
            self.loop.scheduler.handle(events.Weighed(call.number, call.weight), 0.0)
        chunk = call.options.chunksize
        if chunk is not None and not call.halting:
            count -= count % chunk
        if count > 0 and not call.finished:
            self._told += count
            self.loop.tell(events.Fed(call.number, count, call.take_ranks(count)))

    def look(self) -> None:
        """Under the engine's lock: tell of what was read, see whether to wait for room."""
        self.call.hungry = False
        self.tell_what_is_there()
        self.waiting = not self.call.finished and self.read >= self.call.limit

    def exhaust(self, error: BaseException | None) -> None:
        """Under the engine's lock: the input has ended, by itself or with an error."""
        call = self.call
        if call.finished:
            return
        if error is None:
            rest, self._told = self.read - self._told, self.read
            if call.progress is not None:
                call.progress.total = self.read
            if rest:
                self.loop.tell(events.Fed(call.number, rest, call.take_ranks(rest)))
        else:  # a chunk that could not be read to its end is dropped, as multiprocessing does
            self.tell_what_is_there()
            call.error = error
        self.loop.tell(events.Exhausted(call.number))


class Feeder(Feed):
    """Reads any iterator, in a thread of its own.

    Args:
        call: Whose input it is.
        items: The user's iterator.
    """

    def __init__(self, call: LazyCall, items: Iterator[Any]) -> None:
        super().__init__(call)
        self._items = items
        self._room = threading.Semaphore(0)

    def start(self) -> None:
        threading.Thread(target=self._run, name="procession-feeder", daemon=True).start()

    def wake(self) -> None:
        self._room.release()

    def pull(self) -> bool:
        """In place of the thread: read one item in the calling one; False at the end of the input."""
        try:
            item = next(self._items)
        except StopIteration:
            self._end(None)
        except BaseException as error:
            self._end(error)
        else:
            return self._take(item)
        self.release()
        return False

    def _take(self, item: Any) -> bool:
        try:
            self.call.append(item)
        except Exception as error:  # of the function that gives its priority
            self._end(error)
            self.release()
            return False
        self.read += 1
        self.loop.do(self.tell_what_is_there)
        return True

    def release(self) -> None:
        """Let go of the user's iterator."""
        self._items = iter(())

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._pump()
        except BaseException as raised:
            error = raised
        self._items = iter(())
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        self.loop.do(lambda: self.exhaust(error))

    def _pump(self) -> None:
        call, append = self.call, self.call.append
        step_end = 0
        for item in self._items:
            append(item)
            self.read += 1
            if call.hungry or self.read >= step_end:
                step_end = self._pause()
            if call.finished:
                return

    def _pause(self) -> int:
        """Tell of what was read, wait for room; return how far to read before the next look."""
        call = self.call
        while True:
            self.loop.do(self.look)
            if call.finished:
                return 0
            if not self.waiting:
                return self.read + max(1, (call.limit - self.read) // 4)
            self._room.acquire()


class Stock(Feed):
    """Hands on an input that is at hand and whose reading runs no code of users': it needs no thread.

    Args:
        call: Whose input it is.
        items: A list, a tuple or a range.
    """

    def __init__(self, call: LazyCall, items: Sequence[Any]) -> None:
        super().__init__(call)
        self._items = iter(items)
        self._length = len(items)
        self._empty = False
        self._error: BaseException | None = None

    def start(self) -> None:
        pass  # when the call was entered, `more` was told how far to read

    def more(self) -> None:
        call = self.call
        room = call.limit - self.read
        if self._empty or call.finished or room <= 0:
            return
        taken = self._take(room)
        self.read += taken
        self.tell_what_is_there()
        if taken < room or self.read >= self._length:
            self._empty = True
            self.exhaust(self._error)

    def _take(self, room: int) -> int:
        """Hand on up to so many items; say how many there were."""
        before = len(self.call.fresh)
        if self.call.append == self.call.fresh.append:
            self.call.fresh.extend(islice(self._items, room))
            return len(self.call.fresh) - before
        try:
            for item in islice(self._items, room):
                self.call.append(item)
        except Exception as error:  # of the function that gives priorities
            self._error = error
        return len(self.call.fresh) - before
