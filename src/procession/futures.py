"""`ProcessPoolExecutor`: the interface of `concurrent.futures` on our engine; and all else that module has.

Knows: names, signatures and promises of concurrent.futures.ProcessPoolExecutor.
Must not know: how items reach workers.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import index
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from procession import exits, harvest
from procession.engine import recall
from procession.engine.members import Member
from procession.engine.opening import kind, open_engine
from procession.harvest import ExecutorFuture
from procession.intake import Intake, default_workers
from procession.launcher import start_methods
from procession.model.settings import Settings, checked_backend
from procession.model.task import Style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from procession.model.policy import ItemOptions
    from procession.model.settings import BackendName, WorkerOptions

R = TypeVar("R")

AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
AFTER_EXIT = "cannot schedule new futures after interpreter shutdown"


class ProcessPoolExecutor(concurrent.futures.Executor):
    """Calls functions in worker processes and gives `concurrent.futures.Future` objects for their results.

    Args:
        max_workers: Number of workers. None: one for each CPU that this process may use.
        mp_context: A context, a start method's name, or None for the default.
        initializer: Called in every worker before its first call.
        initargs: Its arguments.
        max_tasks_per_child: Calls after which a worker is replaced, under every start method. None: never.
        preload: Modules that a clean nursery imports once, before it forks the workers.
        backend: Where the workers are: "processes", "threads" or "serial"; see `procession.Pool`.
        options: The others of `procession.Pool`, from `threads_per_worker` on.

    Raises:
        ValueError: A number is less than 1, `mp_context` or `backend` is unknown or they do not go together.
        TypeError: A number is no whole number, `initializer` is not callable.
        StartFailed: The system refused processes or descriptors.

    A worker that dies fails the one future whose call it ran, with an error that is a `WorkerDied` and a
    `concurrent.futures.process.BrokenProcessPool`; the others go on, and so does the executor. Under `spawn` and
    `forkserver` a worker starts when there is a call that no idle one takes, else all start at once.

    Source: concurrent.futures.ProcessPoolExecutor.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        max_tasks_per_child: int | None = None,
        preload: Sequence[str] = (),
        backend: BackendName = "processes",
        **options: Unpack[WorkerOptions],
    ) -> None:
        self._shut = False
        self._context = mp_context
        self._seen: dict[int, Member] = {}
        self._max_workers = default_workers() if max_workers is None else _whole("max_workers", max_workers)
        if self._max_workers < 1:
            raise ValueError("max_workers must be greater than 0")
        quota = None if max_tasks_per_child is None else _whole("max_tasks_per_child", max_tasks_per_child)
        if quota is not None and quota < 1:
            raise ValueError("max_tasks_per_child must be >= 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        checked_backend(backend, mp_context)
        method = start_methods.resolve(mp_context)
        settings = Settings(
            workers=1 if backend == "serial" else self._max_workers,
            quota=quota,
            initializer=initializer and _initialize,
            initargs=() if initializer is None else (initializer, tuple(initargs)),
            preload=tuple(preload),
            title=f"{kind(method, backend)}{'Process' if backend == 'processes' else 'PoolWorker'}",
            backend=backend,
            on_demand=backend == "processes" and method.name in ("spawn", "forkserver"),
            **options,
        )
        self._engine = open_engine(method, settings)
        self._intake = Intake(self._engine, False)
        exits.note(self._engine)

    # Calls.

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[R]:
        """Call `fn(*args, **kwargs)` in a worker; return its future.

        Raises:
            RuntimeError: The executor was shut down.
            BrokenProcessPool: No worker can be started, or an initializer failed.
        """
        if self._shut or exits.begun():
            raise self._refusal(None)
        future = ExecutorFuture(self._engine, None)
        try:
            single = self._intake.single(fn, args, kwargs, future)
            if single is not None:
                self._engine.submit_single(single)
        except Exception as error:
            raise self._refusal(error)  # noqa: B904  # it has its cause; a name for it here would hold this frame
        return future

    def map(
        self,
        fn: Callable[..., R],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        **options: Unpack[ItemOptions],
    ) -> Iterator[R]:
        """Call `fn` on the items, side by side as the built-in `map` does; give an iterator over the results in order.

        Args:
            timeout: Seconds from now on within which each result must come.
            chunksize: Items that travel together; 1: sized by their measured duration.
            buffersize: Items (chunks) that may be submitted and whose results were not taken yet: the input is read as
                results are taken. None: all of it is read at once.

        Raises:
            BaseException: By the iterator, the first item's that failed; that ends it.
            TimeoutError: By the iterator.
            ValueError: `chunksize` or `buffersize` is less than 1.
            RuntimeError, BrokenProcessPool: As `submit`.
        """
        single = len(iterables) == 1
        items = iterables[0] if single else zip(*iterables, strict=False)
        return self._map(Style.CALL if single else Style.STAR, fn, items, timeout, chunksize, buffersize, options)

    def starmap(
        self,
        fn: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        **options: Unpack[ItemOptions],
    ) -> Iterator[R]:
        """As `map`, but each item is a tuple of arguments: `fn(*item)`."""
        return self._map(Style.STAR, fn, iterable, timeout, chunksize, buffersize, options)

    def _map(
        self,
        style: Style,
        fn: Callable[..., R],
        items: Iterable[Any],
        timeout: float | None,
        chunksize: int,
        buffersize: int | None,
        options: Mapping[str, object],
    ) -> Iterator[R]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        until = None if timeout is None else monotonic() + timeout
        if self._shut or exits.begun():
            raise self._refusal(None)
        # Who looks on by a `submit` of his own (tqdm's `process_map`) sees each chunk pass, as in the standard one.
        looked_on = "submit" in vars(self) or type(self).submit is not ProcessPoolExecutor.submit
        policy = self._intake.policy(options)
        if policy is not None and buffersize is not None:
            raise ValueError(
                "buffersize= does not go with options for items, such as time_limit=; leave one of them out"
            )
        if policy is None and (buffersize is not None or looked_on):
            chunks = harvest.Chunks(self.submit, fn, style, iter(items), chunksize)
            ahead = list(islice(chunks, buffersize))
            return harvest.in_turn(chunks, ahead, until)
        try:
            call = self._intake.collect(style, fn, items, None if chunksize == 1 else chunksize, policy)
        except Exception as error:
            raise self._refusal(error)  # noqa: B904  # it has its cause; a name for it here would hold this frame
        return harvest.in_order(self._engine, call, until)

    def _refusal(self, error: Exception | None) -> Exception:
        """Say why nothing more is taken; an error of another kind stays what it is."""
        broken = self._engine.loop.broken
        if broken is not None and not (self._shut or exits.begun()):
            from procession.broken import as_broken

            return as_broken(broken)
        if error is not None and not (self._shut or exits.begun() or isinstance(error, ValueError)):
            return error
        refusal = RuntimeError(AFTER_SHUTDOWN if self._shut or not exits.begun() else AFTER_EXIT)
        refusal.__suppress_context__ = True
        return refusal

    # The end.

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no further calls; the workers end when all is done.

        Args:
            wait: Return when that is so (in a callback, which would wait for itself: at once).
            cancel_futures: Cancel what has not begun, also what was handed out ahead.
        """
        members = [] if self._shut else self._engine.members()
        self._shut = True
        if cancel_futures:
            self._cancel_waiting()
        self._engine.close()
        if wait and self._engine.can_wait:
            self._engine.join()
        self._note(members)

    def _cancel_waiting(self) -> None:
        for result in recall.recall_waiting(self._engine.loop):
            if isinstance(result, ExecutorFuture):
                result.tell_cancelled()

    def terminate_workers(self) -> None:
        """End now: cancel what has not begun, send SIGTERM to all workers, SIGKILL to those that live half a second
        later. Calls that run end with `BrokenProcessPool`; nothing waits for the workers.

        Source: concurrent.futures.ProcessPoolExecutor.terminate_workers, CPython 3.14.
        """
        self._end("terminate_workers() was called")

    def kill_workers(self) -> None:
        """As `terminate_workers`, with SIGKILL at once."""
        for member in self._end("kill_workers() was called"):
            member.kill()

    def _end(self, reason: str) -> list[Member]:
        members = self._engine.members()
        self._shut = True
        self._cancel_waiting()
        self._engine.terminate(reason)
        self._note(members)
        return members

    def __del__(self) -> None:
        engine = getattr(self, "_engine", None)
        if engine is not None and not engine.ended:
            engine.later(engine.close)  # its futures may be waited for

    # What programs read.

    @property
    def _processes(self) -> dict[int, Member]:
        """The workers by process id; after the end those that were the last."""
        if not self._shut:
            self._note(self._engine.members())
        return self._seen

    def _note(self, members: list[Member]) -> None:
        found = {member.pid: member for member in members}
        if found:
            self._seen = {pid: member for pid, member in found.items() if pid is not None}

    @property
    def _mp_context(self) -> Any:
        from procession.context import get_context

        return get_context(self._context) if self._context is None or isinstance(self._context, str) else self._context

    @property
    def _broken(self) -> bool | str:
        """False, or why no call can be served any more."""
        broken = None if self._shut else self._engine.loop.broken
        return False if broken is None else str(self._refusal(None))

    @property
    def _executor_manager_thread(self) -> Any:
        return self._engine.thread

    def __reduce__(self) -> Any:
        raise TypeError("an executor cannot be passed to another process: its workers are this process's children")

    def __repr__(self) -> str:
        state = "shut down" if self._shut else "running"
        return f"<{type(self).__module__}.{type(self).__qualname__} {state} max_workers={self._max_workers}>"


def _whole(name: str, value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer") from None


def _initialize(initializer: Callable[..., object], initargs: tuple[Any, ...]) -> None:
    """In a worker: run the initializer; log what it raises, as the standard library does."""
    try:
        initializer(*initargs)
    except BaseException:
        import logging

        logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
        raise


def __getattr__(name: str) -> Any:
    """What else stands in `concurrent.futures`: `Future`, `wait`, `as_completed`, `ThreadPoolExecutor`, ..."""
    return getattr(concurrent.futures, name)
