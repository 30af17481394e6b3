"""The intake of a pool: turns calls into tasks of the engine.

Knows: options, how a function and its arguments are pickled, which result object awaits the outcome.
Must not know: signatures; `pool.py` has those of multiprocessing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from procession.engine.calls import LazyCall, MapCall
from procession.engine.engine import Engine
from procession.engine.feeder import Feeder
from procession.engine.singles import Single
from procession.launcher import host
from procession.model.light import TYPE_CHECKING, Any
from procession.model.task import Style, TaskOptions, positive
from procession.results import AsyncResult, OneResult, ResultIterator
from procession.wire.exceptions import harmless, interrupts
from procession.worker import nesting

if TYPE_CHECKING:
    from procession.model.policy import Policy
    from procession.monitor.progress import ProgressOption, Reporter

NO_KEYWORDS: dict[str, Any] = {}  # one for all calls that have none


class Intake:
    """Takes in the calls of one pool.

    Args:
        engine: Where they go.
        progress: As `Pool` has it.
    """

    def __init__(self, engine: Engine, progress: ProgressOption) -> None:
        self._engine = engine
        self._progress = progress

    def single(
        self,
        function: Callable[..., Any],
        args: Iterable[Any],
        kwds: Mapping[str, Any] | None,
        result: Any,
    ) -> Single | None:
        """Take in one call: pickle it; None if that failed, and its result knows.

        Args:
            result: Where its outcome goes (`engine.singles.Result`); it has `single`, too.

        Raises:
            ValueError: The pool is closed.
        """
        args, kwds = tuple(args), dict(kwds) if kwds else NO_KEYWORDS
        self._engine.usable()
        try:
            packed = self._engine.function(function), self._engine.pack((args, kwds))
        except BaseException as error:  # a user's __reduce__ may raise anything, also SystemExit
            if interrupts(error):
                raise
            result.settle(None, harmless(error, "raised while the call was pickled"), None, None)
            return None
        single = Single(*packed, (function, args, kwds), result)
        result.single = single
        return single

    def one(
        self,
        pool: object,
        function: Callable[..., Any],
        args: Iterable[Any],
        kwds: Mapping[str, Any] | None,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
        outcomes: bool,
        policy: Mapping[str, object],
    ) -> AsyncResult[Any]:
        """Take in one call with a policy of its own: to the engine it is a call of many items that has one.

        Raises:
            ValueError: The pool is closed, or a value of the policy is out of its range.
        """
        options = TaskOptions(ordered=False, timed=outcomes, policy=self.policy(policy))
        self._engine.usable()
        result = OneResult(self._engine, pool, callback, error_callback)
        result.call = self.many(Style.STAR, with_keywords(function, kwds), [tuple(args)], options, result)
        return result

    def map(
        self,
        pool: object,
        style: Style,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
        outcomes: bool,
        returns_early: bool = False,
        policy: Mapping[str, object] | None = None,
    ) -> AsyncResult[Any]:
        """Take in a call whose results are wanted as one list.

        Args:
            pool: Kept alive by the result.
            returns_early: The caller does not wait, so it may change its list before all of it was sent.
            policy: As `model.policy.ItemOptions` has it.

        Raises:
            ValueError: The pool is closed, or `chunksize` is no positive whole number.
        """
        options = TaskOptions(chunksize=chunksize, ordered=False, timed=outcomes)
        options.policy = self.policy(policy)
        self._engine.usable()
        kept = (tuple, range) if returns_early else (list, tuple, range)
        items: Any = iterable if type(iterable) in kept else list(iterable)
        result: AsyncResult[Any] = AsyncResult(self._engine, pool, callback, error_callback)
        self.many(style, function, items, options, result)
        return result

    def many(
        self, style: Style, function: Callable[..., Any], items: Sequence[Any], options: TaskOptions, result: Any
    ) -> MapCall | None:
        """Take in a call all of whose items are there; None if its function cannot be pickled, and its result knows.

        Args:
            result: Where its outcome goes: `settle_map` takes that of the call, `settle` that of one that never began.

        Raises:
            ValueError: The pool is closed.
        """
        style = _style(style, function, options)
        try:
            packed = self._engine.function(function)
        except Exception as error:
            result.settle(None, error, None, None)
            return None
        call = MapCall(packed, style, options, items, result.settle_map)
        if options.policy is not None and options.policy.priority is not None:
            call.ranks = ranks_of(options.policy, items)
        call.progress = self._reporter(len(items))
        self._engine.submit(call, len(items))
        return call

    def stream(
        self,
        pool: object,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        ordered: bool,
        outcomes: bool,
        style: Style = Style.CALL,
        policy: Mapping[str, object] | None = None,
    ) -> ResultIterator[Any]:
        """Take in a call whose results are wanted one by one.

        Args:
            pool: Kept alive by the iterator.
            policy: As `model.policy.ItemOptions` has it.

        Raises:
            ValueError: The pool is closed, or `chunksize` is no positive whole number.
        """
        kept = self.policy(policy)
        call = self.lazy(function, length_of(iterable), chunksize, ordered, outcomes, style, kept)
        iterator: ResultIterator[Any] = ResultIterator(self._engine, pool, call)
        if not call.finished:
            self._engine.feed(Feeder(call, iter(iterable)))
        return iterator

    def lazy(
        self,
        function: Callable[..., Any],
        length: int | None,
        chunksize: int | None,
        ordered: bool,
        outcomes: bool,
        style: Style = Style.CALL,
        policy: Policy | None = None,
    ) -> LazyCall:
        """Make a call whose results are wanted one by one; it has ended already if its function cannot be pickled.

        Args:
            length: Of its input, where that is known.

        Raises:
            ValueError: The pool is closed, or `chunksize` is no positive whole number.
        """
        options = TaskOptions(chunksize=chunksize, ordered=ordered, lazy=True, timed=outcomes, policy=policy)
        self._engine.usable()
        call = LazyCall(None, _style(style, function, options), options)
        try:
            call.function = self._engine.function(function)
        except Exception as error:
            call.fail(error, [])  # comes out of `next()`, as from `get()` of the other calls
        else:
            call.progress = self._reporter(length)
        return call

    def collect(
        self,
        style: Style,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        policy: Policy | None = None,
    ) -> LazyCall:
        """Take in a call all of whose input is read now, and whose results are wanted one by one, in order.

        Raises:
            ValueError: The pool is closed, or `chunksize` is no positive whole number.
        """
        options = TaskOptions(chunksize=chunksize, lazy=True, policy=policy)
        call = LazyCall(None, _style(style, function, options), options)
        call.fresh.extend(iterable)
        if policy is not None and policy.priority is not None:
            call.ranks = ranks_of(policy, call.fresh)
        self._engine.usable()
        try:
            call.function = self._engine.function(function)
        except Exception as error:
            call.fail(error, [])  # comes out where the first result would
            return call
        if call.fresh:
            call.guess_weight(call.fresh[0])
        self._engine.submit(call, len(call.fresh))
        return call

    def policy(self, options: Mapping[str, object] | None) -> Policy | None:
        """Check the options of a call for its items, and have them kept; None: nothing was chosen.

        Raises:
            ValueError: A value is out of its range, or needs worker processes.
            TypeError: A value is of the wrong kind.
        """
        if not options:
            return None
        from procession.engine.policies import keep
        from procession.model.policy import chosen_policy

        policy = chosen_policy(options)
        if policy is not None:
            if policy.must_end is not None and not self._engine.loop.backend.ends:
                raise ValueError(f"{policy.must_end}=: goes with backend='processes' only; nothing ends what runs here")
            keep(self._engine.loop)
        return policy

    def _reporter(self, total: int | None) -> Reporter | None:
        if not self._progress:
            return None
        from procession.monitor.progress import reporter

        return reporter(self._progress, total)


def ranks_of(policy: Policy, items: Iterable[Any]) -> list[float]:
    """Ask for the priorities of all items; raises what `model.policy.rank` raises."""
    from procession.model.policy import rank

    assert policy.priority is not None
    return [rank(policy.priority, index, item) for index, item in enumerate(items)]


def length_of(iterable: object) -> int | None:
    """The length of an input, if it has one and knows it."""
    try:
        return len(iterable)  # type: ignore[arg-type]
    except Exception:  # it has none, or does not know it
        return None


def checked_progress(progress: object) -> None:
    """Check how progress is to be shown; raises what `monitor.progress.checked` raises."""
    if progress is not False:
        from procession.monitor.progress import checked

        checked(progress)


def with_keywords(function: Callable[..., Any], kwargs: Mapping[str, Any] | None) -> Callable[..., Any]:
    """Bind keyword arguments that are the same for all items, so that they travel once, with the function."""
    return partial(function, **kwargs) if kwargs else function


def _style(style: Style, function: Any, options: TaskOptions) -> Style:
    """Say how a function is applied; note where one call of it takes many items (`procession.chunked`)."""
    while isinstance(function, partial):
        function = function.func
    if not getattr(type(function), "takes_many", False):  # its class is loaded where it is used
        return style
    options.together = True
    return Style.COLUMNS if style == Style.STAR else Style.BATCH


def default_workers() -> int:
    """The number of workers of a pool whose caller did not choose it; a pool inside a worker gets its share."""
    return max(1, host.worker_count().count // nesting.outer_workers())


def checked_workers(processes: int | None) -> int:
    """Check a number of workers; None: the default.

    Raises:
        ValueError: It is less than 1.
        TypeError: It is no whole number.
    """
    if processes is None:
        return default_workers()
    try:
        return positive("processes", processes)
    except ValueError as error:
        if isinstance(processes, (int, float)) and processes < 1:
            raise
        raise TypeError(str(error)) from None  # as in multiprocessing
