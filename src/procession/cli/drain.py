"""The first Ctrl-C: nothing more begins, what runs may end. The second one ends that too.

Knows: signals, what can be stopped, the clock.
Must not know: items, journals.

A signal handler may strike while its own thread holds a lock of the engine, so it only starts a thread, by the call
that takes no lock, and that thread does the rest.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol

from procession.cli import main

_LOOK_SECONDS = 0.5  # what an engine has to say what runs


class Stoppable(Protocol):
    """What can begin nothing more."""

    def stop(self, now: bool = False) -> None:
        """Begin nothing more."""


class Drain:
    """What a signal does while items run; a context.

    Args:
        running: The stream or the live run.
        say: Shows a line.
        grace: Seconds that running items have after another signal than Ctrl-C.
    """

    def __init__(self, running: Stoppable, say: Callable[[str], object], grace: float) -> None:
        self._running = running
        self._say = say
        self._grace = grace
        self._over = threading.Event()
        self._began: float | None = None

    def __enter__(self) -> Drain:
        main.on_first_signal(self._begin)
        return self

    def __exit__(self, *error: object) -> None:
        main.on_first_signal(None)
        self._over.set()

    @property
    def seconds(self) -> float | None:
        """How long it has taken since the signal; None: there was none."""
        return None if self._began is None else time.monotonic() - self._began

    def _begin(self, number: int) -> None:
        self._began = time.monotonic()
        _thread.start_new_thread(self._stop, (number,))

    def _stop(self, number: int) -> None:
        self._running.stop()
        interrupt = number == signal.SIGINT
        end = "Ctrl-C again ends them" if interrupt else f"they have {self._grace:g} s"
        self._say(f"stopping: {_what_runs(self._running)}; {end}")
        if not interrupt and not self._over.wait(self._grace):
            signal.pthread_kill(threading.main_thread().ident or 0, number)


def _what_runs(running: Stoppable) -> str:
    from procession import inspection

    found = inspection.look(running, _LOOK_SECONDS)
    seconds = [each.seconds for each in found or () if each.busy]
    if not seconds:
        return "nothing more begins, what runs may end"
    items = "1 running item" if len(seconds) == 1 else f"{len(seconds)} running items"
    longest = "" if len(seconds) == 1 else "the longest "
    return f"waiting for {items} ({longest}for {max(seconds):.1f} s)"
