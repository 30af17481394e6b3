"""The calls of `aio.Pool`: `apply`, `map`, `starmap`, `stream`.

Knows: their signatures, and what they promise: none blocks the event loop; cancelling one cancels what it waits for.
Must not know: how a pool begins and ends, how items reach workers.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, Literal, TypeVar, overload

from procession.aio_results import Mail, Pending
from procession.aio_streams import AsyncFeeder, Stream, feed_of, read_whole
from procession.engine.engine import Engine
from procession.engine.inquiry import drop_call, drop_single
from procession.intake import Intake, length_of
from procession.model.outcome import Outcome
from procession.model.task import Style, TaskOptions

T = TypeVar("T")
R = TypeVar("R")

Items = AsyncIterable[T] | Iterable[T]


class Calls:
    """What a pool does with functions and items, awaited.

    Args:
        engine: Runs them.
        intake: Takes them in.
        kill_on_cancel: As `aio.Pool` has it.
    """

    def __init__(self, engine: Engine, intake: Intake, kill_on_cancel: bool) -> None:
        self._engine = engine
        self._intake = intake
        self._kill = kill_on_cancel
        self._mail: Mail | None = None
        self._streams: weakref.WeakSet[Stream[Any]] = weakref.WeakSet()
        self._feeders: weakref.WeakSet[asyncio.Task[None]] = weakref.WeakSet()

    def _mail_here(self) -> Mail:
        """The mail of the running loop."""
        loop = asyncio.get_running_loop()
        mail = self._mail
        if mail is None or mail.loop is not loop:
            mail = self._mail = Mail(loop)
        return mail

    # One item.

    @overload
    async def apply(
        self, func: Callable[..., Awaitable[R]], /, *args: Any, kill_on_cancel: bool | None = None, **kwargs: Any
    ) -> R: ...
    @overload
    async def apply(
        self, func: Callable[..., R], /, *args: Any, kill_on_cancel: bool | None = None, **kwargs: Any
    ) -> R: ...
    async def apply(
        self, func: Callable[..., Any], /, *args: Any, kill_on_cancel: bool | None = None, **kwargs: Any
    ) -> Any:
        """Call `func(*args, **kwargs)` in a worker and return its result.

        Cancelling it cancels the item: what has not begun never will.

        Args:
            func: Any callable; a coroutine function is run by an event loop of the worker's.
            kill_on_cancel: As the pool has it, for this call.

        Raises:
            WorkerDied: The worker died while it ran it.
            ValueError: The pool is closed.
            BaseException: What the function raised.
        """
        pending = Pending(self._mail_here())
        single = self._intake.single(func, args, kwargs, pending)
        if single is not None:
            self._engine.submit_single(single)
        try:
            await pending.future
        except BaseException:
            pending.dropped = True
            if single is not None:
                drop_single(self._engine, single, self._kills(kill_on_cancel))
            raise
        return pending.result()

    # Many items, one result.

    @overload
    async def map(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Items[T],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
    ) -> list[R]: ...
    @overload
    async def map(
        self,
        func: Callable[[T], R],
        items: Items[T],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
    ) -> list[R]: ...
    @overload
    async def map(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Items[T],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
    ) -> list[Outcome[R]]: ...
    @overload
    async def map(
        self,
        func: Callable[[T], R],
        items: Items[T],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
    ) -> list[Outcome[R]]: ...
    async def map(
        self,
        func: Callable[[T], Any],
        items: Items[T],
        chunksize: int | None = None,
        *,
        outcomes: bool = False,
        kill_on_cancel: bool | None = None,
    ) -> list[Any]:
        """Call `func` on every item and return the results in order, when all have ended.

        Args:
            items: Any iterable, also an asynchronous one; it is read to its end first.
            chunksize: Items that travel together. None: sized by their measured duration.
            outcomes: Return an `Outcome` per item, and raise for none.
            kill_on_cancel: As the pool has it, for this call.

        Raises:
            BaseException: The error of the first item that failed, after all have ended; `procession.failure` tells
                which item it was and how the others ended.
            ValueError: The pool is closed.
        """
        return await self._many(Style.CALL, func, items, chunksize, outcomes, kill_on_cancel)

    @overload
    async def starmap(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
    ) -> list[R]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., R],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
    ) -> list[R]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
    ) -> list[Outcome[R]]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., R],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
    ) -> list[Outcome[R]]: ...
    async def starmap(
        self,
        func: Callable[..., Any],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        outcomes: bool = False,
        kill_on_cancel: bool | None = None,
    ) -> list[Any]:
        """As `map`, but each item is a tuple of arguments: `func(*item)`."""
        return await self._many(Style.STAR, func, items, chunksize, outcomes, kill_on_cancel)

    async def _many(
        self,
        style: Style,
        func: Callable[..., Any],
        items: Items[Any],
        chunksize: int | None,
        outcomes: bool,
        kill_on_cancel: bool | None,
    ) -> list[Any]:
        options = TaskOptions(chunksize=chunksize, ordered=False, timed=outcomes)
        self._engine.usable()
        inputs = await read_whole(items)
        pending = Pending(self._mail_here())
        call = self._intake.many(style, func, inputs, options, pending)
        try:
            await pending.future
        except BaseException:
            if call is not None:
                drop_call(self._engine, call, self._kills(kill_on_cancel))
            raise
        results: list[Any] = pending.result()
        return results

    # Many items, one after another.

    @overload
    def stream(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Items[T],
        *,
        ordered: bool = True,
        chunksize: int | None = None,
        kill_on_cancel: bool | None = None,
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        func: Callable[[T], R],
        items: Items[T],
        *,
        ordered: bool = True,
        chunksize: int | None = None,
        kill_on_cancel: bool | None = None,
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Items[T],
        *,
        ordered: bool = True,
        outcomes: Literal[True],
        chunksize: int | None = None,
        kill_on_cancel: bool | None = None,
    ) -> Stream[Outcome[R]]: ...
    @overload
    def stream(
        self,
        func: Callable[[T], R],
        items: Items[T],
        *,
        ordered: bool = True,
        outcomes: Literal[True],
        chunksize: int | None = None,
        kill_on_cancel: bool | None = None,
    ) -> Stream[Outcome[R]]: ...
    def stream(
        self,
        func: Callable[[T], Any],
        items: Items[T],
        *,
        ordered: bool = True,
        outcomes: bool = False,
        chunksize: int | None = None,
        kill_on_cancel: bool | None = None,
    ) -> Stream[Any]:
        """Call `func` on the items; return an asynchronous iterator over the results.

        The input is read only as far ahead as the workers need; unread results are bounded too. An item that failed
        raises at its place; the next `anext()` goes on.

        Args:
            items: Any iterable, also an endless one. An asynchronous one is read on the event loop, a list, tuple or
                range where its items are sent, any other in a thread.
            ordered: Yield in the order of the inputs; False: as they finish.
            outcomes: Yield an `Outcome` per item, and raise for none.
            chunksize: Items that travel together. None: sized by their measured duration.
            kill_on_cancel: As the pool has it, for this call.

        Raises:
            ValueError: The pool is closed.
            RuntimeError: No event loop is running.
        """
        mail = self._mail_here()
        call = self._intake.lazy(func, length_of(items), chunksize, ordered, outcomes)
        stream: Stream[Any] = Stream(self._engine, self, call, self._mail_here, self._kills(kill_on_cancel))
        if not call.finished:
            feed = feed_of(call, items, mail)
            self._engine.feed(feed)
            self._streams.add(stream)
            if isinstance(feed, AsyncFeeder) and feed.task is not None:
                self._feeders.add(feed.task)
        return stream

    def _kills(self, kill_on_cancel: bool | None) -> bool:
        return self._kill if kill_on_cancel is None else kill_on_cancel
