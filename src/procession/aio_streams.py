"""Streams on an event loop: an input is read and outcomes are taken as far as the other side has come.

Knows: asynchronous iterators, one lazy call.
Must not know: how items reach workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, Generic, Self, TypeVar

from procession.aio_results import Mail, Wake
from procession.engine.calls import LazyCall
from procession.engine.engine import Engine
from procession.engine.feeder import Feed, Feeder, Stock
from procession.engine.inquiry import ask, drop_call
from procession.engine.waits import NothingYet

R = TypeVar("R")

STEP_ITEMS = 256  # read between two looks, at the most: a source that never waits lets the loop go on after each
AT_HAND = (list, tuple, range, str, bytes, dict, set, frozenset)  # none of these waits when it is read; no subclass


def feed_of(call: LazyCall, items: AsyncIterable[Any] | Iterable[Any], mail: Mail) -> Feed:
    """Choose who reads an input: nobody where it is at hand; the event loop, if it is asynchronous; else a thread."""
    if isinstance(items, AsyncIterable):
        return AsyncFeeder(call, items, mail)
    if type(items) in AT_HAND:
        return Stock(call, items if isinstance(items, (list, tuple, range)) else list(items))
    return Feeder(call, iter(items))


async def read_whole(items: AsyncIterable[Any] | Iterable[Any]) -> Sequence[Any]:
    """Read an input to its end, without blocking the event loop; what is a sequence already must not change later."""
    if isinstance(items, AsyncIterable):
        return [item async for item in items]
    if type(items) in AT_HAND:
        return items if isinstance(items, (tuple, range)) else list(items)
    wanted = True

    def read() -> list[Any]:
        return list(takewhile(lambda _: wanted, items))

    try:
        return await asyncio.get_running_loop().run_in_executor(None, read)
    finally:
        wanted = False


class AsyncFeeder(Feed):
    """Reads an asynchronous input, in a task of its event loop.

    Args:
        call: Whose input it is.
        items: The user's.
        mail: Of the event loop.
    """

    def __init__(self, call: LazyCall, items: AsyncIterable[Any], mail: Mail) -> None:
        super().__init__(call)
        self._items: AsyncIterator[Any] | None = aiter(items)
        self._mail = mail
        self._room: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = self._mail.loop.create_task(self._run(), name="procession-feeder")

    def more(self) -> None:
        super().more()
        if self.call.finished:
            self._mail.post(self._stop)

    def wake(self) -> None:
        self._mail.post(self._let_in)

    def _let_in(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _stop(self) -> None:
        if self.task is not None:
            self.task.cancel()  # it may wait for its source for ever

    async def _run(self) -> None:
        try:
            await self._pump()
        except Exception as error:
            self._end(error)
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._end(None)
        finally:
            self._items = None

    def _end(self, error: BaseException | None) -> None:
        self.loop.do(lambda: self.exhaust(error))
        self.call.bring(self.call)

    async def _pump(self) -> None:
        call, append = self.call, self.call.append
        assert self._items is not None
        step_end = 0
        async for item in self._items:
            append(item)
            self.read += 1
            if call.hungry or self.read >= step_end:
                step_end = await self._pause()
            if call.finished:
                return

    async def _pause(self) -> int:
        """Tell of what was read, wait for room; return how far to read before the next look."""
        call = self.call
        while True:
            self.loop.do(self.look)
            call.bring(call)
            if call.finished:
                return 0
            if not self.waiting:
                await asyncio.sleep(0)
                return self.read + min(STEP_ITEMS, max(1, (call.limit - self.read) // 4))
            self._room = self._mail.loop.create_future()  # whoever lets us in comes by the loop, so after this
            await self._room


class Stream(AsyncIterator[R], Generic[R]):
    """The results of `aio.Pool.stream`; several tasks may share one.

    It ends at its end, by `aclose`, at the end of an `async with`, when the only task is cancelled that waits for its
    next result, and when it is forgotten. What has not begun then never will.
    """

    def __init__(self, engine: Engine, keep: object, call: LazyCall, mail: Callable[[], Mail], kill: bool) -> None:
        self._engine = engine
        self._keep = keep  # the pool: it must not be collected while its results may come
        self._call = call
        self._mail = mail
        self._kill = kill
        self._values: list[R] = []
        self._failures: dict[int, BaseException] = {}
        self._position = 0  # of the next one in `_values`
        self._turn = asyncio.Lock()  # who waits for the next chunk
        self._readers = 0
        self._broken_off = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        while self._position >= len(self._values):
            await self._advance()
        position = self._position
        self._position += 1
        error = self._failures.pop(position, None)
        try:
            if error is not None:
                raise error
            return self._values[position]
        finally:
            error = None  # it holds this frame

    async def _advance(self) -> None:
        """Wait for the next chunk."""
        self._readers += 1
        try:
            async with self._turn:
                await asyncio.sleep(0)  # chunks that are there already must not keep other tasks waiting
                if self._position >= len(self._values):
                    await self._take_chunk()
        except (asyncio.CancelledError, GeneratorExit):
            if self._readers == 1 and not self._call.finished:
                self._broken_off = True
                self._end()
            raise
        finally:
            self._readers -= 1

    async def _take_chunk(self) -> None:
        if self._broken_off:
            raise RuntimeError("this stream ended when a task was cancelled that waited for it; make another one")
        taken, self._values, self._position = len(self._values), [], 0
        while True:
            wake = Wake(self._mail())
            try:
                chunk = ask(self._engine, self._call, taken, wake)
                break
            except NothingYet:
                taken = 0
            await wake.future
        if chunk is None:
            self._finish()
            raise StopAsyncIteration
        _, self._values, failures = chunk
        self._failures = failures or {}

    def _finish(self) -> None:
        """At the end.

        Raises:
            BaseException: What the input, or the whole call, ended with.
        """
        if self._call.progress is not None:
            self._call.progress.end()  # before our caller sees the end: the engine's thread may be later
        error, self._call.error = self._call.error, None
        self._keep = None
        try:
            if error is not None:
                raise error
        finally:
            error = None  # it holds this frame

    def end_with(self, error: BaseException) -> None:
        """End it; who reads on gets what is there already, then this error."""
        if not self._call.finished:
            self._call.error = self._call.error or error
        self._end()

    def _end(self) -> None:
        if not self._call.finished:
            drop_call(self._engine, self._call, self._kill)

    async def aclose(self) -> None:
        """Take no more results; what has not begun never will."""
        self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._end()
