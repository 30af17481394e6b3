"""The progress of one call: a bar on a terminal or in a notebook, plain lines otherwise, or a function of the user's.

Knows: how many items have ended, how many of them failed, how many there are.
Must not know: items, workers, who counts; how it looks (`looks.py`).

How it works: `add` only counts, so it may be called under a lock. `show` draws or calls, when somebody has a moment:
no thread and no timer is needed, since nothing changes while no item ends. `end` shows the last state, once.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from time import monotonic

from procession.model.light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    ProgressOption: TypeAlias = bool | Literal["rich", "tqdm"] | Callable[[int, int, int | None], object]

Report = Callable[[int, int, "int | None"], object]

NAMES = ("rich", "tqdm")  # libraries that draw


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


def checked(progress: object) -> None:
    """Check what a caller chose, before anything begins.

    Raises:
        ValueError: It is a name that nobody knows.
        TypeError: It is nothing of the kind.
        ImportError: It is a library that is not installed.
    """
    if isinstance(progress, str) and progress not in NAMES:
        raise ValueError(f"progress={progress!r}: must be True, False, 'rich', 'tqdm' or a function")
    if isinstance(progress, str):
        from importlib.util import find_spec

        if find_spec(progress) is None:
            hint = f"pip install 'procession[{progress}]'"
            raise ImportError(f"progress={progress!r}: {progress} is not installed; {hint}", name=progress)
    elif not callable(progress) and progress not in (True, False, None):
        raise TypeError(f"progress={progress!r}: must be True, False, 'rich', 'tqdm' or a function")


def reporter(progress: ProgressOption, total: int | None) -> Reporter | None:
    """Make the reporter of one call.

    Args:
        progress: True: what suits where this runs. A name: that library draws. A function: called with (ended, failed,
            total or None).
        total: How many items there are; None if nobody knows.

    Returns:
        The reporter; None if there is nobody to tell.
    """
    if callable(progress):
        return Reporter(progress, total)
    from procession.monitor import looks

    chosen = looks.choose(progress, total)
    return None if chosen is None else Reporter(*chosen)
