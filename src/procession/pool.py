"""`Pool`: the interface of `multiprocessing.Pool` on our engine.

Knows: names, signatures and promises of multiprocessing.pool.
Must not know: how items reach workers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

from procession.engine.engine import Engine
from procession.intake import Intake, checked_workers
from procession.launcher import start_methods
from procession.model.errors import MaybeEncodingError as MaybeEncodingError
from procession.model.light import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload
from procession.model.task import Style, positive
from procession.results import AsyncResult, ResultIterator, make_future
from procession.wire.exceptions import RemoteTraceback as RemoteTraceback

if TYPE_CHECKING:
    from concurrent.futures import Future

    from procession.engine.members import Member
    from procession.model.outcome import Outcome

T = TypeVar("T")
R = TypeVar("R")

Keywords = Mapping[str, Any] | None
Callback = Callable[[Any], object] | None
ErrorCallback = Callable[[BaseException], object] | None

RUN, CLOSE, TERMINATE = "RUN", "CLOSE", "TERMINATE"


class Pool:
    """A pool of worker processes.

    Args:
        processes: Number of workers. None: what `procession.launcher.host.worker_count` finds.
        initializer: Called in every worker before its first item.
        initargs: Its arguments.
        maxtasksperchild: Items (chunks, where `chunksize` is given) after which a worker is replaced. None: never.
        context: A start method's name, a context, or None for the default.
        preload: Modules that a clean nursery imports once, before it forks the workers.
        progress: True: a bar or lines on standard error. A function: called with (ended, failed, total or None).

    Raises:
        ValueError: `processes` is less than 1, `maxtasksperchild` is no positive whole number, `context` is unknown.
        TypeError: `processes` is no whole number, `initializer` is not callable.
        StartFailed: The system refused processes or descriptors.

    Source: multiprocessing.pool.Pool.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        preload: Sequence[str] = (),
        progress: bool | Callable[[int, int, int | None], object] = False,
    ) -> None:
        self._state = TERMINATE  # so that nothing is ended that never began
        workers = checked_workers(processes)
        if maxtasksperchild is not None:
            maxtasksperchild = positive("maxtasksperchild", maxtasksperchild)
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer={initializer!r}: must be callable")
        method = start_methods.resolve(context)
        self._processes = self.size = workers
        title = {"fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}.get(method.name, "Nursery")
        self._engine = Engine(method, workers, maxtasksperchild, initializer, initargs, preload, f"{title}PoolWorker")
        self._intake = Intake(self._engine, progress)
        self._state = RUN

    # One item.

    @overload
    def apply(self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Keywords = None) -> R: ...
    @overload
    def apply(
        self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Keywords = None, *, outcomes: Literal[True]
    ) -> Outcome[R]: ...
    def apply(
        self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Keywords = None, *, outcomes: bool = False
    ) -> Any:
        """Call `func(*args, **kwds)` in a worker and return its result.

        Raises:
            WorkerDied: The worker died while it ran it.
            ValueError: The pool is closed.
            BaseException: What the function raised.
        """
        self._engine.may_wait()
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
    ) -> Any:
        """Call `func(*args, **kwds)` in a worker; return at once.

        Args:
            callback: Called with the result, in a thread of the pool's; it must not wait for this pool.
            error_callback: Called with the error instead.

        Raises:
            ValueError: The pool is closed.
        """
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
    def map(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None) -> list[R]: ...
    @overload
    def map(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: Literal[True]
    ) -> list[Outcome[R]]: ...
    def map(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: bool = False
    ) -> Any:
        """Call `func` on every item and return the results in order, when all have ended.

        Args:
            chunksize: Items that travel together. None: sized by their measured duration.
            outcomes: Return an `Outcome` per item, and raise for none.

        Raises:
            BaseException: The error of the first item that failed, after all have ended; `procession.failure` tells
                which item it was and how the others ended.
            ValueError: The pool is closed.
        """
        self._engine.may_wait()
        return self._intake.map(self, Style.CALL, func, iterable, chunksize, None, None, outcomes).get()

    @overload
    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
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
    ) -> AsyncResult[list[Outcome[R]]]: ...
    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        outcomes: bool = False,
    ) -> Any:
        """As `map`, but return at once."""
        return self._intake.map(self, Style.CALL, func, iterable, chunksize, callback, error_callback, outcomes, True)

    @overload
    def starmap(
        self, func: Callable[..., R], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[R]: ...
    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
    ) -> list[Outcome[R]]: ...
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        outcomes: bool = False,
    ) -> Any:
        """As `map`, but each item is a tuple of arguments: `func(*item)`."""
        self._engine.may_wait()
        return self._intake.map(self, Style.STAR, func, iterable, chunksize, None, None, outcomes).get()

    @overload
    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
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
        outcomes: Literal[True],
    ) -> AsyncResult[list[Outcome[R]]]: ...
    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: ErrorCallback = None,
        *,
        outcomes: bool = False,
    ) -> Any:
        """As `starmap`, but return at once."""
        return self._intake.map(self, Style.STAR, func, iterable, chunksize, callback, error_callback, outcomes, True)

    # Many items, one after another.

    @overload
    def imap(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None
    ) -> ResultIterator[R]: ...
    @overload
    def imap(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: Literal[True]
    ) -> ResultIterator[Outcome[R]]: ...
    def imap(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: bool = False
    ) -> Any:
        """Call `func` on the items; return an iterator over the results, in order.

        The input is read only as far ahead as the workers need; unread results are bounded too. An item that failed
        raises at its place; the next `next()` goes on.
        """
        return self._intake.stream(self, func, iterable, chunksize, True, outcomes)

    @overload
    def imap_unordered(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None
    ) -> ResultIterator[R]: ...
    @overload
    def imap_unordered(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: Literal[True]
    ) -> ResultIterator[Outcome[R]]: ...
    def imap_unordered(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, outcomes: bool = False
    ) -> Any:
        """As `imap`, but the results come as they finish."""
        return self._intake.stream(self, func, iterable, chunksize, False, outcomes)

    # The end.

    def close(self) -> None:
        """Take no further calls; the workers end when all is done."""
        if self._state == RUN:
            self._state = CLOSE
            self._engine.close()

    def terminate(self) -> None:
        """End now: running items are ended, unfinished calls get `PoolTerminated`.

        Returns when all workers have ended; in a callback, which may not wait, at once.
        """
        self._state = TERMINATE
        self._engine.terminate("terminate() was called")
        if self._engine.can_wait:
            self._engine.join()

    def join(self) -> None:
        """Wait until all workers have ended.

        Raises:
            ValueError: Neither `close` nor `terminate` was called before.
        """
        if self._state == RUN:
            raise ValueError("the pool is still running: call close() or terminate() before join()")
        self._engine.may_wait()
        self._engine.join()

    def __enter__(self) -> Self:
        if self._state != RUN:
            raise ValueError("the pool is not running any more: it was closed or terminated; make another one")
        return self

    def __exit__(self, *exception: object) -> None:
        self.terminate()

    def __del__(self, warn: Any = warnings.warn, kind: type[Warning] = ResourceWarning, run: str = RUN) -> None:
        # The defaults keep alive what is needed here while the interpreter takes its modules apart.
        if getattr(self, "_state", None) == run:
            warn(f"unclosed running multiprocessing pool {self!r}", kind, source=self)
            engine = getattr(self, "_engine", None)
            if engine is not None:
                engine.later(lambda: engine.terminate("it was forgotten: no close(), no terminate()"))

    def forget(self) -> None:
        """End without waiting and without a warning: for owners that may themselves be forgotten."""
        if self._state == RUN:
            self._state = TERMINATE
            engine = self._engine
            engine.later(lambda: engine.terminate("its results were forgotten"))

    @property
    def _pool(self) -> list[Member]:
        """The workers, as programs read them: `pool._pool[0].pid`."""
        return self._engine.members()

    def _repopulate_pool(self) -> None:
        """Nothing is left to be done: a worker that ends is replaced at once."""

    def __reduce__(self) -> Any:
        raise NotImplementedError("a pool cannot be passed to another process: its workers are this process's children")

    def __repr__(self) -> str:
        size = getattr(self, "_processes", None)  # None: it never began
        return f"<{type(self).__module__}.{type(self).__qualname__} state={self._state} pool_size={size}>"


def __getattr__(name: str) -> Any:
    """What else stands in `multiprocessing.pool`: `ThreadPool`, the names of its result classes."""
    from multiprocessing import pool

    return getattr(pool, name)
