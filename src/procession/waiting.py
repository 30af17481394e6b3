"""Classes that stand with one foot in the standard library's heavy modules; loaded when one is first needed.

Knows: multiprocessing's TimeoutError, concurrent.futures' Future.
Must not know: pools.
"""

from __future__ import annotations

from concurrent.futures import Future, _base
from time import monotonic
from typing import Any

from procession.engine import recall
from procession.engine.engine import Engine
from procession.engine.singles import Single


class PoolFuture(Future[Any]):
    """A future whose waiting caller hears the worker itself, where it can: that saves waking two threads."""

    def __init__(self, engine: Engine, keep: object) -> None:
        super().__init__()
        self._engine = engine
        self._keep = keep  # the pool: it must not be collected while its result may come
        self.single: Single | None = None

    def result(self, timeout: float | None = None) -> Any:
        """As `concurrent.futures.Future.result`."""
        try:
            return super().result(self._help(timeout))
        finally:
            del self  # else an error would hold this frame, which holds the future, which holds the error

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `concurrent.futures.Future.exception`."""
        try:
            return super().exception(self._help(timeout))
        finally:
            del self  # as above

    def cancel(self) -> bool:
        """As `concurrent.futures.Future.cancel`; also one that was handed out ahead and has not begun never will."""
        return self._cancel(False)

    def end(self) -> bool:
        """Cancel it even if it runs: its worker is ended, and another one takes its place; no other item is affected.

        Returns:
            False if it has ended already, or runs where nothing can end it.
        """
        return self._cancel(True)

    def _cancel(self, end: bool) -> bool:
        single = self.single
        if not super().cancel():
            if single is None or not recall.recall(self._engine.loop, single, end):
                return False
            self.tell_cancelled()
        self.set_running_or_notify_cancel()  # those who wait for it need not wait until a worker comes to it
        return True

    def recalled(self) -> bool:
        """Under the engine's lock: it will never run, or what ran it was ended."""
        with self._condition:
            if self.done():
                return False
            self._state = _base.CANCELLED
            self._condition.notify_all()
            return True

    def tell_cancelled(self) -> None:
        """Outside of it: call those who wait for the end of what was `recalled`."""
        self._invoke_callbacks()  # type: ignore[attr-defined]
        self.set_running_or_notify_cancel()

    def set_running_or_notify_cancel(self) -> bool:
        """As of `concurrent.futures.Future`; of what was cancelled it may be asked again."""
        with self._condition:
            return self._state != _base.CANCELLED_AND_NOTIFIED and super().set_running_or_notify_cancel()

    def wanted(self) -> bool:
        """Say whether it is to run; the engine asks once, when it is about to be sent."""
        with self._condition:
            if self._state == _base.PENDING:  # as nearly always: the base class does no more
                self._state = _base.RUNNING
                return True
        return self.set_running_or_notify_cancel()

    def settle(self, value: Any, error: BaseException | None, seconds: float | None, worker: int | None) -> None:
        """Take the outcome; the engine calls this once."""
        single, self.single = self.single, None
        if single is not None and not single.asked:  # it never came to be sent
            self.set_running_or_notify_cancel()
        if self.cancelled():
            pass
        elif error is not None:
            self.set_exception(error)
        else:
            self.set_result(value)
        self._keep = None

    def _help(self, timeout: float | None) -> float | None:
        if self.done() or self.single is None:
            return timeout
        self._engine.may_wait()
        until = None if timeout is None else monotonic() + timeout
        self._engine.help(self.single, self.done, timeout)
        return None if until is None else max(0.0, until - monotonic())
