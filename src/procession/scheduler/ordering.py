"""Order: outcomes come in as they finish and go out as the caller was promised.

Knows: spans of item numbers.
Must not know: the outcomes themselves.
"""

from __future__ import annotations


class Reorder:
    """Hold back spans until all before them have come."""

    def __init__(self) -> None:
        self.next = 0  # the first item that has not gone out
        self._held: dict[int, int] = {}  # start -> stop

    def add(self, start: int, stop: int) -> list[int]:
        """Take in the span `start` to `stop`; return the starts of all spans that may go out now, in order."""
        if start != self.next:
            self._held[start] = stop
            return []
        ready = [start]
        self.next = stop
        while (stop_of_next := self._held.pop(self.next, None)) is not None:
            ready.append(self.next)
            self.next = stop_of_next
        return ready
