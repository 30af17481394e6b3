"""`procession map`: a function over arguments, lines or records, its results as lines of JSON.

Knows: the command's options, the order find - open - work.
Must not know: how a target is loaded, a line read or encoded, how a run goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import click

from procession.cli import inputs, options, output, results, target
from procession.cli.commands import Refused
from procession.cli.execute import Results, Work, execute
from procession.model.errors import ProcessionError
from procession.model.outcome import Outcome

_PRELOAD = ("procession.cli.results",)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class _Inputs(NamedTuple):
    """Where items come from, as the flags say it."""

    files: tuple[str, ...]
    null: bool
    jsonl: bool
    csv: bool
    columns: str | None
    no_glob: bool


@click.command("map", cls=options.Command, short_help="Run a Python function over inputs.")
@click.argument("arguments", nargs=-1, metavar="TARGET [INPUTS]...")
@click.option("-e", "expression", metavar="EXPR", help="The function as an expression, in place of TARGET.")
@click.option("-a", "--arg-file", "files", multiple=True, metavar="FILE", help="Its lines are inputs; `-` is stdin.")
@click.option("-0", "--null", is_flag=True, help="Inputs that are read end with a NUL byte, not with a line's end.")
@click.option("--jsonl", is_flag=True, help="Inputs are JSON; the fields of an object are keyword arguments.")
@click.option("--csv", is_flag=True, help="Inputs are CSV; the header names keyword arguments.")
@click.option("--columns", metavar="A,B", help="The columns of --csv that are wanted.")
@click.option("--no-glob", is_flag=True, help="Arguments with *, ? or [ are texts, not patterns of files.")
@click.option("--repr", "as_repr", is_flag=True, help="Write what JSON cannot hold as the text of its repr.")
@options.item_options()
def command(
    arguments: tuple[str, ...], expression: str | None, as_repr: bool, how: options.RunOptions, **given: Any
) -> int:
    """Run TARGET on each of INPUTS and write each result as one line of JSON, in the order of the inputs.

    TARGET is pkg.mod:func (modules of the current directory are found) or file.py:func. INPUTS are texts, and patterns
    of files that the shell left alone; `-` stands for the lines of standard input, which is also read where nothing is
    given. It may be endless: lines are read as they are needed, results are written as they come.

    An item that fails has no line; the errors are reported at the end. What the function prints goes to standard error.

    The run is kept in a journal. The same command again is a new run; `procession resume` goes on with the last one
    and does what is left, and so does the same command with the same --journal FILE. Ctrl-C lets running items end;
    a second one ends them.

    \b
    Examples:
      procession map -e 'lambda line: len(line)' one two three
      tail -f access.log | procession map --journal none parse.py:record
      procession map --csv -a orders.csv --columns id,price shop.py:check --retries 2
      find . -name '*.json' -print0 | procession map -0 -e 'lambda path: json.load(open(path))["id"]'
    """
    work = _prepare(arguments, expression, as_repr, _Inputs(**given), how)
    return execute(work, how)


def _prepare(
    arguments: tuple[str, ...], expression: str | None, as_repr: bool, given: _Inputs, how: options.RunOptions
) -> Work:
    try:
        function, arguments = choose_target(arguments, expression)
        function.load()
        items, total = _open(arguments, given)
        # Before any worker is born: what the function prints there must not tear the lines of results.
        descriptor = -1 if how.dry_run else output.take_stdout()
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"standard output: {error.strerror}") from error
    return Work(
        command="map",
        function=partial(results.call, function, as_repr),
        items=items,
        total=total,
        identity=function.given,
        source=f"{function.source()}\n--repr {as_repr}",
        results=partial(_Lines, descriptor, how.output),
        preload=_PRELOAD,
        results_on_terminal=how.output is None and os.isatty(descriptor),
        plan=_planned,
        label=function.attribute or None,
        stdin="-" in (*arguments, *given.files) or not (arguments or given.files),
    )


def choose_target(arguments: tuple[str, ...], expression: str | None) -> tuple[target.Target, tuple[str, ...]]:
    """Tell the function that arguments name, if no expression gives it, from its inputs."""
    if expression is not None:
        return target.expression(expression), arguments
    if not arguments:
        raise click.UsageError("Missing argument 'TARGET'.", click.get_current_context())
    return target.parse(arguments[0]), arguments[1:]


def _open(arguments: tuple[str, ...], given: _Inputs) -> tuple[Iterator[Any], int | None]:
    if given.csv and (given.jsonl or given.null):
        other = "--jsonl" if given.jsonl else "--null"
        raise click.UsageError(f"--csv and {other}: take one of them")
    if given.columns is not None and not given.csv:
        raise click.UsageError("--columns: picks columns of --csv, which is not given")
    columns = None if given.columns is None else tuple(each.strip() for each in given.columns.split(","))
    if columns is not None and "" in columns:
        raise click.UsageError(f"--columns {given.columns!r}: must be names with commas in between")
    return inputs.open_inputs(
        arguments,
        given.files,
        null=given.null,
        kind="csv" if given.csv else "jsonl" if given.jsonl else "text",
        columns=columns,
        patterns=not given.no_glob,
    )


def _planned(item: Any) -> str:
    """Show an item as JSON, on one line."""
    return repr(item) if type(item) is results.BadLine else json.dumps(item)


class _Lines(Results):
    """The lines of results.

    Args:
        descriptor: Standard output.
        file: Where they go in place of it, or None.

    Raises:
        Refused: The file cannot be opened.
    """

    def __init__(self, descriptor: int, file: str | None) -> None:
        if file is not None:
            try:
                descriptor = os.open(file, _NEW_FILE, 0o666)
            except OSError as error:
                raise Refused(f"--output {file!r}: cannot be written: {error.strerror}") from error
        self._lines = output.LineWriter(descriptor)

    def take(self, outcome: Outcome[bytes]) -> None:
        assert outcome.result is not None
        self._lines.write(outcome.result)

    def close(self, *, patience: float | None = None) -> None:
        self._lines.close(patience=patience)
