"""What an executor gives back: its futures, and the results of its `map`, one after another.

Knows: what concurrent.futures promises of them: which errors they hold, that nothing is kept longer than needed.
Must not know: how outcomes come about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice, starmap
from time import monotonic
from typing import Any, cast

from procession.engine.calls import LazyCall
from procession.engine.engine import Engine
from procession.engine.waits import NothingYet
from procession.model.errors import WorkerDied
from procession.model.task import Style
from procession.results import timeout_error
from procession.waiting import PoolFuture
from procession.wire.exceptions import itself

LATE = "no result within timeout= seconds; what has not begun was cancelled"


class ExecutorFuture(PoolFuture):
    """The future of one call."""

    def settle(self, value: Any, error: BaseException | None, seconds: float | None, worker: int | None) -> None:
        """Take the outcome; the engine calls this once."""
        super().settle(value, error if error is None else held(error, self._engine), seconds, worker)


def held(error: BaseException, engine: Engine) -> BaseException:
    """Give the error that a future of an executor holds: what the task raised itself, or why it was lost."""
    broken = error is engine.loop.broken
    died = type(error) is WorkerDied and error.__cause__ is None  # else a task raised it, which has a pool of its own
    if not (broken or died):
        return itself(error)
    try:
        from procession.broken import as_broken, as_died
    except RuntimeError:  # concurrent.futures.process cannot be loaded while the interpreter exits
        return error
    return as_broken(error) if broken else as_died(cast(WorkerDied, error))


def in_order(engine: Engine, call: LazyCall, until: float | None) -> Generator[Any, None, None]:
    """Yield the results of a call in order; the first error ends it, and cancels what has not begun.

    Args:
        until: When the last one must have come (monotonic seconds), or None.
    """
    taken = 0
    try:
        while (chunk := _next_chunk(engine, call, taken, until)) is not None:
            _, values, failures = chunk
            chunk = None
            taken = len(values)
            values.reverse()
            while values:
                if failures and taken - len(values) in failures:
                    raise held(failures.pop(taken - len(values)), engine)
                yield values.pop()  # nothing here keeps it
        if call.error is not None:
            raise held(call.error, engine)
    finally:
        if not call.finished:
            engine.cancel(call)


def _next_chunk(engine: Engine, call: LazyCall, taken: int, until: float | None) -> Any:
    try:
        return engine.next_chunk(call, taken, None if until is None else until - monotonic())
    except NothingYet:
        raise timeout_error(LATE) from None


class Chunks(Iterator["Future[list[Any]]"]):
    """Submits chunk after chunk of an input, one each time that it is asked for the next.

    Args:
        submit: The executor's.
        function: What runs on each item.
        style: How it is applied.
        items: The input.
        size: Items of one chunk.
    """

    def __init__(
        self,
        submit: Callable[..., Future[Any]],
        function: Callable[..., Any],
        style: Style,
        items: Iterator[Any],
        size: int,
    ) -> None:
        self._submit = submit
        self._function = function
        self._style = style
        self._items = items
        self._size = size

    def __next__(self) -> Future[list[Any]]:
        chunk = list(islice(self._items, self._size))
        if not chunk:
            raise StopIteration
        return self._submit(run_chunk, self._function, self._style == Style.STAR, chunk)


def run_chunk(function: Callable[..., Any], star: bool, chunk: Iterable[Any]) -> list[Any]:
    """In a worker: run the items of a chunk."""
    return list(starmap(function, chunk) if star else map(function, chunk))


def _result(future: Future[list[Any]], until: float | None) -> list[Any]:
    try:
        return future.result(None if until is None else until - monotonic())
    except TimeoutError:
        if future.done():  # a task raised it
            raise
    finally:
        del future  # else an error would hold this frame, which holds the future, which holds the error
    raise timeout_error(LATE)


def in_turn(chunks: Chunks, ahead: Iterable[Future[list[Any]]], until: float | None) -> Generator[Any, None, None]:
    """Yield the results of chunks in order; each that is taken up lets another one be submitted.

    Args:
        chunks: Submits the next.
        ahead: Those that are submitted.
        until: As of `in_order`.
    """
    futures = deque(ahead)
    del ahead  # nothing is kept longer than needed
    try:
        while futures:
            futures.extend(islice(chunks, 1))
            values = _result(futures[0], until)
            futures.popleft()
            values.reverse()
            while values:
                yield values.pop()
    finally:
        while futures:  # as above
            futures.pop().cancel()
