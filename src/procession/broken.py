"""What an executor's futures hold when a worker died, or all is lost: our errors and the standard library's at once.

Knows: both classes of each.
Must not know: executors. Loaded when one of these is first needed: `concurrent.futures.process` is heavy.
"""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from procession.model import errors


class ExecutorWorkerDied(errors.WorkerDied, BrokenProcessPool):
    """The worker died while it ran this call; no other is affected, and the executor goes on.

    The arguments are those of `WorkerDied`.
    """


class ExecutorBroken(errors.ProcessionError, BrokenProcessPool):
    """No call of this executor can be served any more.

    Args:
        reason: Why.
    """

    facts = ("reason",)
    reason: str

    def text(self) -> str:
        return f"the executor is broken: {self.reason}"


def as_died(error: errors.WorkerDied) -> ExecutorWorkerDied:
    """Give the error of a lost call as the futures of an executor hold it."""
    return ExecutorWorkerDied(**{name: getattr(error, name) for name in error.facts})


def as_broken(error: BaseException) -> ExecutorBroken:
    """Give the reason why a pool is broken as the futures of an executor hold it."""
    own = isinstance(error, errors.ProcessionError) and not isinstance(error, errors.RemoteError)
    reason = str(error) if own else f"the initializer of a worker failed: {type(error).__name__}: {error}"
    broken = ExecutorBroken(reason=reason)
    broken.__cause__ = error.with_traceback(None)  # every caller is told it: it must not hold the frames of one
    return broken
