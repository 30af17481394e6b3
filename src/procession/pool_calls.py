"""The calls of a pool: `apply`, `map`, `imap` and their like.

Knows: their names, signatures and promises, as multiprocessing.pool has them.
Must not know: how a pool begins and ends, how items reach workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from procession.intake import with_keywords
from procession.model.light import TYPE_CHECKING, Any, Literal, TypeVar, overload
from procession.model.task import Style
from procession.pool_streams import Keywords, PoolStreams
from procession.results import AsyncResult, make_future

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Unpack

    from procession.model.outcome import Outcome
    from procession.model.policy import ItemOptions

T = TypeVar("T")
R = TypeVar("R")

Callback = Callable[[Any], object] | None
ErrorCallback = Callable[[BaseException], object] | None


class PoolCalls(PoolStreams):
    """What a pool does with functions and items."""

    # One item.

    @overload
    def apply(
        self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Keywords = None, **options: Unpack[ItemOptions]
    ) -> R: ...
    @overload
    def apply(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Keywords = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> Outcome[R]: ...
    def apply(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Keywords = None,
        *,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """Call `func(*args, **kwds)` in a worker and return its result.

        Raises:
            WorkerDied: The worker died while it ran it.
            ValueError: The pool is closed.
            BaseException: What the function raised.
        """
        self._engine.may_wait()
        if options:
            return self._intake.one(self, func, args, kwds, None, None, outcomes, options).get()
        result: AsyncResult[Any] = AsyncResult(self._engine, self, None, None, outcomes)
        single = self._intake.single(func, args, kwds, result)
        if single is not None:
            self._engine.run_single(single, result.ready)
        return result.get()

    @overload
    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Keywords = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[R]: ...
    @overload
    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Keywords = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[Outcome[R]]: ...
    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Keywords = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """Call `func(*args, **kwds)` in a worker; return at once.

        Args:
            callback: Called with the result, in a thread of the pool's; it must not wait for this pool.
            error_callback: Called with the error instead.
            options: What holds for the call: time limits, retries (`model.policy.ItemOptions`).

        Raises:
            ValueError: The pool is closed.
        """
        if options:
            return self._intake.one(self, func, args, kwds, callback, error_callback, outcomes, options)
        result: AsyncResult[Any] = AsyncResult(self._engine, self, callback, error_callback, outcomes)
        single = self._intake.single(func, args, kwds, result)
        if single is not None:
            self._engine.submit_single(single)
        return result

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Call `fn(*args, **kwargs)` in a worker; return a `concurrent.futures.Future`.

        Raises:
            ValueError: The pool is closed.
        """
        future = make_future(self._engine, self)
        single = self._intake.single(fn, args, kwargs, future)
        if single is not None:
            self._engine.submit_single(single)
        return future

    # Many items, one result.

    @overload
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    def map(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    def map(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    def map(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """Call `func` on every item and return the results in order, when all have ended.

        Args:
            func: A function of one item, or what `procession.chunked` made.
            chunksize: Items that travel together. None: sized by their measured duration.
            kwargs: Keyword arguments, the same for all items: they travel once.
            outcomes: Return an `Outcome` per item, and raise for none.
            options: What holds for each item: time limits, retries, stop rules (`model.policy.ItemOptions`).

        Raises:
            BaseException: The error of the first item that failed, after all have ended; `procession.failure` tells
                which item it was and how the others ended.
            ValueError: The pool is closed.
        """
        self._engine.may_wait()
        func = with_keywords(func, kwargs)
        return self._intake.map(self, Style.CALL, func, iterable, chunksize, None, None, outcomes, False, options).get()

    @overload
    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[R]]: ...
    @overload
    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[Outcome[R]]]: ...
    @overload
    def map_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Mapping[str, Any],
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[R]]: ...
    @overload
    def map_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[Outcome[R]]]: ...
    def map_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """As `map`, but return at once."""
        func = with_keywords(func, kwargs)
        return self._intake.map(
            self, Style.CALL, func, iterable, chunksize, callback, error_callback, outcomes, True, options
        )

    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        **options: Unpack[ItemOptions],
    ) -> list[R]: ...
    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> list[Outcome[R]]: ...
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """As `map`, but each item is a tuple of arguments: `func(*item)`."""
        self._engine.may_wait()
        func = with_keywords(func, kwargs)
        return self._intake.map(self, Style.STAR, func, iterable, chunksize, None, None, outcomes, False, options).get()

    @overload
    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Keywords = None,
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[R]]: ...
    @overload
    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Keywords = None,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> AsyncResult[list[Outcome[R]]]: ...
    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """As `starmap`, but return at once."""
        func = with_keywords(func, kwargs)
        return self._intake.map(
            self, Style.STAR, func, iterable, chunksize, callback, error_callback, outcomes, True, options
        )
