"""Retries: whether an item that failed is tried again, and when.

Knows: how often each item that is not done has failed, and how often it took its worker along.
Must not know: errors. Whether one is worth another attempt is told.
"""

from __future__ import annotations

MOST_SECONDS = 3600.0  # however often an item has failed, its next attempt is not later
SPREAD = 0.5  # of the pause, more or less: items that failed together do not come back together
_MIX = 0x9E3779B97F4A7C15  # a mixing constant of splitmix64: neighbouring numbers become unlike
_WORD = (1 << 64) - 1


def spread(index: int, attempt: int) -> float:
    """Give a number from 0 to 1 that looks like chance, the same for the same item and attempt.

    Source: the finalizer of splitmix64.
    """
    word = (index * 0x10001 + attempt + 1) * _MIX & _WORD
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _WORD
    return (word ^ (word >> 31)) / float(1 << 64)


class Retries:
    """Counts what went wrong with the items of one call.

    Args:
        errors: How often an item that raised an error is tried again.
        deaths: How often one whose worker died.
        backoff: Seconds before the second attempt; twice as long before each further one.
    """

    def __init__(self, errors: int, deaths: int, backoff: float) -> None:
        self._most = (errors, deaths)
        self._backoff = backoff
        self._counts: dict[int, tuple[int, int]] = {}  # of items that will be tried again: errors and deaths

    def pause(self, index: int, death: bool) -> float | None:
        """Note that an item failed; say after how many seconds it is tried again, or None: never."""
        errors, deaths = self._counts.pop(index, (0, 0))
        errors, deaths = errors + (not death), deaths + death
        most = self._most[death]
        if (deaths if death else errors) > most:
            return None
        self._counts[index] = errors, deaths
        if not self._backoff:
            return 0.0
        attempt = errors + deaths
        chance = 1.0 - SPREAD + 2 * SPREAD * spread(index, attempt)
        return float(min(self._backoff * 2.0 ** min(attempt - 1, 64), MOST_SECONDS) * chance)

    def forget(self, start: int, stop: int) -> None:
        """Note that items have ended."""
        if self._counts:
            for index in range(start, stop):
                self._counts.pop(index, None)
