"""The input of a run: what of it is new, what is done, what stands there twice.

Knows: keys, the journal's answers, the places of the input.
Must not know: outcomes, streams, who delivers.

How it works: the stream's feeder reads `feed` in its own thread. Of what was read and is not on disk each key is kept
(`_open`), so an item is either there or in the journal: it leaves the one after it has entered the other. Places are
only noted here; the run's thread takes the notes with each group that it writes. Nothing else is kept, so a million
items need as much memory as a thousand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple

from procession.model.errors import shorten
from procession.runs.errors import KeyNotPossible
from procession.runs.journal import Found, Journal
from procession.runs.schema import AGAIN, FAILED, FRESH, REPLAYED, TWIN

CHUNK = 128  # items whose keys are looked up at once, where reading them cannot wait for anything
CHUNK_SECONDS = 0.005  # for the keys of so many, or files that are read for their keys would hold up the first ones
MOST_NOTES = 20_000  # places that wait to be written, some 2 MB; then the reader waits
AT_HAND = (list, tuple, range)  # whose reading runs no code of users'


class Open(NamedTuple):
    """An item that was handed over.

    Args:
        number: Its row.
        key: Its key.
        place: Where it was read first.
        before: The session in which it had ended once, if it is run again; 0: none.
    """

    number: int
    key: bytes
    place: int
    before: int


class Intake:
    """Reads the input of one session.

    Args:
        items: The input.
        journal: Where items are looked up.
        key: Gives an item's key.
        again: Says whether an item that has ended is run again.
        write: Writes the notes down, where reading and writing are the same thread.
    """

    def __init__(
        self,
        items: Iterable[Any],
        journal: Journal,
        key: Callable[[Any], bytes],
        again: Callable[[Found], bool],
        write: Callable[[], None],
    ) -> None:
        self.read = 0  # places
        self.done = self.failed = self.replayed = 0  # of them, by what the journal knew
        self.fed = 0
        self.at_end = False
        self.again = 0  # places of items that had ended in this session
        self.noted_again = self.noted_replayed = (
            0  # of those and of `replayed`, the places that were taken to be written
        )
        self.rerunning: set[int] = set()  # numbers of items that are run again and whose old rows are still there
        self._items = items
        self._journal = journal
        self._key = key
        self._again = again
        self._write = write
        self._thread = 0
        self._next = journal.last_number() + 1
        self._open: dict[bytes, list[int]] = {}  # key: number, how many other places it has
        self._fed: dict[int, Open] = {}
        self._places: list[tuple[int, int, int]] = []
        self._back: list[tuple[int]] = []
        self._stopped = False
        self._key_seconds = 0.0  # for the last chunk
        self._room = threading.Condition()

    def feed(self) -> Iterator[Any]:
        """Give the items that are to be run. Called by the thread that writes, whichever one reads."""
        self._thread = threading.get_ident()
        return self._feed()

    def _feed(self) -> Iterator[Any]:
        for chunk in self._chunks():
            for each, item in self._sift(chunk):
                if self._stopped:
                    return
                self._fed[self.fed] = each
                self.fed += 1
                yield item
            if self._stopped:
                return
            if len(self._places) >= MOST_NOTES:
                self._wait_for_room()
        self.at_end = True

    def _chunks(self) -> Iterator[list[Any]]:
        if isinstance(self._items, AT_HAND):
            items, size = iter(self._items), 1
            while chunk := list(islice(items, size)):
                yield chunk
                size = min(CHUNK, size * 2) if self._key_seconds < CHUNK_SECONDS else max(1, size // 2)
        else:
            for item in self._items:
                yield [item]  # the next one may be hours away

    def _sift(self, chunk: list[Any]) -> list[tuple[Open, Any]]:
        """Note the places of some items; give those that are to be run."""
        began = perf_counter()
        keys = [self._key_of(item, self.read + offset) for offset, item in enumerate(chunk)]
        self._key_seconds = perf_counter() - began
        waiting = [key for key in keys if key in self._open]  # before the journal is asked: they may end meanwhile
        found = self._journal.find(keys)
        new = []
        with self._room:
            ended = [key for key in waiting if key not in self._open]  # what was found may be an earlier session's
            if ended:
                found.update(self._journal.find(ended))
            for key, item in zip(keys, chunk, strict=True):
                each = self._place(key, found.get(key))
                if each is not None:
                    new.append((each, item))
        return new

    def _key_of(self, item: Any, place: int) -> bytes:
        try:
            return self._key(item)
        except KeyNotPossible as error:
            raise KeyNotPossible(index=place, item=shorten(item), reason=error.reason) from error

    def _place(self, key: bytes, found: Found | None) -> Open | None:
        """Note the next place; give its item if it is to be run."""
        place = self.read
        self.read += 1
        waits = self._open.get(key)
        if waits is not None:
            waits[1] += 1
            self._places.append((place, waits[0], TWIN))
            return None
        if found is not None:
            if found.gone:
                self._back.append((found.number,))
            if found.session == self._journal.session or not self._again(found):
                self._note_ended(place, found)
                return None
            number, before = found.number, found.session
            self.rerunning.add(number)
        else:
            number, before = self._next, 0
            self._next += 1
        self._open[key] = [number, 0]
        self._places.append((place, number, FRESH))
        return Open(number, key, place, before)

    def _note_ended(self, place: int, found: Found) -> None:
        earlier = found.session != self._journal.session
        self._places.append((place, found.number, REPLAYED if earlier else AGAIN))
        self.replayed += earlier
        self.again += not earlier
        self.failed += found.state == FAILED
        self.done += found.state != FAILED

    def _wait_for_room(self) -> None:
        if threading.get_ident() == self._thread:  # nobody else would make room
            self._write()
            return
        with self._room:
            self._room.wait_for(lambda: self._stopped or len(self._places) < MOST_NOTES)

    def index_of(self, key: bytes) -> int | None:
        """Say by which index the stream knows the item of a key, if it was handed over and has not ended."""
        return next((index for index, each in list(self._fed.items()) if each.key == key), None)

    def handed_over(self, index: int) -> Open:
        """Say which item the stream knows by this index."""
        return self._fed.pop(index)

    def has_notes(self) -> bool:
        """Say whether there is something to write."""
        return bool(self._places)

    def take_notes(self) -> tuple[list[tuple[int, int, int]], list[tuple[int]]]:
        """Give the places, and the items that are back, to be written."""
        with self._room:
            places, self._places = self._places, []
            back, self._back = self._back, []
            self.noted_again, self.noted_replayed = self.again, self.replayed
            self._room.notify_all()
        return places, back

    def settle(self, each: Open) -> int:
        """An item is on disk; give how many other places it has had so far."""
        with self._room:
            self.rerunning.discard(each.number)
            return self._open.pop(each.key)[1]

    def stop(self) -> None:
        """Hand over no more."""
        with self._room:
            self._stopped = True
            self._room.notify_all()
