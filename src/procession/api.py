"""For people without a pool: `map`, `stream`, and `failure`.

Knows: what a call without a pool promises: workers of its own, ended with it.
Must not know: how the workers are born.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from procession.model.light import TYPE_CHECKING, Any, Literal, TypeVar, overload
from procession.pool import Pool
from procession.results import failure_of

if TYPE_CHECKING:
    from procession.model.outcome import Failure, Outcome

R = TypeVar("R")


@overload
def map(
    function: Callable[..., R],
    /,
    *iterables: Iterable[Any],
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: Literal[False] = False,
) -> list[R]: ...
@overload
def map(
    function: Callable[..., R],
    /,
    *iterables: Iterable[Any],
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: Literal[True],
) -> list[Outcome[R]]: ...
def map(
    function: Callable[..., Any],
    /,
    *iterables: Iterable[Any],
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: bool = False,
) -> list[Any]:
    """Call `function` on every item in other processes and return the results in order.

    Args:
        function: Any callable, also a lambda or one of the main module.
        iterables: One: each of its items is the argument. Several: their items are the arguments, side by side, as in
            the built-in `map`; the shortest ends it.
        processes: Number of workers. None: one for each CPU that this process may use.
        chunksize: Items that travel together. None: sized by their measured duration.
        initializer: Called in every worker before its first item.
        initargs: Its arguments.
        context: How workers are born; see `Pool`.
        preload: Modules that are imported once, before the workers are forked.
        progress: True: a bar or lines on standard error. A function: called with (ended, failed, total or None).
        outcomes: Return an `Outcome` per item, and raise for none.

    Raises:
        BaseException: The error of the first item that failed, after all have ended.
        TypeError: No iterable was given.
    """
    items, star = _inputs(iterables)
    with Pool(
        _enough(processes, items), initializer, initargs, None, context, preload=preload, progress=progress
    ) as pool:
        call: Any = pool.starmap if star else pool.map
        result: list[Any] = call(function, items, chunksize, outcomes=outcomes)
        pool.close()
        pool.join()
        return result


def _inputs(iterables: tuple[Iterable[Any], ...]) -> tuple[Sequence[Any], bool]:
    if not iterables:
        raise TypeError("map() needs at least one iterable: procession.map(function, items)")
    if len(iterables) > 1:
        return list(zip(*iterables, strict=False)), True
    items = iterables[0]
    return items if isinstance(items, (list, tuple, range)) else list(items), False


def _enough(processes: int | None, items: Sequence[Any]) -> int | None:
    """No more workers than items, unless the caller chose their number."""
    if processes is not None:
        return processes
    from procession.intake import default_workers

    return max(1, min(default_workers(), len(items)))


@overload
def stream(
    function: Callable[..., R],
    items: Iterable[Any],
    /,
    *,
    ordered: bool = True,
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: Literal[False] = False,
) -> Stream[R]: ...
@overload
def stream(
    function: Callable[..., R],
    items: Iterable[Any],
    /,
    *,
    ordered: bool = True,
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: Literal[True],
) -> Stream[Outcome[R]]: ...
def stream(
    function: Callable[..., Any],
    items: Iterable[Any],
    /,
    *,
    ordered: bool = True,
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: bool | Callable[[int, int, int | None], object] = False,
    outcomes: bool = False,
) -> Stream[Any]:
    """Call `function` on the items in other processes; return a lazy iterator over the results.

    Args:
        function: Any callable, also a lambda or one of the main module.
        items: Any iterable, also an endless one: it is read only as far ahead as needed. An item is one argument.
        ordered: Yield in the order of the inputs; False: as they finish.

    The other arguments are those of `map`.

    Raises:
        BaseException: An item's error, at its place; the next `next()` goes on with the next item.
    """
    pool = Pool(processes, initializer, initargs, None, context, preload=preload, progress=progress)
    try:
        call: Any = pool.imap if ordered else pool.imap_unordered
        return Stream(pool, call(function, items, chunksize, outcomes=outcomes))
    except BaseException:
        pool.terminate()
        raise


class Stream(Iterator[R]):
    """The results of `stream`; its workers end with it: at its end, by `close`, at the end of a `with`, or when it is
    forgotten."""

    def __init__(self, pool: Pool, results: Iterator[R]) -> None:
        self._pool = pool
        self._results = results
        self._next = results.__next__

    def __next__(self) -> R:
        try:
            return self._next()
        except StopIteration:
            self._finish()
            raise
        except KeyboardInterrupt:
            self.close()
            raise

    def _finish(self) -> None:
        self._pool.close()
        self._pool.join()

    def close(self) -> None:
        """End now; what runs is ended."""
        self._pool.terminate()

    def __enter__(self) -> Stream[R]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        pool = getattr(self, "_pool", None)
        if pool is not None:
            pool.forget()


def failure(error: BaseException) -> Failure | None:
    """Tell which item an error of `map` belongs to, and how the other items ended.

    Args:
        error: What `Pool.map`, `starmap` or `procession.map` raised.

    Returns:
        The failure, or None if the error is none of theirs.
    """
    return failure_of(error)
