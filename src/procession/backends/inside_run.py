"""One portion on its way through a worker of this process.

Knows: when a group is claimed, when outcomes are told, what breaks it off.
Must not know: in which thread it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import perf_counter

from procession.backends.base import Ended, News, Portion
from procession.backends.calling import caller, end_forked, failure, quits, weight
from procession.backends.inside_care import Care
from procession.model.light import Any, Protocol
from procession.model.task import Style
from procession.wire import exceptions
from procession.wire.codec import Results

AT_ONCE_SECONDS = 0.0002  # an item that took so long is told at once, as in worker/loop.py
GATHER_SECONDS = 0.001  # shorter ones wait so long at the most

Tell = Callable[[Sequence[News]], None]


class Hand(Protocol):
    """The worker, as a portion sees it."""

    number: int
    care: Care
    closed: bool
    stopping: bool

    def claim(self, batch: int) -> bool:
        """Claim the next group of a batch; False if it was taken back."""

    def rest(self, whole: bool) -> None:
        """Note that it has run all that it had claimed."""


class Run:
    """One portion on its way: what has ended and was not told."""

    def __init__(self, link: Hand, portion: Portion, tell: Tell, home: int) -> None:
        self._link = link
        self._portion = portion
        self._tell = tell
        self._home = home
        self.interrupt: BaseException | None = None  # what broke it off: the rest is not run
        self._broken_off: BaseException | None = None  # what the rest is told to have ended with
        self._values: list[Any] = []
        self._failures: dict[int, BaseException] = {}
        self._durations: list[float] = []
        self._seconds = 0.0

    def run(self) -> None:
        """Run the items, claiming each group."""
        care = self._link.care
        care.begin_batch(self._portion)
        try:
            self._run()
        finally:
            care.end_batch()

    def _run(self) -> None:
        link, portion = self._link, self._portion
        if portion.style in (Style.BATCH, Style.COLUMNS):
            self._run_together()
            return
        batch, group = portion.batch, portion.group
        care, call = link.care, caller(portion, link.care.coroutines)
        last = len(portion.items) - 1
        since = now = perf_counter()
        for position, item in enumerate(portion.items):
            if group and position % group == 0 and not link.claim(batch):
                break
            if link.stopping:
                break
            care.at(position)
            self._run_one(call, item)
            if position == last or group and position % group == group - 1:
                link.rest(not group)  # before that is told: more may come for it then, and be taken back
            before, now = now, perf_counter()
            self._seconds += now - before
            if portion.timed:
                self._durations.append(now - before)
            if now - before >= AT_ONCE_SECONDS or now - since >= GATHER_SECONDS:
                self._flush()
                since = now = perf_counter()
        self._flush()

    def _run_together(self) -> None:
        """Run a function of many items: one call for all."""
        from procession.worker import together

        link, portion = self._link, self._portion
        if link.stopping or (portion.group and not link.claim(portion.batch)):
            return
        assert portion.function is not None
        link.care.at(0)
        begin = perf_counter()
        function = link.care.coroutines.plain(together.unwrapped(portion.function.value))
        self._values, failures = together.run(function, portion.style, portion.items)
        self._seconds = perf_counter() - begin
        self._durations = [self._seconds / len(portion.items)] * len(portion.items)
        error = next(iter(failures.values()), None)
        end_forked(self._home, error)
        if error is not None and (exceptions.interrupts(error) or quits(error)):
            self.interrupt = error
        self._failures = {place: failure(each) for place, each in failures.items()}
        link.rest(not portion.group)
        self._flush()

    def _run_one(self, call: Callable[[Any], Any], item: Any) -> None:
        value = None
        if self._broken_off is not None:
            self._failures[len(self._values)] = self._broken_off
            self._values.append(None)
            return
        try:
            value = call(item)
        except BaseException as error:
            end_forked(self._home, error)
            self._failures[len(self._values)] = arrives = failure(error)
            if exceptions.interrupts(error) or quits(error):
                self.interrupt, self._broken_off = error, arrives
        if os.getpid() != self._home:
            end_forked(self._home, None)
        self._values.append(value)

    def _flush(self) -> None:
        """Tell what has ended."""
        values, self._values = self._values, []
        failures, self._failures = self._failures, {}
        durations, self._durations = self._durations, []
        seconds, self._seconds = self._seconds, 0.0
        if values and not self._link.closed:
            results = Results(values, failures or None, durations if self._portion.timed else None)
            size = weight(values[-1]) * len(values)
            self._tell([Ended(self._link.number, self._portion.batch, len(values), seconds, results, size)])
