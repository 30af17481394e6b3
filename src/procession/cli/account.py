"""`procession report`: what has become of a run.

Knows: the command's flags, how a report reads.
Must not know: how a journal is read, how figures are gathered.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from procession.cli import display, figures, listing, options
from procession.cli.commands import Refused
from procession.cli.report import counted, visible
from procession.model.errors import ProcessionError
from procession.monitor.looks import duration

_NAMED = 20  # items of one type of error
_COLUMNS = ("place", "key", "item", "state", "seconds", "worker", "attempts", "session", "error_type", "error_message")


@click.command("report", short_help="Show what has become of a run.")
@click.argument("run", required=False, metavar="[RUN]", shell_complete=listing.names)
@click.option("--errors", is_flag=True, help="The failed items only, each with its traceback.")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON; with --errors an object for each, one a line.")
@click.option("--csv", "as_csv", is_flag=True, help="Write the items as CSV.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours in what is said.",
)
def command(run: str | None, errors: bool, as_json: bool, as_csv: bool, color: str) -> int:
    """Show what has become of RUN, the last one where none is named: counts, errors by their type with the traceback of
    the first, the slowest items, and how busy the workers were. A run that is at work can be looked at too.

    RUN is a name that `procession runs` shows, the begin of one, or the path of a journal. The exit code is 1 if some
    items failed or are left.

    \b
    Examples:
      procession report
      procession report len-3fa2c1 --errors
      procession report --csv > items.csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv: take one of them")
    from procession.runs.run import Run

    try:
        with Run.open(run) as found:
            counts = found.counts
            for line in _lines(found, errors, as_json, as_csv, display.colored(color, sys.stdout)):
                click.echo(line, color=True)
    except ProcessionError as error:
        raise Refused(options.as_flags(str(error)), getattr(error, "exit_code", 2)) from error
    return 1 if counts.failed or counts.left else 0


def _lines(found: Any, errors: bool, as_json: bool, as_csv: bool, red: bool) -> Iterator[str]:
    if as_csv:
        yield from _csv(found.failures() if errors else found.table())
    elif errors and as_json:
        yield from (json.dumps(figures.facts_of(entry)) for entry in found.failures())
    elif errors:
        yield from _errors(found, red)
    else:
        gathered = figures.gather(found)
        yield from [json.dumps(gathered.as_json())] if as_json else _report(found, gathered, red)


def _report(found: Any, told: figures.Figures, red: bool) -> Iterator[str]:
    row = listing.row_of(told.run, found.path, 0.0)
    yield visible(f"run {told.run}: {row.state}")
    yield visible(f"  {row.command}")
    yield visible(f"  {told.journal}")
    yield f"{_counts(told)}; {counted(told.sessions, 'session')}"
    for group in told.errors:
        yield ""
        kind = _kind(group.kind, red)
        yield f"{kind} ({group.count})"
        yield from (visible(f"  {_named(name, message)}") for name, message in group.items[:_NAMED])
        if group.count > _NAMED:
            yield f"  and {group.count - _NAMED} more: procession report {told.run} --errors"
        yield "  the first one:"
        yield from (visible(f"    {line}") for line in group.trace.splitlines())
    if told.slowest:
        yield ""
        yield "slowest:"
        yield from (visible(f"  {seconds:8.3f} s  {name}") for seconds, name in told.slowest)
    if told.workers:
        yield ""
        yield "workers:"
        for worker in told.workers:
            yield f"  {worker.pid}: {counted(worker.items, 'item')} in {_busy(worker.seconds)} of work"


def _counts(told: figures.Figures) -> str:
    left = f"{told.left} left" if told.whole else f"at least {told.left} left: its input was not read to the end"
    return f"{told.done} done, {told.failed} failed, {left}"


def _busy(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds < 10 else duration(seconds)


def _named(name: str, message: str) -> str:
    """Name an item once, also where its error does."""
    return message if name in message else f"{name}: {message}"


def _kind(name: str, red: bool) -> str:
    name = visible(name)
    return click.style(name, fg="red") if red else name


def _errors(found: Any, red: bool) -> Iterator[str]:
    for entry in found.failures():
        kind = _kind(entry.error_type, red)
        tries = f" after {entry.attempts} attempts" if entry.attempts > 1 else ""
        yield f"{visible(entry.name)}: {kind}: {visible(entry.error_message)}{tries}"
        yield from (visible(f"    {line}") for line in (entry.error_traceback or "").splitlines())


def _csv(entries: Iterator[Any]) -> Iterator[str]:
    class Lines:
        """Takes what the writer writes, a line at a time."""

        def __init__(self) -> None:
            self.line = ""

        def write(self, text: str) -> None:
            self.line = text.removesuffix("\r\n")

    lines = Lines()
    writer: Any = csv.writer(lines)
    writer.writerow(_COLUMNS)
    yield lines.line
    for entry in entries:
        facts = figures.facts_of(entry)
        writer.writerow([facts[column] for column in _COLUMNS])
        yield lines.line
