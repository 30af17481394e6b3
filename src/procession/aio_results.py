"""How outcomes come to an event loop: the mail of a loop, and what waits there for one call.

Knows: asyncio's futures, and in which thread each of these runs.
Must not know: how outcomes come about.

How it works: the engine's thread puts a note into the mail and rings, once for all notes that come before the loop
looks. So a burst of outcomes costs one wake-up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from procession.engine.calls import MapCall
from procession.engine.singles import Single
from procession.results import first_error


class Mail:
    """Has steps done on an event loop that other threads ask for.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._steps: deque[Callable[[], None]] = deque()
        self._rung = False

    def post(self, step: Callable[[], None]) -> None:
        """Have a step done soon; from any thread, also under a lock. Once the loop is closed nobody waits there."""
        self._steps.append(step)
        if not self._rung:
            self._ring()

    def _ring(self) -> None:
        self._rung = True
        try:
            self.loop.call_soon_threadsafe(self._look)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    def _look(self) -> None:
        self._rung = False  # first: who posts after this rings once more
        try:
            for _ in range(len(self._steps)):
                self._steps.popleft()()
        finally:
            if self._steps and not self._rung:  # Ctrl-C broke it off
                self._ring()


class Wake:
    """A future of a loop, as something that other threads can call."""

    __slots__ = ("_mail", "future")

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self.future: asyncio.Future[None] = mail.loop.create_future()

    def __call__(self) -> None:
        self._mail.post(self._set)

    def _set(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Pending(Wake):
    """A call that a coroutine awaits; `engine.singles.Result` to the engine."""

    __slots__ = ("_error", "_value", "dropped", "single")

    def __init__(self, mail: Mail) -> None:
        super().__init__(mail)
        self.single: Single | None = None
        self.dropped = False  # nobody awaits it any more
        self._value: Any = None
        self._error: BaseException | None = None

    def wanted(self) -> bool:
        """Say whether it is to run: not if its task was cancelled, and that shows here at once."""
        return not (self.dropped or self.future.cancelled())

    def recalled(self) -> bool:
        """Under the engine's lock: it will never run, or what ran it was ended."""
        return True

    def settle(self, value: Any, error: BaseException | None, seconds: float | None, worker: int | None) -> None:
        """Take the outcome; the engine calls this once."""
        self._value, self._error = value, error
        self.single = None  # it holds this result
        self()

    def settle_map(self, call: MapCall) -> None:
        """Take the outcome of a call with many items; the engine calls this once."""
        error = first_error(call)
        self.settle(None if error is not None else call.results, error, None, None)

    def result(self) -> Any:
        """What the call returned.

        Raises:
            BaseException: What it ended with.
        """
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._value
        finally:
            error = None  # it holds this frame
