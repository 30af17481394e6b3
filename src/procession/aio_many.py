"""The calls of `aio.Pool` whose results come all together: `map`, `starmap`.

Knows: their signatures; how a caller waits on its event loop, and that cancelling it cancels what it waits for.
Must not know: how a pool begins and ends, how items reach workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from procession.aio_results import Mail, Pending
from procession.aio_streams import read_whole
from procession.engine.engine import Engine
from procession.engine.inquiry import drop_call
from procession.intake import Intake, with_keywords
from procession.model.outcome import Outcome
from procession.model.task import Style, TaskOptions

if TYPE_CHECKING:
    from typing import Unpack

    from procession.model.policy import ItemOptions

T = TypeVar("T")
R = TypeVar("R")

Items = AsyncIterable[T] | Iterable[T]
Keywords = Mapping[str, Any] | None


class ManyCalls:
    """What a pool does with a function and all of its items, awaited.

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

    def _mail_here(self) -> Mail:
        """The mail of the running loop."""
        loop = asyncio.get_running_loop()
        mail = self._mail
        if mail is None or mail.loop is not loop:
            mail = self._mail = Mail(loop)
        return mail

    def _kills(self, kill_on_cancel: bool | None) -> bool:
        return self._kill if kill_on_cancel is None else kill_on_cancel

    @overload
    async def map(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Items[T],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    async def map(
        self,
        func: Callable[[T], R],
        items: Items[T],
        chunksize: int | None = None,
        *,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
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
        **options: Unpack[ItemOptions],
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
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    async def map(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    async def map(
        self,
        func: Callable[..., R],
        items: Items[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    async def map(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    async def map(
        self,
        func: Callable[..., R],
        items: Items[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    async def map(
        self,
        func: Callable[..., Any],
        items: Items[Any],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Any]:
        """Call `func` on every item and return the results in order, when all have ended.

        Args:
            items: Any iterable, also an asynchronous one; it is read to its end first.
            chunksize: Items that travel together. None: sized by their measured duration.
            kwargs: Keyword arguments, the same for all items: they travel once.
            outcomes: Return an `Outcome` per item, and raise for none.
            kill_on_cancel: As the pool has it, for this call.
            options: What holds for each item: time limits, retries, stop rules (`model.policy.ItemOptions`).

        Raises:
            BaseException: The error of the first item that failed, after all have ended; `procession.failure` tells
                which item it was and how the others ended.
            ValueError: The pool is closed.
        """
        return await self._many(
            Style.CALL, with_keywords(func, kwargs), items, chunksize, outcomes, kill_on_cancel, options
        )

    @overload
    async def starmap(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., R],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., Awaitable[R]],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    async def starmap(
        self,
        func: Callable[..., R],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: Literal[True],
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    async def starmap(
        self,
        func: Callable[..., Any],
        items: Items[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        kill_on_cancel: bool | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[Any]:
        """As `map`, but each item is a tuple of arguments: `func(*item)`."""
        return await self._many(
            Style.STAR, with_keywords(func, kwargs), items, chunksize, outcomes, kill_on_cancel, options
        )

    async def _many(
        self,
        style: Style,
        func: Callable[..., Any],
        items: Items[Any],
        chunksize: int | None,
        outcomes: bool,
        kill_on_cancel: bool | None,
        policy: Mapping[str, object],
    ) -> list[Any]:
        options = TaskOptions(chunksize=chunksize, ordered=False, timed=outcomes)
        options.policy = self._intake.policy(policy)
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
