"""What is in workers' hands: each batch with its items, until all of them have ended.

Knows: which items of which call were sent to whom, and how many of them have ended.
Must not know: how they are sent, and who decides what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from procession.engine.calls import Call
from procession.model.light import Any
from procession.wire.codec import TICKET_MASK, Results


class Sent:
    """A batch in a worker's hands."""

    __slots__ = ("call", "done", "errors", "items", "start", "worker")

    def __init__(self, call: Call, start: int, items: Sequence[Any], worker: int) -> None:
        self.call = call
        self.start = start
        self.items = items
        self.worker = worker
        self.done = 0
        self.errors: dict[int, BaseException] = {}  # of items that could not be pickled


class SentBatches:
    """The batches that are out, by number."""

    def __init__(self) -> None:
        self._out: dict[int, Sent] = {}

    def add(self, number: int, sent: Sent) -> None:
        """Note that a batch goes out."""
        self._out[number] = sent

    def get(self, number: int) -> Sent | None:
        """A batch that is out."""
        return self._out.get(number)

    def any_at(self, worker: int) -> bool:
        """True if a worker has a batch."""
        return any(sent.worker == worker for sent in self._out.values())

    def find(self, item: object) -> tuple[int, int, int] | None:
        """The worker, the batch and the position in it of an item that is out and has not ended."""
        for number, sent in self._out.items():
            for position in range(sent.done, len(sent.items)):
                if sent.items[position] is item:
                    return sent.worker, number, position
        return None

    def of(self, call: Call) -> list[tuple[int, int]]:
        """The workers and batches in which items of a call are out."""
        return [(sent.worker, number) for number, sent in self._out.items() if sent.call is call]

    def workers(self) -> set[int]:
        """Those that have a batch."""
        return {sent.worker for sent in self._out.values()}

    def at(self, worker: int) -> list[tuple[int, Sent]]:
        """The batches that a worker has, by number, oldest first."""
        return [(number, sent) for number, sent in self._out.items() if sent.worker == worker]

    def singles(self) -> list[Any]:
        """The single items that are out, are wanted and have not ended."""
        return [
            item
            for sent in self._out.values()
            if sent.call.function is None
            for item in sent.items[sent.done :]
            if item is not None
        ]

    def take_back(self, worker: int, tickets: dict[int, int], keep: Callable[[int, int], int]) -> dict[int, int]:
        """Give the items of unclaimed groups back to their calls.

        Args:
            tickets: How many there were of each that the worker had not read.
            keep: Tells, for a batch and its number of unclaimed groups, how many items stay.

        Returns:
            The number of groups by batch.
        """
        groups = {
            number: tickets[number & TICKET_MASK]
            for number, sent in self._out.items()
            if sent.worker == worker and tickets.get(number & TICKET_MASK)
        }
        for number, count in groups.items():
            sent = self._out[number]
            kept = keep(number, count)
            sent.call.put_back(sent.start + kept, sent.items[kept:])
            sent.items = sent.items[:kept]
            if sent.done >= kept:
                del self._out[number]
        return groups

    def end(self, number: int, count: int, results: Results) -> tuple[Sent, int] | None:
        """Note that the next `count` items of a batch have ended, and put the errors of those into the results that
        could not be sent; return the batch and the position of the first. None: there is no such batch."""
        sent = self._out.get(number)
        if sent is None:
            return None
        begin = sent.done
        sent.done += count
        if sent.errors:
            failures = results.failures = results.failures or {}
            ended = range(begin, sent.done)
            failures.update((offset - begin, sent.errors[offset]) for offset in ended if offset in sent.errors)
        if sent.done >= len(sent.items):
            del self._out[number]
        return sent, begin

    def lose(self, worker: int) -> None:
        """Give all that a dead worker had, and that has not ended, back to the calls."""
        for number, sent in list(self._out.items()):
            if sent.worker == worker:
                sent.call.put_back(sent.start + sent.done, sent.items[sent.done :])
                del self._out[number]
