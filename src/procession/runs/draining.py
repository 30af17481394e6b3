"""Ctrl-C and SIGTERM for a run: the first lets what runs end, the second ends it.

Knows: signals, what to say about them.
Must not know: journals, streams. It tells the run to stop and leaves how to it.

A handler runs between any two steps of the main thread, which may hold any lock; so it only notes what is wanted
(`LiveRun.stop`), and writes to the descriptor of standard error itself.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol, Self

GRACE = 30.0  # seconds that items may take after SIGTERM: service managers kill after 90, containers after 10 to 30
SHORTEST = 0.1  # seconds that are worth a number


class Stoppable(Protocol):
    """What can be drained: a `LiveRun`."""

    @property
    def running(self) -> int:
        """How many items run."""

    def stop(self, now: bool = False, within: float | None = None) -> None:
        """Begin no more."""

    def expected_seconds(self) -> float | None:
        """How long an item takes."""


def write_to_stderr(text: str) -> None:
    """Write a line where a handler may: `print` would fail if the signal struck within another one."""
    try:
        os.write(2, (text + "\n").encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody listens


class Draining:
    """While it is entered, in the main thread, Ctrl-C and SIGTERM drain a run instead of ending the process.

    Args:
        live: The run.
        grace: Seconds that running items may take after SIGTERM; then they are ended.
        again: How the rest is done later, as the message says it.
        say: Shows a line; called in a signal handler.
        replace: Also where the program has a handler of its own, not only in place of Python's.

    Attributes:
        received: The first signal's number, or None.
    """

    def __init__(
        self,
        live: Stoppable,
        *,
        grace: float = GRACE,
        again: str = "the same call does the rest",
        say: Callable[[str], object] = write_to_stderr,
        replace: bool = False,
    ) -> None:
        self.received: int | None = None
        self._live = live
        self._grace = grace
        self._again = again
        self._say = say
        self._replace = replace
        self._before: dict[int, Any] = {}
        self._count = 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                handler = signal.getsignal(number)
                if handler is default or (self._replace and handler not in (None, signal.SIG_IGN)):
                    self._before[number] = handler
                    signal.signal(number, self.handle)
        return self

    def handle(self, number: int, frame: object = None) -> None:
        """A signal came: the first drains, the second ends what runs, the third is as without this."""
        self._count += 1
        if self._count == 1:
            self.received = number
            self._live.stop(within=self._grace if number == signal.SIGTERM else None)
            self._say(self.text(number))
        elif self._count == 2:
            self._live.stop(now=True)
            self._say("ending what runs; it is done again next time")
        else:
            self._restore()
            raise KeyboardInterrupt

    def text(self, number: int) -> str:
        """Say what happens now: how many items run, and how long that may take."""
        running, seconds = self._live.running, self._live.expected_seconds()
        items = "1 item runs and may end" if running == 1 else f"{running} items run and may end"
        if seconds is not None:
            items += f", about {seconds:.3g} s each" if seconds >= SHORTEST else f", less than {SHORTEST} s each"
        limit = f"; in {self._grace:g} s they are ended" if number == signal.SIGTERM else "; Ctrl-C again ends them"
        return f"stopping: {items}{limit}; {self._again}"

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _restore(self) -> None:
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, handler)

    def pass_on(self) -> None:
        """After the run: let the signal that came, if any, do what it would have done.

        Raises:
            KeyboardInterrupt: It was Ctrl-C.
        """
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received is not None:
            signal.raise_signal(self.received)
