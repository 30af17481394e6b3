"""The calls of `aio.Pool`: `apply`, `stream`, and those of `aio_many.py`.

Knows: their signatures, and what they promise: none blocks the event loop; cancelling one cancels what it waits for.
Must not know: how a pool begins and ends, how items reach workers.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from procession.aio_many import Items, Keywords, ManyCalls
from procession.aio_results import Pending
from procession.aio_streams import AsyncFeeder, Stream, feed_of
from procession.engine.engine import Engine
from procession.engine.inquiry import drop_single
from procession.intake import Intake, length_of, with_keywords
from procession.model.outcome import Outcome

if TYPE_CHECKING:
    from typing import Unpack

    from procession.model.policy import ItemOptions

T = TypeVar("T")
R = TypeVar("R")


class Calls(ManyCalls):
    """What a pool does with functions and items, awaited.

    Args:
        engine: Runs them.
        intake: Takes them in.
        kill_on_cancel: As `aio.Pool` has it.
    """

    def __init__(self, engine: Engine, intake: Intake, kill_on_cancel: bool) -> None:
        super().__init__(engine, intake, kill_on_cancel)
        self._streams: weakref.WeakSet[Stream[Any]] = weakref.WeakSet()
        self._feeders: weakref.WeakSet[asyncio.Task[None]] = weakref.WeakSet()

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
        **options: Unpack[ItemOptions],
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
        **options: Unpack[ItemOptions],
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
        **options: Unpack[ItemOptions],
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
        **options: Unpack[ItemOptions],
    ) -> Stream[Outcome[R]]: ...
    @overload
    def stream(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Any],
        *,
        ordered: bool = True,
        chunksize: int | None = None,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        func: Callable[..., R],
        items: Items[Any],
        *,
        ordered: bool = True,
        chunksize: int | None = None,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Any],
        *,
        ordered: bool = True,
        outcomes: Literal[True],
        chunksize: int | None = None,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> Stream[Outcome[R]]: ...
    @overload
    def stream(
        self,
        func: Callable[..., R],
        items: Items[Any],
        *,
        ordered: bool = True,
        outcomes: Literal[True],
        chunksize: int | None = None,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> Stream[Outcome[R]]: ...
    def stream(
        self,
        func: Callable[..., Any],
        items: Items[Any],
        *,
        ordered: bool = True,
        outcomes: bool = False,
        chunksize: int | None = None,
        kwargs: Keywords = None,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
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
            kwargs: Keyword arguments, the same for all items: they travel once.
            kill_on_cancel: As the pool has it, for this call.
            options: What holds for each item: time limits, retries, stop rules (`model.policy.ItemOptions`).

        Raises:
            ValueError: The pool is closed.
            RuntimeError: No event loop is running.
        """
        mail, policy = self._mail_here(), self._intake.policy(options)
        call = self._intake.lazy(
            with_keywords(func, kwargs), length_of(items), chunksize, ordered, outcomes, policy=policy
        )
        stream: Stream[Any] = Stream(self._engine, self, call, self._mail_here, self._kills(kill_on_cancel))
        if not call.finished:
            feed = feed_of(call, items, mail)
            self._engine.feed(feed)
            self._streams.add(stream)
            if isinstance(feed, AsyncFeeder) and feed.task is not None:
                self._feeders.add(feed.task)
        return stream
