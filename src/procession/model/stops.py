"""Errors of what was ended before its time: by a limit, by a rule, by its caller.

Knows: the facts of each, as `errors.py` does.
Must not know: who counts and who ends. It is loaded with the first call that has such an option.
"""

from __future__ import annotations

from procession.model.errors import ProcessionError, describe_item

STACK = "\nit was in:\n"  # what stands in the text of a `TimeLimitExceeded` before the stack


class TimeLimitExceeded(ProcessionError, TimeoutError):
    """The item ran longer than `time_limit=` allows: it was ended with its worker, and all that it had started.

    Args:
        index: The item's number, or None for a single call.
        item: The item's `repr`, cut.
        pid: The worker's process id.
        seconds: How long it had run.
        limit: How long it may run, in seconds.
        stack: Where it was: the Python stack of its worker, most recent call first; None if that did not answer.
    """

    facts = ("index", "item", "pid", "seconds", "limit", "stack")
    index: int | None
    item: str | None
    pid: int
    seconds: float
    limit: float
    stack: str | None

    def text(self) -> str:
        begin = f"{describe_item(self.index, self.item)}: ended after {self.seconds:.3g} s in worker {self.pid}"
        stack = f"{STACK}{self.stack}" if self.stack else "; where it was its worker did not tell"
        return f"{begin}; time_limit= allows {self.limit:.3g} s{stack}"

    __str__ = text  # that of OSError, from which the built-in TimeoutError comes, knows nothing of it


class SoftTimeLimitExceeded(ProcessionError, TimeoutError):
    """Raised inside the item when it has run for `soft_time_limit=` seconds: the item may tidy up and end.

    Args:
        index: The item's number.
        limit: How long it may run, in seconds.
    """

    facts = ("index", "limit")
    index: int | None
    limit: float

    def text(self) -> str:
        return f"{describe_item(self.index, None)}: soft_time_limit={self.limit:.3g} seconds have passed"

    __str__ = text


class NotRun(ProcessionError):
    """The item was not run, or not to its end: its call was stopped, or the item was cancelled.

    Args:
        index: The item's number.
        item: The item's `repr`, cut.
        reason: Who or what stopped it.
    """

    facts = ("index", "item", "reason")
    index: int
    item: str
    reason: str

    def text(self) -> str:
        return f"{describe_item(self.index, self.item)}: was not run to its end: {self.reason}"


class Halted(ProcessionError):
    """A rule ended the call before all of its items had been run; those that had been begun are told of before.

    Args:
        reason: Which rule, and what it counted.
    """

    facts = ("reason",)
    reason: str

    def text(self) -> str:
        return f"the call was halted: {self.reason}"
