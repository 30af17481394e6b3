"""A run that is at work: reads inputs, leaves out what is done, records what ends, and only then tells of it.

Knows: the journal, the stream of outcomes, the places of the input.
Must not know: signals, terminals, where journals live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Generic, NamedTuple, Self, TypeVar

from procession.model.outcome import Outcome

R = TypeVar("R")
Key = Callable[[Any], str | bytes | int]


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
        retry_failed: Run the items again that failed earlier.
        rerun_changed: Run all items again whose result comes from another source of the function.
        name: The function's name in the journal; None: its qualified name.
        source: A text that changes when the function does; None: from its source.
        options: Keyword arguments for `procession.stream`, handed on unopened (`kwargs` become part of `source`).

    Attributes:
        counts: How far it is.
        source_changed: True if earlier results in the journal come from another source of the function.
        running: How many items were handed over and have not ended, as far as is known.

    Raises:
        JournalHeld: On entering: another process works on this journal (`exit_code` 75).
        JournalNotUsable: On entering: it is none, is damaged, newer, or of another function (`exit_code` 65).
        JournalFailed: At any time: the disk is full, the folder is read-only, the journal was deleted (`exit_code` 74).
            What was recorded before is kept.
        KeyNotPossible: From the iterator: an item has no key of its own (`exit_code` 2).
        BaseException: From the iterator: what `procession.stream` raises apart from errors of items (`Halted`, ...), what
            the input raises; all that has ended is recorded and delivered before.
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
        retry_failed: bool = False,
        rerun_changed: bool = False,
        name: str | None = None,
        source: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        raise NotImplementedError

    counts: Counts
    source_changed: bool
    running: int

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Recorded[R]]:
        raise NotImplementedError

    def __next__(self) -> Recorded[R]:
        raise NotImplementedError

    def stop(self, now: bool = False, within: float | None = None) -> None:
        """Begin no more items; what runs ends and is delivered. Callable from any thread and from a signal handler.

        Args:
            now: End also what runs.
            within: Seconds after which what still runs is ended.
        """
        raise NotImplementedError

    def expected_seconds(self) -> float | None:
        """Say how long an item took so far, the mean; None if none has ended."""
        raise NotImplementedError
