"""What asynchronous calls give back: `AsyncResult`, the iterators of `imap`, a future.

Knows: what multiprocessing and concurrent.futures promise of them.
Must not know: how outcomes come about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic

from procession.engine.calls import LazyCall, MapCall
from procession.engine.engine import Engine
from procession.engine.singles import Single
from procession.engine.waits import NothingYet, acquire
from procession.model.light import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from procession.model.outcome import Failure

R = TypeVar("R")


def timeout_error(text: str) -> Exception:
    """Make the error of a wait that took too long: multiprocessing's TimeoutError and the built-in one at once."""
    from procession.timeouts import WaitTimeout

    return WaitTimeout(text)


class AsyncResult(Generic[R]):
    """The result of `apply_async`, `map_async` or `starmap_async`.

    Source: multiprocessing.pool.AsyncResult.
    """

    def __init__(
        self,
        engine: Engine,
        keep: object,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
        outcomes: bool = False,
    ) -> None:
        self._engine = engine
        self._keep = keep  # the pool: it must not be collected while somebody waits for its results
        self._callback = callback
        self._error_callback = error_callback
        self._outcomes = outcomes
        self._texts: tuple[str | None, str | None] = None, None  # what it printed, if that is captured
        self.single: Single | None = None  # where it is one item that runs
        self._ready = False
        self._recalled = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiters: list[Any] | None = None  # most never have one

    def ready(self) -> bool:
        """True once the call has ended."""
        return self._ready

    def successful(self) -> bool:
        """True if the call ended without an error.

        Raises:
            ValueError: It has not ended.
        """
        if not self._ready:
            raise ValueError(f"{self!r} is not ready; ask again after wait() or get()")
        return self._error is None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the call has ended, or for `timeout` seconds.

        Raises:
            RuntimeError: Called from a callback of the same pool, which would wait for itself.
        """
        if self._ready:
            return
        self._engine.may_wait()
        single = self.single
        if single is not None:
            until = None if timeout is None else monotonic() + timeout
            self._engine.help(single, self.ready, timeout)
            if self.ready():
                return
            timeout = None if until is None else until - monotonic()
        waiter = threading.Lock()
        waiter.acquire()
        waiters = self._waiters = self._waiters or []
        waiters.append(waiter)
        if not self._ready:  # set() reads the list after it has set the flag, so one of us sees the other
            acquire(waiter, timeout)
        waiters.remove(waiter)  # who asks every tenth of a second would else fill it

    def get(self, timeout: float | None = None) -> R:
        """Wait for the result and return it.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
            BaseException: What the call ended with.
        """
        self.wait(timeout)
        if not self._ready:
            raise timeout_error(f"no result within timeout={timeout!r} seconds; the call goes on")
        if self._error is not None:
            raise self._error
        value: R = self._value
        return value

    def wanted(self) -> bool:
        """Say whether it is to run: nobody can cancel it."""
        return True

    def end(self) -> bool:
        """Cancel the call of `apply_async` even if it runs: its worker is ended, and no other item is affected.

        Returns:
            False if it has ended already, has many items, or runs where nothing can end it.
        """
        from concurrent.futures import CancelledError

        from procession.engine import recall

        single = self.single
        if self._ready or single is None or not recall.recall(self._engine.loop, single, True):
            return False
        self._settle(None, CancelledError("procession.cancel was called"))
        return True

    def keep_texts(self, texts: tuple[str, str]) -> bool:
        """Take what the item printed, before its outcome; False if nobody wants it here."""
        self._texts = texts
        return self._outcomes

    def recalled(self) -> bool:
        """Under the engine's lock: it will never run, or what ran it was ended."""
        fresh, self._recalled = not self._recalled, True
        return fresh

    def settle(self, value: Any, error: BaseException | None, seconds: float | None, worker: int | None) -> None:
        """Take the outcome of one item; the engine calls this once."""
        if self._recalled:
            return
        if self._outcomes:
            from procession.model.outcome import Attempt, Outcome

            value = Outcome(0, None, value, error, (Attempt(error, seconds, worker),), *self._texts)
            error = None
        self._settle(value, error)

    def settle_map(self, call: MapCall) -> None:
        """Take the outcome of a call with many items; the engine calls this once."""
        error = first_error(call)
        self._settle(None if error is not None else call.results, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self._value, self._error = value, error
        self.single = None
        callback: Callable[[Any], object] | None
        callback, argument = (self._callback, value) if error is None else (self._error_callback, error)
        try:
            if callback is not None:
                callback(argument)
        finally:
            self._callback = self._error_callback = None
            self._ready = True
            self._keep = None
            for waiter in list(self._waiters or ()):
                waiter.release()


class OneResult(AsyncResult[Any]):
    """The result of an `apply_async` with options of its own."""

    call: MapCall | None = None
    _cancelled: BaseException | None = None

    def end(self) -> bool:
        """Cancel the call even if it runs."""
        from concurrent.futures import CancelledError

        from procession.engine import policies

        call = self.call
        if self._ready or call is None or not self._engine.loop.backend.ends:
            return False
        self._cancelled = CancelledError("procession.cancel was called")
        policies.drop(self._engine.loop, call, 0)
        self.wait()
        return self._error is self._cancelled

    def settle_map(self, call: MapCall) -> None:
        """Take the outcome of the call; the engine calls this once."""
        error = first_error(call)
        if self._cancelled is not None and 0 in call.failures:
            from procession.model.stops import NotRun

            error = self._cancelled if isinstance(call.failures[0], NotRun) else error
        self._settle(None if error is not None else call.results[0], error)


def first_error(call: MapCall) -> BaseException | None:
    """The error that a `map` ends with: the whole call's, or that of the first item that failed.

    The outcomes that are there are kept for `procession.failure`.
    """
    if call.error is not None:
        return call.error
    if not call.failures or call.options.timed:
        return None
    failed = min(call.failures)
    if call.halted is not None:
        from procession.model.stops import NotRun

        failed = next((each for each in sorted(call.failures) if type(call.failures[each]) is not NotRun), -1)
        if failed < 0:
            return call.halted
    error = call.failures[failed]
    _remember(error, call)
    return error


def _remember(error: BaseException, call: MapCall) -> None:
    """Keep with an error how all items of its call ended."""
    try:
        error.__dict__[_CALL] = _Remains(call)
    except AttributeError:
        pass  # a class with slots: the note about the item must do


_CALL = "__procession_call__"


class _Remains:
    """How the items of a call ended; it stays behind when its error travels to another process."""

    def __init__(self, call: MapCall) -> None:
        self.items = call.items
        self.results = call.results
        self.failures = call.failures

    def __reduce__(self) -> Any:
        return type(None), ()


def failure_of(error: BaseException) -> Failure | None:
    """Tell where the `map` that raised this error failed; None if none did."""
    from procession.model.outcome import Failure, Outcome

    call = getattr(error, "__dict__", {}).get(_CALL)
    if not isinstance(call, _Remains):
        return None
    outcomes = [
        Outcome(index, item, None if index in call.failures else call.results[index], call.failures.get(index), ())
        for index, item in enumerate(call.items)
    ]
    index = min(call.failures)
    return Failure(index, call.items[index], call.failures[index], outcomes)


class ResultIterator(Iterator[R]):
    """The iterator of `imap` and `imap_unordered`; several threads may share one.

    Source: multiprocessing.pool.IMapIterator.
    """

    def __init__(self, engine: Engine, keep: object, call: LazyCall) -> None:
        self._engine = engine
        self._keep = keep
        self._call = call
        self._current: Iterator[R] = iter(())
        self._failing: tuple[list[Any], dict[int, BaseException], int] | None = None
        self._taken = 0
        self._advancing = threading.Lock()  # or two threads would each put their values in the other's place

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        for value in self._current:
            return value
        return self._advance(None)

    def next(self, timeout: float | None = None) -> R:
        """Return the next result.

        Raises:
            StopIteration: There is none.
            TimeoutError: It did not come within `timeout` seconds; ask again.
            BaseException: What the item ended with; the next call gives the next item's.
        """
        for value in self._current:
            return value
        return self._advance(timeout)

    def _advance(self, timeout: float | None) -> R:
        """Go to the next values that stand side by side, and return the first."""
        until = None if timeout is None else monotonic() + timeout
        if not (self._advancing.acquire(False) or acquire(self._advancing, timeout)):
            raise timeout_error(f"no result within timeout={timeout!r} seconds; ask again")
        try:
            while True:
                for value in self._current:  # another thread may have brought some meanwhile
                    return value
                if self._failing is not None:
                    self._go_on(*self._failing)
                else:
                    self._take_chunk(None if until is None else until - monotonic())
        except NothingYet:
            raise timeout_error(f"no result within timeout={timeout!r} seconds; ask again") from None
        finally:
            self._advancing.release()

    def _go_on(self, values: list[Any], failures: dict[int, BaseException], position: int) -> None:
        """Behind `position`, in a chunk some of whose items failed."""
        error = failures.get(position)
        if error is not None:
            self._failing = (values, failures, position + 1)
            raise error
        stop = position + 1
        while stop < len(values) and stop not in failures:
            stop += 1
        self._current = iter(values[position:stop])
        self._failing = (values, failures, stop) if stop < len(values) else None

    def _take_chunk(self, timeout: float | None) -> None:
        taken, self._taken = self._taken, 0
        chunk = self._engine.next_chunk(self._call, taken, timeout)
        if chunk is None:
            if self._call.progress is not None:
                self._call.progress.end()  # before our caller sees the end: the engine's thread may be later
            error, self._call.error = self._call.error, None
            self._keep = None
            if error is not None:
                raise error
            raise StopIteration
        _, values, failures = chunk
        self._taken = len(values)
        if failures:
            self._failing = (values, failures, 0)
        else:
            self._current = iter(values)

    def stop(self, now: bool, reason: str) -> None:
        """Let nothing more begin; what runs ends by itself, or is ended (`now`). What was read and is not run comes as
        an outcome, or an error, `NotRun`; then the results end."""
        from procession.engine import policies

        policies.stop(self._engine.loop, self._call, now, reason)

    def drop(self, index: int) -> None:
        """Let one item not be run, or end it: its outcome is `NotRun`."""
        from procession.engine import policies

        policies.drop(self._engine.loop, self._call, index)

    def close(self) -> None:
        """Take no more results; what has not begun never will."""
        self._engine.cancel(self._call)

    def __del__(self) -> None:
        call = getattr(self, "_call", None)
        if call is not None and not call.finished:
            self._engine.later(lambda: self._engine.cancel(call))


def make_future(engine: Engine, keep: object) -> Future[Any]:
    """Make a real `concurrent.futures.Future` whose waiter may read the worker's channel itself."""
    from procession.waiting import PoolFuture

    return PoolFuture(engine, keep)
