"""The feeder: reads the input of one lazy call in a thread of its own, as far ahead as it may.

Knows: one iterator, one call.
Must not know: workers. It runs users' code (the iterator's) and nothing else does.

How it works: items go one by one into the call's deque, without a lock. While a worker is hungry each item is told at
once; otherwise they are told in steps, so that a trivial item costs some 60 ns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from procession.engine.calls import LazyCall
from procession.engine.loop import Loop
from procession.model.light import Any
from procession.scheduler import events


class Feeder:
    """Feeds a call.

    Args:
        loop: Told of items that are at hand.
        call: Whose input it is.
        items: The user's iterator.
    """

    def __init__(self, loop: Loop, call: LazyCall, items: Iterator[Any]) -> None:
        self._loop = loop
        self._call = call
        self._items = items
        self._told = 0
        self._read = 0
        self._room = threading.Semaphore(0)
        self._waiting = False

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name="procession-feeder", daemon=True).start()

    def more(self) -> None:
        """Under the engine's lock: the call's limit or hunger has changed, or it has ended."""
        self._tell_what_is_there()
        if self._waiting:
            self._waiting = False
            self._room.release()

    def _tell_what_is_there(self) -> None:
        call = self._call
        count = self._read - self._told
        if not self._told and count:
            call.guess_weight(call.fresh[0])
            self._loop.scheduler.handle(events.Weighed(call.number, call.weight), 0.0)
        chunk = call.options.chunksize
        if chunk is not None:
            count -= count % chunk
        if count > 0 and not call.finished:
            self._told += count
            self._loop.tell(events.Fed(call.number, count))

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._pump()
        except BaseException as raised:
            error = raised
        self._items = iter(())
        self._end(error)

    def _pump(self) -> None:
        call, append = self._call, self._call.fresh.append
        step_end = 0
        for item in self._items:
            append(item)
            self._read += 1
            if call.hungry or self._read >= step_end:
                step_end = self._pause()
            if call.finished:
                return

    def _pause(self) -> int:
        """Tell of what was read, wait for room; return how far to read before the next look."""
        call = self._call
        while True:
            self._loop.do(self._look)
            if call.finished:
                return 0
            if not self._waiting:
                return self._read + max(1, (call.limit - self._read) // 4)
            self._room.acquire()

    def _look(self) -> None:
        self._call.hungry = False
        self._tell_what_is_there()
        self._waiting = not self._call.finished and self._read >= self._call.limit

    def _end(self, error: BaseException | None) -> None:
        self._loop.do(lambda: self._exhaust(error))

    def _exhaust(self, error: BaseException | None) -> None:
        call = self._call
        if call.finished:
            return
        if error is None:
            rest, self._told = self._read - self._told, self._read
            if call.progress is not None:
                call.progress.total = self._read
            if rest:
                self._loop.tell(events.Fed(call.number, rest))
        else:  # a chunk that could not be read to its end is dropped, as multiprocessing does
            self._tell_what_is_there()
            call.error = error
        self._loop.tell(events.Exhausted(call.number))
