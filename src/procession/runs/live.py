"""A run that is at work: reads inputs, leaves out what is done, records what ends, and only then tells of it.

Knows: the journal, the stream of outcomes, the places of the input.
Must not know: signals, terminals, where journals live.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from time import monotonic
from typing import Any, Generic, NamedTuple, Self, TypeVar

import procession
from procession.model.outcome import Outcome
from procession.model.stops import Halted, NotRun
from procession.runs import facts as known_facts
from procession.runs import rows, schema
from procession.runs.changes import any_item_of, stale_sessions
from procession.runs.delivery import Delivery, Ended
from procession.runs.delivery import Recorded as Recorded
from procession.runs.errors import JournalError
from procession.runs.intake import Intake
from procession.runs.journal import Found, Group, Journal
from procession.runs.keys import make_key
from procession.runs.source import name_of, source_of

R = TypeVar("R")
WINDOW = 0.05  # seconds: what ends within is one transaction; a commit costs 0.3 to 5 ms, mostly waiting for the disk
NAP = 0.1  # seconds between two looks at what was read and needs no run, and at whether to stop
PATIENCE = 4  # how many times as long as the last commit took is gathered for the next one
LONGEST = 0.5  # seconds
MOST_ROWS = 10_000  # in one transaction: larger ones write the same pages of the index less often
MOST_BYTES = 8_000_000

Key = Callable[[Any], str | bytes | int]


class Counts(NamedTuple):
    """How far a run is.

    Args:
        read: Places of the input that were read in this session.
        done: Of these, places whose item has a result, also from earlier.
        failed: Of these, places whose item failed, also earlier.
        replayed: Of these two, places whose item had ended in an earlier session.
        not_run: Items that were read and not run, as the run was stopped.
    """

    read: int
    done: int
    failed: int
    replayed: int
    not_run: int


class LiveRun(Generic[R]):
    """A durable run at work: an iterator over what has ended, each once it is on disk.

    Enter it with `with`: that takes the journal's lock and opens it. Leaving it ends what still runs, after what has
    ended was recorded.

    Args:
        path: The journal; it is made if it is not there.
        function: What runs on each item.
        items: The inputs, read only as far ahead as needed.
        facts: What the caller wants to be kept of this session, as plain data (JSON): a command line, options.
        key: Gives an item's key; None: from its content (`keys.py`).
        checksum: Files are known by what they hold, not by size and time.
        ordered: Deliver in the order of the input. False: as they end.
        replay: Deliver also what had ended in earlier sessions. False: it is only counted.
        whole: The inputs are all of the run: an item that is not among them any more is no longer counted. False:
            they are what is left of it.
        retry_failed: Run the items again that failed earlier.
        rerun_changed: Run all items again whose result comes from another source of the function.
        name: The function's name in the journal; None: its qualified name.
        source: A text that changes when the function does; None: from its source.
        options: Keyword arguments for `procession.stream`, handed on unopened (`kwargs` become part of `source`).

    Attributes:
        counts: How far it is.
        source_changed: True if earlier results in the journal come from another source of the function.
        lost: What happened if the journal's end had been cut off and it was mended on entering; else None.
        running: How many items were handed over and have not ended, as far as is known.

    Raises:
        JournalHeld: On entering: another process works on this journal (`exit_code` 75).
        JournalNotUsable: On entering: it is none, is damaged, newer, or of another function (`exit_code` 65).
        JournalFailed: At any time: the disk is full, the folder is read-only, the journal was deleted (`exit_code` 74).
            What was recorded before is kept.
        KeyNotPossible: From the iterator: an item has no key of its own (`exit_code` 2).
        BaseException: From the iterator: what `procession.stream` raises apart from errors of items (`Halted`, ...),
            what the input raises; all that has ended is recorded and delivered before.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        function: Callable[[Any], R],
        items: Iterable[Any],
        *,
        facts: Mapping[str, object] | None = None,
        key: Key | None = None,
        checksum: bool = False,
        ordered: bool = False,
        replay: bool = True,
        whole: bool = True,
        retry_failed: bool = False,
        rerun_changed: bool = False,
        name: str | None = None,
        source: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = os.path.abspath(os.fsdecode(path))  # the program may go to another folder
        self._function, self._items = function, items
        self._facts = dict(facts or {})
        self._key = make_key(key, checksum)
        self._ordered, self._replay, self._whole = ordered, replay, whole
        self._retry_failed, self._rerun_changed = retry_failed, rerun_changed
        self._options = dict(options or {})
        self._name = name or name_of(function)
        self._source = source or source_of(function, self._options.get("kwargs"))
        self._stale: frozenset[int] = frozenset()  # sessions with another source
        self._journal: Journal | None = None
        self._stream: procession.Stream[Outcome[R]] | None = None
        self._current: Iterator[Recorded[R]] = iter(())
        self._ended: list[Ended] = []  # since the last group
        self._rows: list[rows.Row] = []
        self._bytes = 0
        self._last_write, self._window = 0.0, WINDOW
        self._done = self._failed = self._not_run = self._came = 0  # _came: outcomes of the stream
        self._timed, self._seconds = 0, 0.0
        self._stopping: str | None = None  # "soon", "now": what was asked for
        self._stopped: str | None = None  # what the stream was told
        self._kill_at: float | None = None
        self._error: BaseException | None = None  # raised when all that has ended is delivered
        self._over = False
        self._unwritten = False  # what has ended may not be on disk, and can be written
        self.source_changed = False
        self.lost: str | None = None

    @property
    def counts(self) -> Counts:
        """How far it is."""
        if self._journal is None and not self._over:
            return Counts(0, 0, 0, 0, 0)
        known = self._intake
        return Counts(known.read, known.done + self._done, known.failed + self._failed, known.replayed, self._not_run)

    @property
    def running(self) -> int:
        """How many items were handed over and have not ended, at most as many as there are workers."""
        if self._stream is None:
            return 0
        workers = self._options.get("processes") or known_facts.workers()
        return min(workers, max(0, self._intake.fed - self._came))

    @property
    def path(self) -> str:
        """The journal."""
        return self._path

    @property
    def session(self) -> int:
        """The number of this session of the run, from 1."""
        return self._open_journal().session

    def __enter__(self) -> Self:
        self._journal = journal = Journal(self._path)
        self.lost = journal.lost
        try:
            again = self._rerun_changed
            self._stale = stale_sessions(journal, self._name, self._source, may_be_another=again)
            self.source_changed = any_item_of(journal, self._stale)
            told = known_facts.of_session({**self._facts, "whole": self._whole}, self._options)
            journal.begin(self._source, told)
            self._intake = Intake(self._items, journal, self._key, self._is_again, self._write_notes)
            self._delivery = Delivery(journal, self._intake, self._ordered, self._replay)
        except BaseException:
            journal.close()
            raise
        return self

    def _is_again(self, found: Found) -> bool:
        if found.state == schema.FAILED and self._retry_failed:
            return True
        if found.file is not None and not self._open_journal().folder.has(found.file):
            return True  # somebody has taken its result away
        return self._rerun_changed and found.session in self._stale

    def _open_journal(self) -> Journal:
        if self._journal is None:
            raise ValueError("this run is not open; use it in a `with` statement")
        return self._journal

    def __exit__(self, *exception: object) -> None:
        journal = self._open_journal()
        if journal.pid != os.getpid():
            return  # in a forked child: all of this is its parent's
        try:
            self._intake.stop()
            if self._stream is not None:
                self._leave(self._stream)
            if self._unwritten or not self._over:
                self._write_rows(journal)
                journal.end(None, self._whole)
        except procession.ProcessionError:
            if exception[0] is None:
                raise
        finally:
            self._over, self._stream, self._journal = True, None, None
            journal.close()

    def _leave(self, stream: procession.Stream[Outcome[R]]) -> None:
        """Take what has ended while nobody asked, so that it is recorded, too; end the rest."""
        try:
            stream.stop()
            while not self._over:
                self._take(stream.next(0))
        except JournalError:
            raise
        except Exception:
            pass  # there is no more, or none now, or an error that nobody waits for any more
        finally:
            stream.close()

    def __iter__(self) -> Iterator[Recorded[R]]:
        return self

    def __next__(self) -> Recorded[R]:
        while True:
            for each in self._current:
                return each
            if self._over:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopIteration
            self._advance()

    def _advance(self) -> None:
        """Gather what ends within a moment, write it, and see what may be told of it."""
        if self._stream is None:
            self._open_journal()
            self._stream = procession.stream(
                self._function, self._intake.feed(), outcomes=True, ordered=False, **self._options
            )
        try:
            self._gather(self._stream)
        except StopIteration:
            self._over = True
        except BaseException as error:
            self._over, self._error = True, error
        try:
            self._current = self._write()
            if self._over:
                self._open_journal().end(self._read_to_end(), self._whole)
                self._current = self._delivery.rest(self._current)
        except BaseException as error:
            self._over = True
            self._unwritten = not isinstance(error, JournalError)  # a signal's exception, in the middle of it
            self._intake.stop()
            self._stream.close()
            raise
        if isinstance(self._error, KeyboardInterrupt):
            interrupt, self._error = self._error, None
            raise interrupt

    def _read_to_end(self) -> int | None:
        whole = self._intake.at_end and not self._not_run and self._error is None
        return self._intake.read if whole else None

    def _gather(self, stream: procession.Stream[Outcome[R]]) -> None:
        """Take outcomes until a group is to be written."""
        until = self._last_write + self._window
        while len(self._rows) < MOST_ROWS and self._bytes < MOST_BYTES:
            now = monotonic()
            if self._rows and now >= until:
                return
            if self._stopping is not None:
                self._tell_stream(stream, now)
            try:
                outcome = stream.next(until - now if self._rows else NAP)
            except procession.TimeoutError:
                if self._rows or self._intake.has_notes():
                    return
                continue
            self._take(outcome)

    def _take(self, outcome: Outcome[R]) -> None:
        """Make the row of an outcome."""
        self._came += 1
        each = self._intake.handed_over(outcome.index)
        if isinstance(outcome.error, (NotRun, Halted)):
            self._not_run += 1
            return
        journal = self._open_journal()
        outcome = rows.at_place(outcome, each.place)
        try:
            row, weight = rows.row_of(each.number, each.key, journal.session, outcome, journal.folder)
        except OSError as error:
            raise journal.failed(error) from error
        self._rows.append(row)
        self._bytes += weight
        self._ended.append(Ended(outcome, each, weight))
        if outcome.seconds is not None:
            self._timed += 1
            self._seconds += outcome.seconds

    def _write(self) -> Iterator[Recorded[R]]:
        """Write what has ended and what was read; give what may be told now."""
        journal, ended, began = self._open_journal(), self._ended, monotonic()
        if not (self._rows or self._intake.has_notes()):
            return self._delivery.of([], [])  # the intake may have written notes itself
        self._write_rows(journal)
        self._ended, self._bytes = [], 0
        twins = []
        for each in ended:
            others = self._intake.settle(each.open)
            failed = each.outcome.error is not None
            self._failed += (1 + others) * failed
            self._done += (1 + others) * (not failed)
            if others:
                twins.append(each)
            if each.open.before:
                journal.forget_files(each.open.key, each.open.before)
        if twins:  # some of their places may have been noted while the group was written
            self._write_notes()
        self._last_write = now = monotonic()
        self._window = min(LONGEST, max(WINDOW, PATIENCE * (now - began)))
        return self._delivery.of(ended, twins)

    def _write_rows(self, journal: Journal) -> None:
        places, back = self._intake.take_notes()
        files = any(isinstance(row[-1], str) or isinstance(row[-2], str) for row in self._rows)
        journal.write(Group(self._rows, places, back, files))
        self._rows = []

    def _write_notes(self) -> None:
        places, back = self._intake.take_notes()
        self._open_journal().write(Group((), places, back, False))

    def stop(self, now: bool = False, within: float | None = None) -> None:
        """Begin no more items; what runs ends and is delivered. Callable from any thread and from a signal handler.

        Args:
            now: End also what runs.
            within: Seconds after which what still runs is ended.
        """
        if within is not None:
            self._kill_at = monotonic() + within
        self._stopping = "now" if now or self._stopping == "now" else "soon"
        stream = self._stream
        if stream is not None:
            stream.stop(now=self._stopping == "now")  # at once; the rest follows in the thread that takes outcomes

    def key_of(self, item: Any) -> str:
        """Give the key of an item, as `Recorded.key` has it.

        Raises:
            KeyNotPossible: It has none.
        """
        return self._key(item).hex()

    def cancel(self, key: str) -> bool:
        """Let an item that was handed over not be run, or end it with all that it has started; it is left for another
        session. No other item is affected. From any thread.

        Args:
            key: The item's, as `key_of` gives it.

        Returns:
            False if there is no such item at work.
        """
        index, stream = self._intake.index_of(bytes.fromhex(key)), self._stream
        if index is None or stream is None:
            return False
        stream.cancel(index)
        return True

    def _tell_stream(self, stream: procession.Stream[Outcome[R]], now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._stopping = "now"
        if self._stopped == self._stopping:
            return
        self._stopped = self._stopping
        self._intake.stop()
        stream.stop(now=self._stopping == "now")

    def expected_seconds(self) -> float | None:
        """Say how long an item took so far, the mean; None if none has ended."""
        return self._seconds / self._timed if self._timed else None
