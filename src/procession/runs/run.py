"""`procession.run` and `procession.Run`: a durable run from its call to its results.

Knows: what the caller wants and gets.
Must not know: tables, transactions, streams.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from procession.runs import places, rows, schema
from procession.runs.draining import GRACE, Draining
from procession.runs.live import Key, LiveRun
from procession.runs.payloads import Folder
from procession.runs.reading import STATES, Entry, Reader, Totals

if TYPE_CHECKING:
    from typing import Unpack

    from procession.monitor.progress import ProgressOption
    from procession.options import CallOptions
    from procession.runs.export import Format, Result

A = TypeVar("A")
R = TypeVar("R")


class SourceChanged(UserWarning):
    """Results in the journal come from another source of the function than the present one."""


class Run(Generic[R]):
    """A durable run as its journal tells of it: counts, failures, results.

    Opening it and listing what is in it reads texts and numbers. Only `results` unpickles, which runs whatever code a
    pickle names: ask for the results of journals that you trust.

    Args:
        path: The journal.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = os.fsdecode(path)
        self._reader = Reader(self.path)
        self._folder = Folder(self.path)  # now: the program may go to another folder

    @classmethod
    def open(cls, run: str | PathLike[str] | None = None) -> Run[Any]:
        """Open a run, also while another process works on it.

        Args:
            run: Its journal's path or short name, or the begin of one. None: the last one in the state folder.

        Raises:
            JournalNotUsable: There is none, it is damaged, or of a newer version.
        """
        return Run(places.find(run))

    @property
    def name(self) -> str:
        """The journal's name without folder and suffix: its short name, if it is in the state folder."""
        return os.path.basename(self.path).removesuffix(places.SUFFIX)

    @property
    def counts(self) -> Totals:
        """How many items have ended, and how."""
        return self._reader.totals()

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the last session: function, source, start, host, pid, folder, command, versions, ..."""
        return self._reader.facts()

    def sessions(self) -> list[dict[str, Any]]:
        """Give the facts of each session: each call, or command, that has worked on this run."""
        return self._reader.sessions()

    def failures(self) -> Iterator[Entry]:
        """Give the items that failed, as texts: nothing is unpickled."""
        return self._reader.failures()

    def table(self) -> Iterator[Entry]:
        """Give all items at all of their places in the order of the input, as texts: nothing is unpickled."""
        return self._reader.entries()

    def results(self) -> Iterator[tuple[Any, R | BaseException]]:
        """Give each item with its result, or with its error, in the order of the input.

        An item that stands in the input twice comes twice. An error is the exception itself where it can be rebuilt,
        else a `RemoteError` with its texts. An item that could not be pickled is its `repr`.
        """
        folder = self._folder
        for _, row in self._reader.rows():
            _, state, _, _, _, _, name, kind, message, trace, _, item, result = row
            value, error = rows.value_of(result, state, (kind, message, trace), folder)
            yield rows.item_of(item, name, folder), value if error is None else error

    def export(
        self, path: str | PathLike[str], *, format: Format | None = None, default: Callable[[Any], Any] | None = None
    ) -> int:
        """Write items and results to a file in the order of the input; it replaces one that is there once it is whole.

        Args:
            path: The file.
            format: "jsonl" (a line with item and result or error), "csv", or "parquet" (needs the extra `parquet`).
                None: by the file's name.
            default: Turns what JSON cannot hold into what it can, as `repr` does.

        Returns:
            How many rows it has.

        Raises:
            ValueError: The format is not known, or a result does not fit into it.
            ImportError: Parquet is wanted, and pyarrow is not installed.
        """
        from procession.runs import export

        return export.write(self._lines(), os.fspath(path), format, default)

    def _lines(self) -> Iterator[Result]:
        from procession.runs.export import Result

        folder = self._folder
        for _, row in self._reader.rows():
            _, state, _, seconds, _, attempts, name, kind, message, trace, _, item, result = row
            value = None
            if state == schema.DONE:
                value, error = rows.value_of(result, state, (kind, message, trace), folder)
                if error is not None:
                    raise error
            yield Result(rows.item_of(item, name, folder), STATES[state], value, kind, message, seconds, attempts)

    def close(self) -> None:
        """Close the journal; nothing can be asked of it any more."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:  # of a call whose results nobody wants to have, `run` is all that there is
        reader = getattr(self, "_reader", None)
        if reader is not None:
            reader.close()

    def __repr__(self) -> str:
        return f"<Run {self.name} at {self.path!r}>"


def run(
    function: Callable[[A], R],
    items: Iterable[A],
    /,
    *,
    journal: str | PathLike[str] | None = None,
    key: Key | None = None,
    checksum: bool = False,
    retry_failed: bool = False,
    rerun_changed: bool = False,
    grace: float = GRACE,
    **options: Unpack[CallOptions],
) -> Run[R]:
    """Call `function` on every item, and keep on disk how each ended: the same call again does what is left.

    No item's error is raised: ask the run. Ctrl-C and SIGTERM let what runs end and be recorded. See `docs/runs.md`.

    Args:
        function: Any callable.
        items: The inputs, known by content wherever they stand; a `pathlib.Path` by the file's size and time.
        journal: A path, or a short name in the user's state folder. None: a name there, made of the function's name and
            file and the present folder: several calls of one function in one folder need a journal each.
        key: Gives what an item is known by: a text, bytes or a whole number.
        checksum: Files are known by what they hold, not by size and time.
        retry_failed: Run the items again that failed in an earlier call.
        rerun_changed: Run those again whose result another source of the function gave (else `SourceChanged` warns).
        grace: Seconds that running items may take after SIGTERM.
        options: Those of `procession.map`.

    Raises:
        JournalError: The journal is held by another process, cannot be used for this, or cannot be written any more.
        KeyNotPossible: An item cannot be known again; give `key=`.
        BaseException: What `procession.map` raises apart from errors of items, and what the input raises.
    """
    path = places.prepared(places.name_of_call(function) if journal is None else journal)
    progress = options.pop("progress", False)
    live = LiveRun(
        path, function, items, key=key, checksum=checksum, replay=False,
        retry_failed=retry_failed, rerun_changed=rerun_changed, options=options,
    )  # fmt: skip
    with live, Draining(live, grace=grace) as draining:
        _warn(live, rerun_changed)
        _follow(live, progress, len(items) if isinstance(items, Sized) else None)
    draining.pass_on()
    return Run(live.path)


def _warn(live: LiveRun[Any], rerun_changed: bool) -> None:
    if live.lost is not None:
        warnings.warn(f"journal {live.path!r}: {live.lost}", stacklevel=3)
    if live.source_changed and not rerun_changed:
        text = "results in the journal come from another source of the function; rerun_changed=True does them anew"
        warnings.warn(text, SourceChanged, stacklevel=3)


def _follow(live: LiveRun[Any], progress: ProgressOption, total: int | None) -> None:
    if not progress:
        for _ in live:
            pass
        return
    from procession.monitor.progress import checked, reporter

    checked(progress)
    shown = reporter(progress, total)
    ended = failed = 0
    try:
        for _ in live:
            if shown is not None:
                counts = live.counts
                shown.add(counts.done + counts.failed - ended, counts.failed - failed)
                ended, failed = counts.done + counts.failed, counts.failed
                shown.show()
    finally:
        if shown is not None:
            counts = live.counts
            shown.add(counts.done + counts.failed - ended, counts.failed - failed)
            shown.end()
