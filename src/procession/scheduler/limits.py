"""Time limits: how long an item of a call may run.

Knows: the limits that were chosen; the median duration of the items that have ended, where a limit is a share of it.
Must not know: clocks, workers.

The median comes from a histogram of durations whose steps grow by 2 %, so it takes constant memory and is right to 1 %.
"""

from __future__ import annotations

from math import exp, log

from procession.model.policy import Policy

STEP = log(1.02)
SHORTEST = 1e-7  # seconds: what is shorter counts as that
ENOUGH = 3  # items that must have ended before their median says something
LEAST_SHARE_SECONDS = 0.1  # a share of a short median means no less: a busy machine holds up any item for so long


class Median:
    """The median of all numbers that were added."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self._median: float | None = None

    def add(self, seconds: float) -> None:
        """Take in a duration."""
        step = int(log(max(seconds, SHORTEST) / SHORTEST) / STEP)
        self._counts[step] = self._counts.get(step, 0) + 1
        self.count += 1
        self._median = None

    @property
    def value(self) -> float:
        """The median of what was added, which must be something."""
        if self._median is None:
            half, passed = (self.count + 1) // 2, 0
            for step in sorted(self._counts):
                passed += self._counts[step]
                if passed >= half:
                    self._median = SHORTEST * exp((step + 0.5) * STEP)
                    break
        assert self._median is not None
        return self._median


class Limits:
    """The limits of one call.

    Args:
        policy: Its choice.
    """

    def __init__(self, policy: Policy) -> None:
        self.soft = policy.soft_time_limit
        self._seconds = policy.time_limit
        self._share = policy.time_share
        self._median = Median()

    @property
    def hard(self) -> float | None:
        """Seconds after which an item is ended; None: there is no limit, or not yet."""
        if self._share is None:
            return self._seconds
        return max(self._share * self._median.value, LEAST_SHARE_SECONDS) if self._median.count >= ENOUGH else None

    @property
    def unknown(self) -> bool:
        """True while there is a limit of which nobody knows how long it is."""
        return self._share is not None and self._median.count < ENOUGH

    @property
    def first(self) -> float | None:
        """The seconds after which an item that has begun is to be looked at."""
        found = [each for each in (self.soft, self.hard) if each is not None]
        return min(found, default=None)

    def measured(self, durations: list[float]) -> bool:
        """Take in how long items took that have ended; True if the limit is known with them and was not before."""
        before = self.unknown
        for seconds in durations:
            self._median.add(seconds)
        return before and not self.unknown
