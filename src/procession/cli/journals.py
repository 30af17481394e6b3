"""Which journal a run of the command line is kept in, and how a run is found again.

Knows: the state folder, the names of runs, what a session leaves in its journal for `resume`.
Must not know: what a journal holds beside that.

A command begins a new run in a journal of its own. It goes on with an earlier one where `--journal` names a file that
is there, or where `resume` or `retry` has found a run and asks the same again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from procession.cli import options
from procession.model.errors import shorten

if TYPE_CHECKING:
    from procession.runs.live import LiveRun

NONE = "none"
GIVEN = "given"  # the fact of a session that says what was asked
_AGAIN = "procession.again"


class Journal(NamedTuple):
    """A run's journal.

    Args:
        name: What `resume` and `report` take.
        path: The file.
        retry: Items that failed earlier are run again.
    """

    name: str
    path: str
    retry: bool = False

    def hint(self, failed: int, stopped: bool) -> str:
        """Say how it goes on.

        Args:
            failed: How many items failed.
            stopped: Some are left.
        """
        parts = [f"`procession resume {self.name}` does what is left"] if stopped else []
        if failed:
            parts.append(f"`procession retry {self.name}` tries the failed ones again")
        parts.append(f"`procession report {self.name}` tells more")
        return f"procession: {'; '.join(parts)}"


def choose(label: str, how: options.RunOptions) -> Journal | None:
    """Choose the journal of the command that runs; None: it has none.

    Args:
        label: What a reader knows the run by.
        how: What was asked.

    Raises:
        click.UsageError: The name cannot be one, or is taken.
    """
    again: Journal | None = click.get_current_context().meta.get(_AGAIN)
    if again is not None:
        return again
    if how.journal == NONE:
        _check_no_journal(how)
        return None
    from procession.runs import places

    if how.journal is not None and how.name is not None:
        raise click.UsageError("--name and --journal: take one of them; a file has its own name")
    if how.journal is not None:
        return Journal(shown(how.journal), how.journal)
    name = places.name_for(label, str(time.time_ns()), str(os.getpid())) if how.name is None else how.name
    path = places.path_of(name)
    if places.place_of(name) != path:
        raise click.UsageError(f"--name {shorten(name)}: must be of letters, digits, - and _")
    if os.path.exists(path):
        raise click.UsageError(f"--name {name}: this run is there; `procession resume {name}` goes on with it")
    return Journal(name, places.prepared(name))


def _check_no_journal(how: options.RunOptions) -> None:
    if how.name is not None or how.rerun_changed:
        flag = "--name" if how.name is not None else "--rerun-changed"
        raise click.UsageError(f"{flag}: without a journal (--journal none) there is nothing to know again")


def shown(path: str) -> str:
    """Give a path as `resume` takes it: one that reads like a short name gets its folder."""
    return os.path.join(os.curdir, path) if os.path.dirname(path) == "" and "." not in path else path


def live(
    journal: Journal,
    function: Callable[[Any], Any],
    items: Iterator[Any],
    *,
    name: str,
    source: str | None,
    key: Callable[[Any], str] | None,
    how: options.RunOptions,
    facts: Mapping[str, Any],
    chosen: Mapping[str, Any],
    whole: bool = True,
) -> LiveRun[Any]:
    """Make the run of a journal; it begins when it is entered.

    Args:
        journal: The journal.
        function, items: What runs on each item, and these.
        name: The function's name in the journal.
        source: A text that changes when the function does.
        key: Gives an item's key.
        how: What was asked.
        facts: What is kept of this session beside what was asked.
        chosen: The options of the stream.
        whole: The items are all of the run.
    """
    from procession.runs.live import LiveRun

    given = options.given()
    if (seed := facts.get("seed")) is not None:
        given.options["seed"] = seed  # the same order again
    return LiveRun(
        journal.path,
        function,
        items,
        facts={GIVEN: given._asdict(), **facts},
        key=key,
        ordered=how.ordered,
        whole=whole,
        retry_failed=journal.retry,
        rerun_changed=how.rerun_changed,
        name=name,
        source=source,
        options=chosen,
    )


def go_on_with(journal: Journal, context: click.Context) -> None:
    """Let the next command of this context go on with a journal."""
    context.meta[_AGAIN] = journal
