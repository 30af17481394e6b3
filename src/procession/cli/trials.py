"""Trials of a function under several options, each for a bounded time, and what they speak for.

Knows: pools, the clock, how trials are compared.
Must not know: click, or how a trial is shown.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Literal, NamedTuple

import procession
from procession.launcher.host import start_methods

BATCHES = (None, 1, 10, 100)
LIKE_ENOUGH = 0.9  # what reaches so much of the best is as good: trials are short, and machines have other work
WORTH = 1.15  # so much better must be what is not the default
MANY_WORTH = 1.5  # and more workers than CPUs: where items wait they bring twice as much, else they only cost memory
START_WORTH = 0.1  # seconds that another start method must save, once a run; less is not worth its own risks
_SAMPLES = 1000  # seconds of items that are looked at for the median
_SHORTEST = 0.02  # seconds; where less was measured no rate is told

Backend = Literal["processes", "threads", "serial"]


class Setting(NamedTuple):
    """What a trial is made with.

    Args:
        kind: What it is a trial of: `workers`, `batch`, `start`, `backend` or `overhead`.
        workers: How many.
        chunksize: Items that travel together; None: sized by their duration.
        method: The start method; None: there are no processes.
        backend: Where workers are.
    """

    kind: str
    workers: int
    chunksize: int | None = None
    method: str | None = "nursery"
    backend: Backend = "processes"


class Trial(NamedTuple):
    """What came of it.

    Args:
        setting: What it was made with.
        first: Seconds from the pool's making to the first outcome; None: there was none in time.
        rate: Items a second after that; None: too few ended.
        ended: How many items ended.
        failed: How many of them failed.
        error: The first failed one's error.
        item_seconds: The median of the seconds that an item took in its worker.
    """

    setting: Setting
    first: float | None
    rate: float | None
    ended: int
    failed: int
    error: str | None
    item_seconds: float | None


def settings(workers: int) -> Iterator[Setting]:
    """Give what is tried, the default in the middle of it.

    Args:
        workers: The default number of workers.
    """
    counts = [*itertools.takewhile(lambda count: count < workers, (2**power for power in range(20))), workers]
    for count in (*counts, 2 * workers):
        yield Setting("workers", count)
    for size in BATCHES[1:]:
        yield Setting("batch", workers, size)
    yield Setting("backend", workers, method=None, backend="threads")
    for method in start_methods():
        yield Setting("start", workers, method=method)
    yield Setting("overhead", workers)
    yield Setting("overhead", workers, 1)


def run(function: Callable[[str], Any], items: Sequence[str], setting: Setting, seconds: float) -> Trial:
    """Run the function over the items, again and again, until the time is over. What runs then is ended.

    Args:
        function: The function; what does nothing takes its place in trials of the overhead.
        items: At least one.
        setting: Workers and batches.
        seconds: How long.
    """
    if setting.kind == "overhead":
        function = _nothing
    began = time.perf_counter()
    tally = _Tally(began, began + seconds)
    options: dict[str, Any] = {"backend": setting.backend}
    if setting.method is not None:
        options["context"] = setting.method
    pool = procession.Pool(setting.workers, **options)
    try:
        outcomes = pool.imap_unordered(function, itertools.cycle(items), setting.chunksize, outcomes=True)
        tally.take(outcomes, only_first=setting.kind == "start")
    finally:
        pool.terminate()
        pool.join()
    return tally.trial(setting)


class _Tally:
    def __init__(self, began: float, end: float) -> None:
        self._began = began
        self._end = end
        self._first: float | None = None
        self._last = began
        self._ended = 0
        self._failed = 0
        self._error: str | None = None
        self._seconds: list[float] = []

    def take(self, outcomes: Any, *, only_first: bool) -> None:
        while (left := self._end - self._last) > 0:
            try:
                outcome = outcomes.next(left)
            except TimeoutError:
                return
            self._last = time.perf_counter()
            self._count(outcome)
            if only_first:
                return

    def _count(self, outcome: Any) -> None:
        self._ended += 1
        if self._first is None:
            self._first = self._last - self._began
        if outcome.error is not None:
            self._failed += 1
            self._error = self._error or f"{type(outcome.error).__name__}: {outcome.error}"
        if outcome.seconds is not None and len(self._seconds) < _SAMPLES:
            self._seconds.append(outcome.seconds)

    def trial(self, setting: Setting) -> Trial:
        took = self._last - self._began - (self._first or 0)
        rate = (self._ended - 1) / took if self._ended > 1 and took >= _SHORTEST else None
        middle = median(self._seconds) if self._seconds else None
        return Trial(setting, self._first, rate, self._ended, self._failed, self._error, middle)


def _nothing(item: str) -> None:
    """What the overhead is measured with."""


class Advice(NamedTuple):
    """What the trials speak for.

    Args:
        workers: How many.
        chunksize: None: leave it alone.
        method: The start method.
        backend: Where workers are.
    """

    workers: int
    chunksize: int | None
    method: str
    backend: Backend


def advise(trials: Sequence[Trial], workers: int) -> Advice:
    """Choose: the fewest workers that are as good as the best, and what is not the default only where it is worth it.

    Args:
        trials: All of them.
        workers: The default number of workers.
    """
    by_workers = {each.setting.workers: each.rate or 0.0 for each in trials if each.setting.kind == "workers"}
    usual = by_workers[workers]
    best = max(rate for count, rate in by_workers.items() if count <= workers)
    count = min((count for count, rate in by_workers.items() if rate >= LIKE_ENOUGH * best and rate), default=workers)
    most = max(by_workers)
    if by_workers[most] > MANY_WORTH * best:
        count, best = most, by_workers[most]
    batches = [each for each in trials if each.setting.kind == "batch" and (each.rate or 0.0) > WORTH * usual]
    batch = max(batches, key=lambda each: each.rate or 0.0, default=None)
    threads = [each for each in trials if each.setting.kind == "backend" and (each.rate or 0.0) > WORTH * best]
    starts = [each for each in trials if each.setting.kind == "start" and each.first is not None and not each.failed]
    fastest = min(starts, key=lambda each: each.first or 0.0, default=None)
    default = next((each.first for each in starts if each.setting.method == "nursery"), None)
    method = "nursery"
    if fastest is not None and (default is None or default - (fastest.first or 0.0) > START_WORTH):
        method = fastest.setting.method or method
    return Advice(count, batch.setting.chunksize if batch else None, method, "threads" if threads else "processes")
