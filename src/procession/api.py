"""For people without a pool: `map`, `stream`, `chunked`, `cancel` and `failure`.

Knows: what a call without a pool promises: workers of its own, ended with it.
Must not know: how the workers are born.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from procession.model.light import TYPE_CHECKING, Any, Literal, TypeVar, overload
from procession.model.task import Style, split_options
from procession.pool import Pool
from procession.results import failure_of
from procession.streams import Stream

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Unpack

    from procession.model.outcome import Failure, Outcome
    from procession.model.settings import BackendName
    from procession.monitor.progress import ProgressOption
    from procession.options import CallOptions, MapOptions, PlainStreamOptions, StreamOptions
    from procession.pool_streams import Keywords
    from procession.results import AsyncResult

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
R = TypeVar("R")


@overload
def map(function: Callable[[A], R], a: Iterable[A], /, **options: Unpack[MapOptions]) -> list[R]: ...
@overload
def map(
    function: Callable[[A], R], a: Iterable[A], /, *, outcomes: Literal[True], **options: Unpack[CallOptions]
) -> list[Outcome[R]]: ...
@overload
def map(function: Callable[[A, B], R], a: Iterable[A], b: Iterable[B], /, **options: Unpack[MapOptions]) -> list[R]: ...
@overload
def map(
    function: Callable[[A, B], R],
    a: Iterable[A],
    b: Iterable[B],
    /,
    *,
    outcomes: Literal[True],
    **options: Unpack[CallOptions],
) -> list[Outcome[R]]: ...
@overload
def map(
    function: Callable[[A, B, C], R], a: Iterable[A], b: Iterable[B], c: Iterable[C], /, **options: Unpack[MapOptions]
) -> list[R]: ...
@overload
def map(
    function: Callable[[A, B, C], R],
    a: Iterable[A],
    b: Iterable[B],
    c: Iterable[C],
    /,
    *,
    outcomes: Literal[True],
    **options: Unpack[CallOptions],
) -> list[Outcome[R]]: ...
@overload
def map(
    function: Callable[..., R],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *more: Iterable[Any],
    **options: Unpack[MapOptions],
) -> list[R]: ...
@overload
def map(
    function: Callable[..., R],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *more: Iterable[Any],
    outcomes: Literal[True],
    **options: Unpack[CallOptions],
) -> list[Outcome[R]]: ...
@overload
def map(
    function: Callable[..., R], /, *iterables: Iterable[Any], kwargs: Keywords, **options: Unpack[MapOptions]
) -> list[R]: ...
@overload
def map(
    function: Callable[..., R],
    /,
    *iterables: Iterable[Any],
    kwargs: Keywords,
    outcomes: Literal[True],
    **options: Unpack[CallOptions],
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
    progress: ProgressOption = False,
    backend: BackendName = "processes",
    kwargs: Keywords = None,
    outcomes: bool = False,
    **options: Any,
) -> list[Any]:
    """Call `function` on every item in other processes and return the results in order.

    Args:
        function: Any callable, also a lambda or one of the main module.
        iterables: One, or several whose items are the arguments side by side, as in the built-in `map`.
        processes: Number of workers. None: one for each CPU that this process may use.
        chunksize: Items that travel together. None: sized by their measured duration.
        initializer: Called in every worker before its first item.
        initargs: Its arguments.
        context, preload, progress, backend: As `Pool` has them.
        kwargs: Keyword arguments, the same for all items: they travel once.
        outcomes: Return an `Outcome` per item, and raise for none.
        options: The others of `Pool`, from `threads_per_worker` on, and those for each item, as `Pool.map` has them.

    Raises:
        BaseException: The error of the first item that failed, after all have ended.
        TypeError: No iterable was given.
    """
    policy, (style, inputs) = _for_items(options), _inputs(iterables, "map")
    items = inputs if isinstance(inputs, (list, tuple, range)) else list(inputs)
    workers, context = _enough(processes, items), _start_method(context, backend)
    with Pool(
        workers, initializer, initargs, None, context, preload=preload, progress=progress, backend=backend, **options
    ) as pool:
        call: Any = pool.map if style == Style.CALL else pool.starmap
        result: list[Any] = call(function, items, chunksize, kwargs=kwargs, outcomes=outcomes, **policy)
        pool.close()
        pool.join()
        return result


def _inputs(iterables: tuple[Iterable[Any], ...], name: str) -> tuple[Style, Iterable[Any]]:
    """Say how the function is applied, and to what."""
    if not iterables:
        raise TypeError(f"{name}() needs at least one iterable: procession.{name}(function, items)")
    if len(iterables) > 1:
        return Style.STAR, SideBySide(iterables)
    return Style.CALL, iterables[0]


class SideBySide:
    """The items of several iterables side by side, as `zip` gives them; it has a length if all of them have."""

    def __init__(self, iterables: Sequence[Any]) -> None:
        self._iterables = iterables

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._iterables, strict=False)

    def __len__(self) -> int:
        return min(len(each) for each in self._iterables)


def _start_method(context: Any, backend: str) -> Any:
    """The default is for processes only."""
    return None if context == "nursery" and backend != "processes" else context


def _for_items(options: dict[str, Any]) -> dict[str, Any]:
    """Take those out of the options that are for each item, and check them before anything is read or started.

    Raises:
        As `model.policy.Policy`.
    """
    found = split_options(options)
    if found:
        from procession.model.policy import chosen_policy

        chosen_policy(found)
    return found


def _enough(processes: int | None, items: Sequence[Any]) -> int | None:
    """No more workers than items, unless the caller chose their number."""
    if processes is not None:
        return processes
    from procession.intake import default_workers

    return max(1, min(default_workers(), len(items)))


@overload
def stream(function: Callable[[A], R], a: Iterable[A], /, **options: Unpack[PlainStreamOptions]) -> Stream[R]: ...
@overload
def stream(
    function: Callable[[A], R], a: Iterable[A], /, *, outcomes: Literal[True], **options: Unpack[StreamOptions]
) -> Stream[Outcome[R]]: ...
@overload
def stream(
    function: Callable[[A, B], R], a: Iterable[A], b: Iterable[B], /, **options: Unpack[PlainStreamOptions]
) -> Stream[R]: ...
@overload
def stream(
    function: Callable[[A, B], R],
    a: Iterable[A],
    b: Iterable[B],
    /,
    *,
    outcomes: Literal[True],
    **options: Unpack[StreamOptions],
) -> Stream[Outcome[R]]: ...
@overload
def stream(
    function: Callable[[A, B, C], R],
    a: Iterable[A],
    b: Iterable[B],
    c: Iterable[C],
    /,
    **options: Unpack[PlainStreamOptions],
) -> Stream[R]: ...
@overload
def stream(
    function: Callable[[A, B, C], R],
    a: Iterable[A],
    b: Iterable[B],
    c: Iterable[C],
    /,
    *,
    outcomes: Literal[True],
    **options: Unpack[StreamOptions],
) -> Stream[Outcome[R]]: ...
@overload
def stream(
    function: Callable[..., R],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *more: Iterable[Any],
    **options: Unpack[PlainStreamOptions],
) -> Stream[R]: ...
@overload
def stream(
    function: Callable[..., R],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *more: Iterable[Any],
    outcomes: Literal[True],
    **options: Unpack[StreamOptions],
) -> Stream[Outcome[R]]: ...
@overload
def stream(
    function: Callable[..., R], /, *iterables: Iterable[Any], kwargs: Keywords, **options: Unpack[PlainStreamOptions]
) -> Stream[R]: ...
@overload
def stream(
    function: Callable[..., R],
    /,
    *iterables: Iterable[Any],
    kwargs: Keywords,
    outcomes: Literal[True],
    **options: Unpack[StreamOptions],
) -> Stream[Outcome[R]]: ...
def stream(
    function: Callable[..., Any],
    /,
    *iterables: Iterable[Any],
    ordered: bool = True,
    processes: int | None = None,
    chunksize: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    context: Any = "nursery",
    preload: Sequence[str] = (),
    progress: ProgressOption = False,
    backend: BackendName = "processes",
    kwargs: Keywords = None,
    outcomes: bool = False,
    **options: Any,
) -> Stream[Any]:
    """Call `function` on the items in other processes; return a lazy iterator over the results.

    Args:
        function: Any callable, also a lambda or one of the main module.
        iterables: As for `map`, also endless ones: they are read only as far ahead as needed.
        ordered: Yield in the order of the inputs; False: as they finish.

    The other arguments are those of `map`.

    Raises:
        BaseException: An item's error, at its place; the next `next()` goes on with the next item.
        TypeError: No iterable was given.
    """
    style, items = _inputs(iterables, "stream")
    context = _start_method(context, backend)
    policy = _for_items(options)
    pool = Pool(
        processes, initializer, initargs, None, context, preload=preload, progress=progress, backend=backend, **options
    )
    try:
        return Stream(pool, pool.iterate(style, function, items, chunksize, ordered, kwargs, outcomes, policy))
    except BaseException:
        pool.terminate()
        raise


@overload
def chunked(function: Callable[[list[A]], Iterable[R]]) -> Callable[[A], R]: ...
@overload
def chunked(function: Callable[[list[A], list[B]], Iterable[R]]) -> Callable[[A, B], R]: ...
@overload
def chunked(function: Callable[[list[A], list[B], list[C]], Iterable[R]]) -> Callable[[A, B, C], R]: ...
@overload
def chunked(function: Callable[..., Iterable[R]]) -> Callable[..., R]: ...
def chunked(function: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """Let one call of a function handle many items: for what costs much before the first item, as a model or a query.

    What comes back is used like a function of one item, in `map`, `imap`, `stream` and their like. How many items come
    together is `chunksize=`, or chosen so that a call lasts a quarter of a second. With several arguments for each item
    (`starmap`, several iterables) the function takes one list for each argument. An error of a call is the error of
    each of its items, and so is the death of its worker. With `seed=` or captured output it gets one item at a time.

    Args:
        function: Takes a list of items, and returns a list with one result for each, in order.

    Source: chunksize= of multiprocessing.Pool.map, which sends items together but calls for each.
    """
    from procession.worker.together import Chunked

    return Chunked(function)


def cancel(result: Future[Any] | AsyncResult[Any]) -> bool:
    """End a call of `submit` or `apply_async`, also one that runs.

    Then its worker is killed, with all that its task has started, and another one takes its place. No other call is
    affected: what the worker held beside it runs elsewhere.

    Args:
        result: A future of an executor or a pool, or what `apply_async` gave back.

    Returns:
        True if it was cancelled, now or before: a future is `cancelled()`, and to ask for the result raises
        `concurrent.futures.CancelledError`. False if it had ended, has many items, or runs where nothing can end it.
    """
    end = getattr(result, "end", None)
    return bool(end() if end is not None else result.cancel())  # type: ignore[union-attr]  # a future of somebody else's


def failure(error: BaseException) -> Failure | None:
    """Tell which item an error of `map` belongs to, and how the other items ended.

    Args:
        error: What `Pool.map`, `starmap` or `procession.map` raised.

    Returns:
        The failure, or None if the error is none of theirs.
    """
    return failure_of(error)
