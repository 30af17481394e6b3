"""What a caller wants done with each item, checked before any work starts.

Knows: the options of one call and what they may be.
Must not know: who carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Style(IntEnum):
    """How a function is applied to one item."""

    CALL = 0  # function(item)
    STAR = 1  # function(*item)
    APPLY = 2  # item is (function, args, kwargs): function(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """The options of one call, the same for each of its items.

    Args:
        chunksize: Items that travel together. None: sized by their measured duration.
        ordered: Outcomes are delivered in the order of the inputs.
        lazy: Inputs are read only as far ahead as needed, unread outcomes are bounded.
        timed: The duration of every single item is measured (an `Outcome` reports it).
        alike: All items run one function, so that the duration of one says something about the next.

    Raises:
        ValueError: `chunksize` is not a positive whole number.
    """

    chunksize: int | None = None
    ordered: bool = True
    lazy: bool = False
    timed: bool = False
    alike: bool = True

    def __post_init__(self) -> None:
        size = self.chunksize
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ValueError(f"chunksize={size!r}: must be a whole number of 1 or more, or None")
