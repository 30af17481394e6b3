"""`procession map`: a function over arguments or lines, its results as lines of JSON.

Knows: the command's options, the order find - open - work - report.
Must not know: how a target is loaded or a line encoded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import click

import procession
from procession.cli import display, inputs, main, options, output, results, target
from procession.cli.commands import Refused
from procession.cli.follow import follow
from procession.cli.report import Tally
from procession.launcher.host import worker_count
from procession.model.errors import ProcessionError, shorten
from procession.model.outcome import Outcome

_PRELOAD = ("procession.cli.results",)
_PATIENCE = 0.5  # seconds that an interrupted command gives a reader that does not read


@click.command("map", short_help="Run a Python function over lines.")
@click.argument("arguments", nargs=-1, metavar="TARGET [INPUTS]...")
@click.option("-e", "expression", metavar="EXPR", help="The function as an expression, in place of TARGET.")
@click.option("-a", "--arg-file", "files", multiple=True, metavar="FILE", help="Its lines are inputs; `-` is stdin.")
@click.option("-0", "--null", is_flag=True, help="Inputs that are read end with a NUL byte, not with a line's end.")
@click.option("--repr", "as_repr", is_flag=True, help="Write what JSON cannot hold as the text of its repr.")
@options.run_options
@click.option("--json", "as_json", is_flag=True, help="Write nothing but a summary, as JSON, to standard error.")
@options.with_memory
def command(
    arguments: tuple[str, ...],
    expression: str | None,
    files: tuple[str, ...],
    null: bool,
    as_repr: bool,
    jobs: int | None,
    keep_going: bool,
    quiet: bool,
    as_json: bool,
    memory: dict[str, Any],
) -> int:
    """Run TARGET on each of INPUTS and write each result as one line of JSON, in the order of the inputs.

    TARGET is pkg.mod:func (modules of the current directory are found) or file.py:func. INPUTS are texts; `-` stands
    for the lines of standard input, which is also read where nothing is given. It may be endless: lines are read as
    they are needed, results are written as they come.

    An item that fails has no line; the errors are reported at the end. What the function prints goes to standard error.

    \b
    Examples:
      procession map -e 'lambda line: len(line)' one two three
      tail -f access.log | procession map parse.py:record
      find . -name '*.json' -print0 | procession map -0 -e 'lambda path: json.load(open(path))["id"]'
    """
    work = _prepare(arguments, expression, files, null, jobs)
    tally = Tally("map", total=work.total)
    shown = display.choose(tally, quiet=quiet or as_json, results_on_terminal=os.isatty(work.results))
    status = _work(partial(_start, work, as_repr, memory), tally, shown, output.LineWriter(work.results), keep_going)
    _report(tally, status, quiet, as_json)
    return status


class Work(NamedTuple):
    """What is to be done, all checked and open.

    Args:
        function: The function.
        items: Its inputs.
        total: How many there are, where that is known.
        workers: How many workers run it.
        results: The descriptor that results are written to.
    """

    function: target.Target
    items: Iterator[str]
    total: int | None
    workers: int
    results: int


def _prepare(
    arguments: tuple[str, ...], expression: str | None, files: tuple[str, ...], null: bool, jobs: int | None
) -> Work:
    try:
        function, arguments = _choose_target(arguments, expression)
        function.load()
        items, total = inputs.open_inputs(arguments, files, null=null)
        workers = jobs or worker_count().count
        descriptor = output.take_stdout()
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"standard output: {error.strerror}") from error
    return Work(function, items, total, workers if total is None else min(workers, total), descriptor)


def _choose_target(arguments: tuple[str, ...], expression: str | None) -> tuple[target.Target, tuple[str, ...]]:
    if expression is not None:
        return target.expression(expression), arguments
    if not arguments:
        raise click.UsageError("Missing argument 'TARGET'.", click.get_current_context())
    return target.parse(arguments[0]), arguments[1:]


def _start(work: Work, as_repr: bool, memory: dict[str, Any]) -> procession.Stream[Outcome[bytes]]:
    function = partial(results.call, work.function, as_repr)
    return procession.stream(function, work.items, processes=work.workers, outcomes=True, preload=_PRELOAD, **memory)


def _work(
    start: Callable[[], procession.Stream[Outcome[bytes]]],
    tally: Tally,
    shown: display.Display,
    lines: output.LineWriter,
    keep_going: bool,
) -> int:
    status = follow(start, tally, shown, take=lines.write, name=shorten, keep_going=keep_going)
    try:
        lines.close(patience=_PATIENCE if tally.interrupted else None)
    except output.OutputClosed:
        return main.CLOSED_OUTPUT
    except OSError as error:  # its disk is full
        tally.stopped = f"{type(error).__name__}: {error}"
        return main.FAILED
    return status


def _report(tally: Tally, status: int, quiet: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(tally.as_json(status)), err=True)
        return
    if status == main.CLOSED_OUTPUT:
        return  # whoever reads has enough
    for line in tally.error_lines():
        click.echo(line, err=True)
    if not quiet:
        click.echo(tally.summary("done"), err=True)
