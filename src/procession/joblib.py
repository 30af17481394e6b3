"""A backend for joblib: `import procession.joblib`, then `joblib.parallel_config(backend="procession")`.

Knows: what joblib asks of a backend.
Must not know: how batches reach workers.

How it works: a `Parallel` that runs has a pool to itself, so that an error in one ends nothing of another. Each of
joblib's batches is one `submit`; its future calls joblib back, which then dispatches the next batch. When a call has
ended well, its pool lies on the shelf for the next call that wants the same kind. Workers are born from the clean
nursery, which is what joblib's users expect: functions of `__main__` go by value, state set at run time is not there,
and nothing is forked from a program in which OpenMP has run (GNU's hangs in such a fork).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

try:
    import joblib
    from joblib import parallel as theirs
except ImportError as error:
    raise ImportError("procession.joblib needs joblib; install it: pip install 'procession[joblib]'") from error

from procession.model.errors import shorten, shorten_text
from procession.pool import Pool
from procession.shelf import Shelf, kind_of_pool
from procession.worker import nesting

if TYPE_CHECKING:
    from concurrent.futures import Future

IDLE_SECONDS = 300.0  # as joblib's own backend: then workers that nobody has used give their memory back
DEEPEST = 2  # calls around this one: below joblib's own would run in line, and processes of processes multiply
_shelf = Shelf()


def close() -> None:
    """End the workers that are kept for the next call, which then starts new ones. At exit this happens by itself."""
    _shelf.clear()


class ProcessionBackend(theirs.AutoBatchingMixin, theirs.ParallelBackendBase):  # type: ignore[misc]  # untyped
    """Runs the batches of `joblib.Parallel` in a `procession.Pool`.

    Args:
        nesting_level: How many `Parallel` are around this one; joblib fills it in.
        inner_max_num_threads: Threads of BLAS and OpenMP in each worker. None: this machine's CPUs divided by the
            workers, where the environment does not say it.
        idle_worker_timeout: Seconds after which a worker with nothing to do ends; others start with the next call.
        context: How workers are born; see `Pool`.
        options: Other options of `Pool`, e.g. `initializer`, `initargs`, `preload`.

    Source: joblib.parallel_config(backend="loky").
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    # Seconds that a batch should take. joblib's 0.2 to 2 are meant for pools whose batches cost milliseconds: with them
    # 1000 calls of 1 ms took 0.96 s, with these 0.60 s, and no mixture of short and long calls took longer.
    MIN_IDEAL_BATCH_DURATION = 0.01
    MAX_IDEAL_BATCH_DURATION = 0.1

    def __init__(
        self,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        idle_worker_timeout: float = IDLE_SECONDS,
        context: Any = "nursery",
        **options: Any,
    ) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._idle_seconds = idle_worker_timeout
        self._options = {"context": context, **options}
        self._kind: dict[str, Any] = {}
        self._pool: Pool | None = None

    # The life of one `Parallel`.

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,
        prefer: Any = None,
        require: Any = None,
        *,
        max_nbytes: Any = None,
        mmap_mode: Any = None,
        temp_folder: Any = None,
        verbose: Any = None,
        context: Any = None,
        **options: Any,
    ) -> int:
        """Get ready for one `Parallel`; return the number of its workers.

        What is named here and not used is how other backends share arrays and start processes; joblib gives it to all.
        """
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise theirs.FallbackToBackend(theirs.SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._options |= options
        self._workers = workers
        return workers

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Say how many workers `n_jobs=` means; a negative number counts down from all CPUs.

        Raises:
            ValueError: It is 0.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None or (self.nesting_level or 0) >= DEEPEST:
            return 1
        if n_jobs < 0:
            cpus: int = max(1, joblib.cpu_count() // nesting.outer_workers())  # a worker has its share of them
            return max(1, cpus + 1 + n_jobs)
        return n_jobs

    def start_call(self) -> None:
        """A call begins; a `with Parallel(...)` may begin several."""
        # What a failed call had cut and not sent stays in joblib's queue (seen in 1.6), and the next call of the same
        # `Parallel` would run that too and return its results before its own.
        left = getattr(self.parallel, "_ready_batches", None)
        while left is not None and not left.empty():
            left.get_nowait()

    def terminate(self) -> None:
        """The call has ended: let another have the workers."""
        pool, self._pool = self._pool, None
        if pool is not None:
            _shelf.keep(self._kind, pool)
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End what runs: a call has failed, was interrupted, or nobody wants its results. The next batch gets new
        workers."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    # Batches.

    def submit(self, func: Any, callback: Callable[[Any], object] | None = None) -> Future[Any]:
        """Run a batch in a worker; `callback` gets the future when it is done."""
        if self._pool is None:  # not before there is work: `configure` is called for an empty input too
            self._pool = self._take_pool()
        future = self._pool.submit(run_batch, Batch(func))
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Give the results of a batch, or raise what it raised."""
        return out.result()

    def _take_pool(self) -> Pool:
        options = {
            "processes": self._workers,
            "threads_per_worker": self.inner_max_num_threads,
            "idle_timeout": self._idle_seconds,
            **self._options,
        }
        self._kind = kind_of_pool(options)
        return _shelf.take(self._kind) or Pool(**options)


class Batch:
    """One of joblib's batches on its way to a worker, where it arrives as itself.

    Here it has the name that an error gives it: who reads `WorkerDied` looks for a function of his own.
    """

    def __init__(self, calls: Any) -> None:
        self._calls = calls

    def __repr__(self) -> str:
        function, args, kwargs = self._calls.items[0]
        name = getattr(function, "__name__", None) or shorten(function, 20)
        inside = [shorten(each, 20) for each in args] + [f"{key}={shorten(each, 20)}" for key, each in kwargs.items()]
        others = len(self._calls.items) - 1
        return shorten_text(f"{name}({', '.join(inside)})", 60) + (f" and {others} more" if others else "")

    def __reduce__(self) -> Any:
        return _itself, (self._calls,)


def _itself(calls: Any) -> Any:
    return calls


def run_batch(calls: Callable[[], Any]) -> Any:
    """In a worker: run one of joblib's batches. A worker that looks for this function imports this module, so that
    calls inside of its tasks know the backend too."""
    return calls()


theirs.register_parallel_backend("procession", ProcessionBackend)
