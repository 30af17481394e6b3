"""Rate: how many items of a call may begin now, if only so many may in a second.

Knows: when the next one may begin.
Must not know: which items wait.

How it works: each item that begins puts off the next one by its share of a second. What was not used in the past is
not made up for, so no second has more than was allowed. Where many may begin, a few do so together, or each would be a
message of its own.
"""

from __future__ import annotations

TOGETHER_SECONDS = 0.01  # items whose turns come within this time may begin together


class Rate:
    """The cap of one call.

    Args:
        per_second: Items that may begin in a second.
    """

    def __init__(self, per_second: float) -> None:
        self._each = 1.0 / per_second
        self._together = max(1, int(per_second * TOGETHER_SECONDS))
        self.next = 0.0  # when the next may begin

    def room(self, now: float) -> int:
        """How many may begin now."""
        return self._together if now >= self.next else 0

    def take(self, count: int, now: float) -> None:
        """Note that so many begin."""
        self.next = max(self.next, now) + count * self._each
