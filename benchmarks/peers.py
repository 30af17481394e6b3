"""The peers behind one interface: open, call, later, map, stream, close.

Knows: how each library spells these, with its defaults. A library is imported when its peer is opened.
Must not know: what is measured.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Function = Callable[[Any], Any]


class Peer:
    """One way to run a function in other processes. What a library has not stays unimplemented here."""

    needs = ""  # the module without which this peer is left out

    def open(self, workers: int) -> None:
        """Start the pool."""
        raise NotImplementedError

    def close(self) -> None:
        """End the pool as its `with` would."""
        raise NotImplementedError

    def call(self, function: Function, item: Any) -> Any:
        """Run one call and wait for its result."""
        return self.result(self.later(function, item))

    def later(self, function: Function, item: Any) -> Any:
        """Submit one call and return its handle."""
        raise NotImplementedError

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        """Wait for the result of `later`."""
        raise NotImplementedError

    def ended(self, handle: Any) -> bool:
        """Tell whether a call of `later` has its result, or has failed."""
        return bool(handle.done())

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        """Run all items, in the way whose defaults the library recommends."""
        raise NotImplementedError

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        """Yield results in order."""
        raise NotImplementedError

    def stream_unordered(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        """Yield results as they finish."""
        raise NotImplementedError


class StandardPool(Peer):
    """`multiprocessing.Pool` under a start method."""

    def __init__(self, method: str) -> None:
        self.method = method

    def make(self, workers: int) -> Any:
        """Make the pool object."""
        return multiprocessing.get_context(self.method).Pool(workers)

    def open(self, workers: int) -> None:
        self.pool = self.make(workers)

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()

    def call(self, function: Function, item: Any) -> Any:
        return self.pool.apply(function, (item,))

    def later(self, function: Function, item: Any) -> Any:
        return self.pool.apply_async(function, (item,))

    def ended(self, handle: Any) -> bool:
        return bool(handle.ready())

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        return handle.get(timeout)

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        return self.pool.map(function, items)  # type: ignore[no-any-return]

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap(function, items)  # type: ignore[no-any-return]

    def stream_unordered(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap_unordered(function, items)  # type: ignore[no-any-return]


class Procession(StandardPool):
    """`procession.Pool`, which has the interface of `multiprocessing.Pool`."""

    needs = "procession"

    def __init__(self, context: str | None = None) -> None:
        self.context = context

    def make(self, workers: int) -> Any:
        import procession

        return procession.Pool(workers, context=self.context)


class ProcessionSubmit(Procession):
    """`procession.Pool` through `submit`, which gives a real future."""

    def call(self, function: Function, item: Any) -> Any:
        return self.pool.submit(function, item).result()

    def later(self, function: Function, item: Any) -> Any:
        return self.pool.submit(function, item)

    def ended(self, handle: Any) -> bool:
        return bool(handle.done())

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        return handle.result(timeout)


class Executor(Peer):
    """`concurrent.futures.ProcessPoolExecutor` under fork."""

    def open(self, workers: int) -> None:
        from concurrent.futures import ProcessPoolExecutor

        self.executor: Any = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))

    def close(self) -> None:
        self.executor.shutdown()

    def later(self, function: Function, item: Any) -> Any:
        return self.executor.submit(function, item)

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        return handle.result(timeout)

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        return list(self.executor.map(function, items))

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.executor.map(function, items)  # type: ignore[no-any-return]


class Loky(Executor):
    """loky's reusable executor."""

    needs = "loky"

    def open(self, workers: int) -> None:
        import loky

        # By default its workers leave after 10 s without work, in the middle of the measure of idle pools.
        self.executor = loky.get_reusable_executor(max_workers=workers, timeout=300)

    def close(self) -> None:
        self.executor.shutdown(kill_workers=True)


class Joblib(Peer):
    """`joblib.Parallel` with its default backend, whose workers it keeps between calls."""

    needs = "joblib"

    def open(self, workers: int) -> None:
        import joblib

        self.delayed = joblib.delayed
        self.parallel = joblib.Parallel
        self.workers = workers

    def close(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(kill_workers=True)

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        return self._run("list", function, items)  # type: ignore[no-any-return]

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self._run("generator", function, items)  # type: ignore[no-any-return]

    def stream_unordered(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self._run("generator_unordered", function, items)  # type: ignore[no-any-return]

    def _run(self, kind: str, function: Function, items: Iterable[Any]) -> Any:
        calls = (self.delayed(function)(item) for item in items)
        return self.parallel(n_jobs=self.workers, return_as=kind)(calls)


class Mpire(Peer):
    """mpire's `WorkerPool`; `keep_alive`, as without it each call starts new workers."""

    needs = "mpire"

    def open(self, workers: int) -> None:
        import mpire

        self.pool = mpire.WorkerPool(n_jobs=workers, keep_alive=True)

    def close(self) -> None:
        self.pool.terminate()

    def call(self, function: Function, item: Any) -> Any:
        return self.pool.apply(function, args=(item,))

    def later(self, function: Function, item: Any) -> Any:
        return self.pool.apply_async(function, args=(item,))

    def ended(self, handle: Any) -> bool:
        return bool(handle.ready())

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        return handle.get(timeout)

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        return self.pool.map(function, items)  # type: ignore[no-any-return]

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap(function, items)

    def stream_unordered(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.imap_unordered(function, items)


class Pebble(Peer):
    """pebble's `ProcessPool`."""

    needs = "pebble"

    def open(self, workers: int) -> None:
        import pebble

        self.pool = pebble.ProcessPool(max_workers=workers)

    def close(self) -> None:
        self.pool.stop()
        self.pool.join()

    def later(self, function: Function, item: Any) -> Any:
        return self.pool.schedule(function, args=[item])

    def result(self, handle: Any, timeout: float | None = None) -> Any:
        return handle.result(timeout)

    def map(self, function: Function, items: Iterable[Any]) -> list[Any]:
        return list(self.stream(function, items))

    def stream(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        return self.pool.map(function, items).result()  # type: ignore[no-any-return]


PEERS: dict[str, tuple[type[Peer], tuple[Any, ...]]] = {
    "procession": (Procession, ()),
    "procession submit": (ProcessionSubmit, ()),
    "procession nursery": (Procession, ("nursery",)),
    "procession fork": (Procession, ("fork",)),
    "Pool fork": (StandardPool, ("fork",)),
    "Pool spawn": (StandardPool, ("spawn",)),
    "Pool forkserver": (StandardPool, ("forkserver",)),
    "ProcessPoolExecutor": (Executor, ()),
    "loky": (Loky, ()),
    "joblib": (Joblib, ()),
    "mpire": (Mpire, ()),
    "pebble": (Pebble, ()),
}

NO_POOLS = {"faster-fifo": "faster_fifo", "lmdb": "lmdb"}  # peers of what processes share, and what they need
PROGRAMS = {"xargs -P": "xargs", "GNU parallel": "parallel"}  # peers that are commands


def make(name: str) -> Peer:
    """Make the peer called `name`, not opened yet."""
    kind, arguments = PEERS[name]
    return kind(*arguments)


def missing(name: str) -> str:
    """Name the module or program that this peer needs and that is not here, or nothing."""
    if name in PROGRAMS:
        return "" if shutil.which(PROGRAMS[name]) else PROGRAMS[name]
    needs = PEERS[name][0].needs if name in PEERS else NO_POOLS.get(name, "")
    return "" if not needs or importlib.util.find_spec(needs) else needs
