"""The progress of one call: a bar on a terminal, plain lines otherwise, or a function of the user's.

Knows: how many items have ended, how many of them failed, how many there are.
Must not know: items, workers, who counts.

How it works: `add` only counts, so it may be called under a lock. `show` draws or calls, when somebody has a moment:
no thread and no timer is needed, since nothing changes while no item ends. `end` shows the last state, once.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic

from procession.model.light import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Literal, TextIO, TypeAlias

    ProgressOption: TypeAlias = bool | Literal["rich", "tqdm"] | Callable[[int, int, int | None], object]

LINE_SECONDS = 5.0  # between two plain lines: a log of an hour has 720
DRAW_SECONDS = 0.1  # between two drawings of a bar: nobody sees more

Report = Callable[[int, int, "int | None"], object]


class Reporter:
    """Counts the items of one call and tells how far it is.

    Args:
        report: Called with (ended, failed, total or None); never twice at once.
        total: How many items there are; None as long as nobody knows.
        every: Seconds between two calls of `report`; the last one comes in any case.
    """

    def __init__(self, report: Report, total: int | None, every: float = 0.0) -> None:
        self.total = total
        self._report: Report | None = report
        self._every = every
        self._ended = 0
        self._failed = 0
        self._next = monotonic() + every
        self._told: tuple[int, int, int | None] | None = None
        self._lock = threading.RLock()  # what is called may look at the same iterator again
        self._over = False

    def add(self, ended: int, failed: int) -> None:
        """Count items that have ended, and those of them that failed."""
        self._ended += ended
        self._failed += failed

    def show(self) -> None:
        """Tell the present state, if it is time."""
        with self._lock:
            if not self._over and (not self._every or monotonic() >= self._next):
                self._next = monotonic() + self._every
                self._tell()

    def end(self) -> None:
        """Tell the last state, if nobody has yet."""
        with self._lock:
            if not self._over:
                self._over = True
                self._tell()
                close = getattr(self._report, "close", None)
                if close is not None:
                    close()
                self._report = None

    def _tell(self) -> None:
        state = (self._ended, self._failed, self.total)
        if self._report is None or state == self._told:
            return
        self._told = state
        try:
            self._report(*state)
        except Exception:
            self._report = None  # told once, not a thousand times
            traceback.print_exc()


def reporter(progress: ProgressOption, total: int | None) -> Reporter | None:
    """Make the reporter of one call.

    Args:
        progress: True: a bar, or lines on standard error. A function: called with (ended, failed, total or None).
        total: How many items there are; None if nobody knows.

    Returns:
        The reporter; None if there is nobody to tell.
    """
    if callable(progress):
        return Reporter(progress, total)
    stream = sys.stderr
    if stream is None:
        return None
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Reporter(Bar(stream, total), total, DRAW_SECONDS)
    return Reporter(Lines(stream), total, LINE_SECONDS)


class Lines:
    """Writes plain lines.

    Args:
        stream: Where.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = monotonic()

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        text = describe(ended, failed, total, monotonic() - self._begun)
        self._stream.write(f"procession: {text}\n")
        self._stream.flush()


class Bar:
    """A bar that rich draws when it is told to.

    Args:
        stream: The terminal.
        total: How many items there are; None if nobody knows.
    """

    def __init__(self, stream: TextIO, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._begun = monotonic()
        self._progress: Any = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=Console(file=stream),
            auto_refresh=False,  # or rich would start a thread
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        self._task = self._progress.add_task("", total=total)
        self._progress.start()

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        text = describe(ended, failed, total, monotonic() - self._begun)
        self._progress.update(self._task, completed=ended, total=total, description=text, refresh=True)

    def close(self) -> None:
        """Leave the terminal as it was, below the bar."""
        self._progress.stop()


def describe(ended: int, failed: int, total: int | None, seconds: float) -> str:
    """Say how far it is: `120 of 300, 97/s, 2 s left, 1 failed`."""
    parts = [f"{ended}" if total is None else f"{ended} of {total}"]
    if ended and seconds > 0:
        rate = ended / seconds
        parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if total is not None and total > ended:
            parts.append(f"{_duration((total - ended) / rate)} left")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
