"""`Pool`: the interface of `multiprocessing.Pool` on our engine.

Knows: names, signatures and promises of multiprocessing.pool.
Must not know: how items reach workers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence

from procession.engine.opening import kind, open_engine
from procession.intake import Intake, checked_progress, checked_workers
from procession.launcher import start_methods
from procession.model.errors import MaybeEncodingError as MaybeEncodingError
from procession.model.light import TYPE_CHECKING, Any, Self
from procession.model.settings import Settings, checked_backend
from procession.model.task import positive
from procession.pool_calls import PoolCalls
from procession.wire.exceptions import RemoteTraceback as RemoteTraceback

if TYPE_CHECKING:
    from typing import Unpack

    from procession.engine.members import Member
    from procession.model.settings import BackendName, WorkerOptions
    from procession.monitor.progress import ProgressOption

RUN, CLOSE, TERMINATE = "RUN", "CLOSE", "TERMINATE"


class Pool(PoolCalls):
    """A pool of worker processes.

    Args:
        processes: Number of workers. None: what `procession.launcher.host.worker_count` finds.
        initializer: Called in every worker before its first item.
        initargs: Its arguments.
        maxtasksperchild: Items (chunks, where `chunksize` is given) after which a worker is replaced. None: never.
        context: A start method's name, a context, or None for the default.
        preload: Modules that a clean nursery imports once, before it forks the workers.
        progress: True: a bar on a terminal or in a notebook, else lines on standard error. "rich", "tqdm": a bar by
            that library. A function: called with (ended, failed, total or None). What is counted are items.
        backend: Where the workers are. "processes"; "threads": of this process, items are handed over as they are and a
            running one cannot be ended; "serial": nowhere, each item runs in the thread of its caller, for debugging.
            `docs/backends.md` says what differs.
        threads_per_worker: Threads that BLAS and OpenMP may start in each. None: the CPUs, shared by the workers.
        seed: Each item gets random numbers of its own, the same whichever worker runs it. None: never the same.
        logging: Records that are logged in a worker are handled in this process (default: True).
        capture_output: Each `Outcome` has `stdout` and `stderr`: what its item printed.
        worker_init: Called in every worker before its first item, without arguments.
        worker_exit: Called in every worker when it ends; not where it is killed.
        idle_timeout: Seconds after which a worker with nothing to do ends, until there is more. None: never.

    Raises:
        ValueError: `processes` is less than 1, `maxtasksperchild` is no positive whole number, `context` is unknown.
        TypeError: `processes` is no whole number, `initializer` is not callable.
        ImportError: The library that `progress` names is not installed.
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
        progress: ProgressOption = False,
        backend: BackendName = "processes",
        **options: Unpack[WorkerOptions],
    ) -> None:
        self._state = TERMINATE  # so that nothing is ended that never began
        workers = checked_workers(processes)
        if maxtasksperchild is not None:
            maxtasksperchild = positive("maxtasksperchild", maxtasksperchild)
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer={initializer!r}: must be callable")
        checked_backend(backend, context)
        checked_progress(progress)
        method = start_methods.resolve(context)
        self._processes = self._max_workers = self.size = workers
        settings = Settings(
            workers=1 if backend == "serial" else workers,
            quota=maxtasksperchild,
            initializer=initializer,
            initargs=tuple(initargs),  # users' code: before anything is open
            preload=tuple(preload),
            title=f"{kind(method, backend)}PoolWorker",
            backend=backend,
            **options,
        )
        self._engine = open_engine(method, settings)
        self._intake = Intake(self._engine, progress)
        self._state = RUN

    def resize(self, processes: int | None) -> None:
        """Have another number of workers from now on.

        Nothing is lost: of those that are too many the idle ones end now, the others after the batch that they run.

        Args:
            processes: As the constructor has it.

        Raises:
            ValueError: `processes` is less than 1, or the pool is closed.
            TypeError: `processes` is no whole number.
        """
        workers = checked_workers(processes)
        self._engine.resize(workers)
        self._processes = self._max_workers = self.size = workers

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
        self.stop()
        if self._engine.can_wait:
            self._engine.join()

    def stop(self) -> None:
        """Terminate, but do not wait for the workers' end."""
        self._state = TERMINATE
        self._engine.terminate("terminate() was called")

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
