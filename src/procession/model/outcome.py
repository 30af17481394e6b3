"""How an item ended: a value or an error, after one or more attempts.

Knows: the facts of one item's fate.
Must not know: whether anybody raises the error. Faces decide that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an item.

    Args:
        error: What it raised, or None.
        seconds: How long it ran; None where nobody could measure it (its worker died).
        worker: The process id of its worker, or None if it never reached one.
    """

    error: BaseException | None
    seconds: float | None
    worker: int | None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How one item ended.

    Args:
        index: The item's place in the input, from 0.
        item: The input itself.
        result: What the function returned; None if it failed.
        error: What the item failed with; None if it succeeded.
        attempts: Every try, the last one decides.
        stdout: What it printed, and what the programs printed that it started; None where that was not captured (the
            pool has no `capture_output=True`, or the worker died).
        stderr: The same for standard error.
    """

    index: int
    item: Any
    result: R | None
    error: BaseException | None
    attempts: tuple[Attempt, ...]
    stdout: str | None = None
    stderr: str | None = None

    @property
    def ok(self) -> bool:
        """True if the item has a value."""
        return self.error is None

    @property
    def value(self) -> R:
        """What the function returned.

        Raises:
            BaseException: The item's error, if it failed.
        """
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # None is a value as good as any

    @property
    def seconds(self) -> float | None:
        """How long the last attempt ran, in seconds."""
        return self.attempts[-1].seconds if self.attempts else None

    @property
    def worker(self) -> int | None:
        """The process id of the worker of the last attempt."""
        return self.attempts[-1].worker if self.attempts else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a `map` failed.

    Args:
        index: The number of the first item that failed.
        item: That item.
        error: Its error.
        outcomes: How every item ended, in order.
    """

    index: int
    item: Any
    error: BaseException
    outcomes: list[Outcome[Any]]
