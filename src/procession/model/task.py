"""What a caller wants done with each item, checked before any work starts.

Knows: the options of one call and what they may be.
Must not know: who carries them out.
"""

from __future__ import annotations

from enum import IntEnum
from operator import index

from procession.model.light import Any, Record

# The options for each item of a call, as `model/policy.py` explains them: told apart from those for workers.
ITEM_OPTIONS = (
    "time_limit", "soft_time_limit", "total_time_limit", "retries", "retry_on", "backoff", "retry_deaths", "halt",
    "max_errors", "priority", "max_per_second",
)  # fmt: skip


class Style(IntEnum):
    """How a function is applied to one item."""

    CALL = 0  # function(item)
    STAR = 1  # function(*item)
    APPLY = 2  # item is (function, args, kwargs): function(*args, **kwargs)
    BATCH = 3  # function([item, ...]), one call for a whole batch
    COLUMNS = 4  # function([first, ...], [second, ...]), of items that are tuples of arguments


def positive(name: str, value: object) -> int:
    """Check a whole number of 1 or more, also one of numpy's.

    Raises:
        ValueError: It is none.
    """
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name}={value!r}: must be a whole number of 1 or more, or None")
    return number


class TaskOptions(Record):
    """The options of one call, the same for each of its items.

    Args:
        chunksize: Items that travel together. None: sized by their measured duration.
        ordered: Outcomes are delivered in the order of the inputs.
        lazy: Inputs are read only as far ahead as needed, unread outcomes are bounded.
        timed: The duration of every single item is measured (an `Outcome` reports it).
        alike: All items run one function, so that the duration of one says something about the next.
        together: One call of the function runs a whole batch.
        policy: A `Policy`: what holds for each item beyond running it once; None: nothing.

    Raises:
        ValueError: `chunksize` is not a positive whole number.
    """

    __slots__ = ("chunksize", "ordered", "lazy", "timed", "alike", "together", "policy")

    def __init__(
        self,
        chunksize: int | None = None,
        ordered: bool = True,
        lazy: bool = False,
        timed: bool = False,
        alike: bool = True,
        together: bool = False,
        policy: Any = None,
    ) -> None:
        self.chunksize = None if chunksize is None else positive("chunksize", chunksize)
        self.ordered = ordered
        self.lazy = lazy
        self.timed = timed
        self.alike = alike
        self.together = together
        self.policy = policy


def split_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take those out of the options of a call that are for each of its items."""
    return {name: options.pop(name) for name in ITEM_OPTIONS if name in options} if options else options
