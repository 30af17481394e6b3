"""What a pool's maker chose, checked: how many workers, and how each of them lives.

Knows: the choices.
Must not know: who carries them out.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index

from procession.model.light import TYPE_CHECKING, Any, Record
from procession.model.task import positive

if TYPE_CHECKING:
    from typing import Literal, TypedDict

    from procession.model.amounts import MemoryOptions

    BackendName = Literal["processes", "threads", "serial"]

    class WorkerOptions(TypedDict, total=False):
        """What holds for every worker of a pool, and around each of its items. `docs/workers.md` explains it.

        Args:
            threads_per_worker: Threads that BLAS and OpenMP may start in each. None: the CPUs, shared by the workers.
            seed: Each item gets random numbers of its own, the same whichever worker runs it. None: never the same.
            logging: Records that are logged in a worker are handled in this process.
            capture_output: Each `Outcome` has `stdout` and `stderr`: what its item printed.
            worker_init: Called in every worker before its first item, without arguments.
            worker_exit: Called in every worker when it ends; not where it is killed.
            idle_timeout: Seconds after which a worker with nothing to do ends, until there is more. None: never.
            max_shared: Bytes that large arguments and results may take in shared memory, beyond which they go through
                a pipe. None: a quarter of the memory; 0: all go through a pipe.
            max_rss: Memory above which a worker is replaced after an item: bytes, "2GB", or "25%" of what there is.
            max_rss_hard: Memory above which the running item is ended with `MemoryLimitExceeded`.
            memory_floor: While less memory than this is available, no item is started as long as another one runs.
        """

        threads_per_worker: int | None
        seed: int | None
        logging: bool
        capture_output: bool
        worker_init: Callable[[], object] | None
        worker_exit: Callable[[], object] | None
        idle_timeout: float | None
        max_shared: int | None
        max_rss: int | str | None
        max_rss_hard: int | str | None
        memory_floor: int | str | None


BACKENDS = ("processes", "threads", "serial")


def checked_backend(name: str, context: Any) -> str:
    """Check where workers shall be.

    Args:
        name: As `Pool` has it.
        context: The start method that was chosen, or None.

    Raises:
        ValueError: There is no such backend, or it has no processes to start.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r}: must be one of {', '.join(map(repr, BACKENDS))}")
    if name != "processes" and context is not None:
        raise ValueError(f"context={context!r}: backend={name!r} starts no processes; leave context= out")
    return name


class Settings(Record):
    """The settings of one pool.

    Args:
        workers: How many.
        quota: Items that one worker may run, or None.
        initializer: What every worker runs first, or None.
        initargs: Its arguments.
        preload: Modules that a clean nursery imports first.
        title: How the workers are named, e.g. `ForkPoolWorker`.
        backend: Where they are: one of `BACKENDS`.
        on_demand: Each starts when there is work that no idle one takes; else all at once.
        threads_per_worker, seed, logging, capture_output, worker_init, worker_exit, idle_timeout, max_shared: As
            `WorkerOptions` has them.
        max_rss, max_rss_hard, memory_floor: As `WorkerOptions` has them; together they are `memory`.

    Raises:
        ValueError: `threads_per_worker`, `seed`, `idle_timeout`, `max_shared` or an amount of memory is no such number.
        TypeError: `worker_init` or `worker_exit` is not callable.
    """

    __slots__ = (
        "workers", "quota", "initializer", "initargs", "preload", "title", "backend", "on_demand", "threads_per_worker",
        "seed", "logging", "capture_output", "worker_init", "worker_exit", "idle_timeout", "max_shared", "memory",
    )  # fmt: skip

    def __init__(
        self,
        *,
        workers: int,
        quota: int | None = None,
        initializer: Any = None,
        initargs: tuple[Any, ...] = (),
        preload: tuple[str, ...] = (),
        title: str = "PoolWorker",
        backend: str = "processes",
        on_demand: bool = False,
        threads_per_worker: int | None = None,
        seed: int | None = None,
        logging: bool = True,
        capture_output: bool = False,
        worker_init: Any = None,
        worker_exit: Any = None,
        idle_timeout: float | None = None,
        max_shared: int | None = None,
        max_rss: int | str | None = None,
        max_rss_hard: int | str | None = None,
        memory_floor: int | str | None = None,
    ) -> None:
        self.workers = workers
        self.quota = quota
        self.initializer = initializer
        self.initargs = initargs
        self.preload = preload
        self.title = title
        self.backend = backend
        self.memory = _memory(max_rss, max_rss_hard, memory_floor)
        if backend != "processes":
            _refuse_what_needs_processes(backend, capture_output, threads_per_worker, self.memory)
        self.on_demand = on_demand
        threads = threads_per_worker
        self.threads_per_worker = None if threads is None else positive("threads_per_worker", threads)
        self.seed = None if seed is None else whole_number("seed", seed)
        self.logging = bool(logging)
        self.capture_output = bool(capture_output)
        self.worker_init = _callable("worker_init", worker_init)
        self.worker_exit = _callable("worker_exit", worker_exit)
        self.idle_timeout = None if idle_timeout is None else checked_seconds("idle_timeout", idle_timeout)
        self.max_shared = None if max_shared is None else whole_number("max_shared", max_shared)


def _memory(*given: int | str | None) -> MemoryOptions | None:
    """Check what was chosen about memory; None: nothing was, and nothing is loaded for it."""
    if given == (None, None, None):
        return None
    from procession.model.amounts import MemoryOptions

    return MemoryOptions(*given)


def _refuse_what_needs_processes(
    backend: str, capture_output: bool, threads: int | None, memory: MemoryOptions | None
) -> None:
    chosen = {"capture_output": capture_output, "threads_per_worker": threads is not None}
    if memory is not None:
        chosen.update((name, getattr(memory, name) is not None) for name in memory.__slots__)
    for name, there in chosen.items():
        if there:
            raise ValueError(f"{name}=: goes with backend='processes' only; {backend} share this process")


def whole_number(name: str, value: object) -> int:
    """Check a whole number, also one of numpy's.

    Raises:
        ValueError: It is no whole number of 0 or more.
    """
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name}={value!r}: must be a whole number of 0 or more, or None")
    return number


def checked_seconds(name: str, value: object) -> float:
    """Check a number of seconds.

    Raises:
        ValueError: It is none, or less than 0.
    """
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = -1.0
    if not seconds >= 0.0:  # also what is no number at all
        raise ValueError(f"{name}={value!r}: must be a number of seconds, 0 or more, or None")
    return seconds


def _callable(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name}={value!r}: must be callable")
    return value
