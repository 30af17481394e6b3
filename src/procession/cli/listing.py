"""Runs as rows: what `runs` lists, and how a table reads.

Knows: journals of the state folder, counts, the states of a run.
Must not know: click.
"""

from __future__ import annotations

import shlex
import time
from typing import Any, NamedTuple

from procession.cli import journals
from procession.cli.report import visible
from procession.model.errors import ProcessionError, shorten_text

_COMMAND = 60  # characters of a command in a table


class Row(NamedTuple):
    """A run.

    Args:
        name: Its name.
        command: What was asked.
        when: When it was touched last, in seconds since 1970.
        done: How many items have a result.
        failed: How many failed.
        left: How many were read and have not ended.
        state: `running`, `done`, `failed` (some items), `left` (it was stopped), `killed`, or what is wrong.
        path: The journal.
        whole: The input was read to its end; else more may be left.
    """

    name: str
    command: str
    when: float
    done: int
    failed: int
    left: int
    state: str
    path: str
    whole: bool


def rows() -> list[Row]:
    """Give the runs of the state folder, the last one first."""
    from procession.runs import places

    return [row_of(place.name, place.path, place.touched) for place in places.listing()]


def names(context: Any, parameter: Any, begin: str) -> list[str]:
    """Give the names of runs that begin so, the last one first: what a shell completes.

    Args:
        context: What is typed so far; a run is the first word.
        parameter: Which parameter it is.
        begin: The begin of the name.
    """
    from procession.runs import places

    if context.params.get(parameter.name):
        return []
    return [each.name for each in places.listing() if each.name.startswith(begin)]


def row_of(name: str, path: str, touched: float) -> Row:
    """Read a journal's row; one that cannot be read says why.

    Args:
        name: Its name.
        path: The file.
        touched: When it was written last.
    """
    from procession.runs.run import Run

    try:
        with Run.open(path) as run:
            counts, facts, sessions = run.counts, run.facts, run.sessions()
    except ProcessionError as error:
        return Row(name, "?", touched, 0, 0, 0, shorten_text(getattr(error, "reason", str(error))), path, True)
    state = state_of(path, counts.failed, counts.left, counts.whole, facts.get("ended"))
    command = command_of({**facts, **sessions[0]} if sessions else facts)
    return Row(name, command, touched, counts.done, counts.failed, counts.left, state, path, counts.whole)


def state_of(path: str, failed: int, left: int, whole: bool, ended: str | None) -> str:
    """Say how a run is, in a word."""
    from procession.runs.lock import is_held

    if is_held(path):
        return "running"
    if ended is None:
        return "killed"
    if left or not whole:
        return "left"
    return "failed" if failed else "done"


def command_of(first: dict[str, Any]) -> str:
    """Give what was typed; for the run of a program, its function.

    Args:
        first: The facts of the run's first session.
    """
    if journals.GIVEN in first:
        return shlex.join(first["command"][2:])  # behind the interpreter and the program
    return str(first.get("function", "a program"))


def table(found: list[Row]) -> list[str]:
    """Write the runs as lines of a table."""
    titles = ("RUN", "STATE", "DONE", "FAILED", "LEFT", "WHEN", "COMMAND")
    cells = [titles] + [
        (
            row.name,
            visible(row.state),
            str(row.done),
            str(row.failed),
            str(row.left) if row.whole else f"{row.left}+",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row.when)),
            shorten_text(visible(row.command).replace("\n", "\\n"), _COMMAND),
        )
        for row in found
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
