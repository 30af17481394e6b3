"""What a run tells of, and when: as items end, or in the order of the input; each once, and only from disk.

Knows: what was just written, places, the journal.
Must not know: streams, how anything is written.

How it works: what has just ended is at hand. All else, what had ended earlier, what stands in the input twice, what
had to wait for its turn, is read from the journal again, some rows at a time. So nothing is kept but the place where
to go on.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from procession.model.outcome import Outcome
from procession.runs import rows, schema
from procession.runs.intake import Intake, Open
from procession.runs.journal import Journal

R = TypeVar("R")
PAGE = 100  # rows that are read at once
AT_HAND = 8_000_000  # bytes of results that wait for their turn in memory; beyond it they are read again
EMPTY = 500  # bytes that an outcome takes beside its result


class Recorded(NamedTuple, Generic[R]):
    """How an item ended, at one of its places; it is on disk.

    Args:
        outcome: As of `procession.stream(..., outcomes=True)`; `index` is the item's place in this input.
        replayed: It ended in an earlier session of this run.
        key: The item's key, as hexadecimal digits.
    """

    outcome: Outcome[R]
    replayed: bool
    key: str


class Ended(NamedTuple):
    """An item that has ended.

    Args:
        outcome: How.
        open: What was handed over.
        weight: Bytes of its pickles.
    """

    outcome: Outcome[Any]
    open: Open
    weight: int


class Delivery:
    """Chooses what is told.

    Args:
        journal: Where all is.
        intake: Knows what is run again.
        ordered: In the order of the input.
        replay: Tell also of what had ended in earlier sessions.
    """

    def __init__(self, journal: Journal, intake: Intake, ordered: bool, replay: bool) -> None:
        self._journal = journal
        self._intake = intake
        self._ordered = ordered
        self._replay = replay
        self._next = 0  # the next place to tell of, or to look at
        self._known = 0  # places told of that needed no run, by the intake's count of those that were written
        self._waiting: dict[int, Recorded[Any]] = {}
        self._weight = 0

    def of(self, ended: list[Ended], twins: list[Ended]) -> Iterator[Recorded[Any]]:
        """Tell of what was just written, and of what it lets out.

        Args:
            ended: It.
            twins: Those of it that have other places.
        """
        if self._ordered:
            for each in ended:
                self._keep(each)
            return self._in_order()
        return self._as_they_end(ended, twins)

    def rest(self, current: Iterator[Recorded[Any]]) -> Iterator[Recorded[Any]]:
        """After the last group: tell of what comes behind places that will have no outcome.

        Args:
            current: What is told before.
        """
        yield from current
        if self._ordered:
            yield from self._in_order(gaps=True)

    def _as_they_end(self, ended: list[Ended], twins: list[Ended]) -> Iterator[Recorded[Any]]:
        for each in ended:
            yield Recorded(each.outcome, False, each.open.key.hex())
        for each in twins:
            query = "SELECT place FROM places WHERE item = ? AND kind = ? AND place > ? ORDER BY place LIMIT ?"
            last = -1
            while found := self._journal.ask(query, (each.open.number, schema.TWIN, last, PAGE)):
                for (last,) in found:
                    yield Recorded(rows.at_place(each.outcome, last), False, each.open.key.hex())
        yield from self._known_ones()

    def _known_ones(self) -> Iterator[Recorded[Any]]:
        """Tell of places that needed no run."""
        intake = self._intake
        wanted = intake.noted_again + (intake.noted_replayed if self._replay else 0)
        if wanted == self._known:
            return
        self._known = wanted
        query = (
            f"SELECT p.place, p.kind, {rows.SELECTED} FROM places p JOIN items i ON i.number = p.item "
            f"WHERE p.place >= ? AND p.kind IN ({schema.AGAIN}, ?) ORDER BY p.place LIMIT ?"
        )
        kind = schema.REPLAYED if self._replay else schema.AGAIN
        while found := self._journal.ask(query, (self._next, kind, PAGE)):
            self._next = found[-1][0] + 1
            yield from map(self._from_row, found)

    def _from_row(self, row: rows.Row) -> Recorded[Any]:
        place, kind, *columns = row
        outcome = rows.outcome_of(tuple(columns), place, self._journal.folder)
        return Recorded(outcome, kind == schema.REPLAYED, columns[0].hex())

    def _keep(self, each: Ended) -> None:
        place = each.open.place
        self._waiting[place] = Recorded(each.outcome, False, each.open.key.hex())
        self._weight += each.weight + EMPTY
        if self._weight > AT_HAND:
            self._waiting.clear()
            self._weight = 0

    def _in_order(self, gaps: bool = False) -> Iterator[Recorded[Any]]:
        while True:
            while (each := self._waiting.pop(self._next, None)) is not None:
                self._next += 1
                yield each
            if not self._waiting:
                self._weight = 0
            if not gaps and not self._is_there(self._next):
                return
            told = yield from self._page(gaps)
            if not told:
                return

    def _is_there(self, place: int) -> bool:
        found = self._journal.ask(
            "SELECT i.number FROM places p JOIN items i ON i.number = p.item WHERE p.place = ?", (place,)
        )
        return bool(found) and found[0][0] not in self._intake.rerunning

    def _page(self, gaps: bool) -> Generator[Recorded[Any], None, bool]:
        """Tell of some places from the next one on; return whether there were any."""
        query = (
            f"SELECT p.place, p.kind, {rows.SELECTED}, i.number FROM places p JOIN items i ON i.number = p.item "
            "WHERE p.place >= ? ORDER BY p.place LIMIT ?"
        )
        moved = False
        for *row, number in self._journal.ask(query, (self._next, PAGE)):
            place = row[0]
            if not gaps and (place != self._next or number in self._intake.rerunning):
                break
            self._next, moved = place + 1, True
            self._waiting.pop(place, None)
            if number in self._intake.rerunning or (row[1] == schema.REPLAYED and not self._replay):
                continue
            yield self._from_row(tuple(row))
        return moved
