"""`procession exec`: a command for each input, its output in one piece.

Knows: the command's options, the order read - open - work - report.
Must not know: how replacement strings are filled in, or how a command is run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import click

import procession
from procession.cli import display, main, options, output, sources
from procession.cli.command_output import JobLog, Printer, Shown
from procession.cli.commands import Refused
from procession.cli.follow import follow
from procession.cli.report import Tally
from procession.jobs import commands, templates
from procession.jobs.commands import Ended, Plan
from procession.jobs.templates import Job, Template
from procession.launcher.host import worker_count
from procession.model.errors import ProcessionError, shorten

_PRELOAD = ("procession.jobs.commands",)
_PATIENCE = 0.5  # seconds that an interrupted command gives a reader that does not read


@click.command("exec", short_help="Run a command for each input.", context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]... [::: INPUTS]...")
@click.option("--shell", metavar="TEXT", help="A text for /bin/sh, in place of CMD: all words are INPUTS.")
@click.option(
    "-a", "--arg-file", "files", multiple=True, metavar="FILE", help="An input source: its lines; `-` is stdin."
)
@click.option("-0", "--null", is_flag=True, help="Inputs that are read end with a NUL byte, not with a line's end.")
@click.option("--link", is_flag=True, help="Several sources side by side, not each input with each.")
@click.option("-I", "whole", metavar="TEXT", default=templates.WHOLE, help="What stands for the input, in place of {}.")
@click.option(
    "--keep-order/--unordered", "ordered", default=True, help="Output as inputs come (default), or as they end."
)
@click.option("--tag", is_flag=True, help="Begin each line of output with its input and a tab.")
@click.option("--results", metavar="DIR", help="Keep stdout, stderr and exit status of each input in files there.")
@click.option("--joblog", metavar="FILE", help="Write a line for each command, in the columns of GNU parallel.")
@click.option("--dry-run", is_flag=True, help="Write the commands and run none.")
@options.run_options
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON, the last line of standard error.")
@options.with_memory
def command(**given: Any) -> int:
    """Run CMD once for each input, on all cores. No shell reads it, so any input is safe; --shell is for pipes.

    In CMD and its ARGs {} stands for the input, {.} for it without suffix, {/} for its last part, {//} for its folder,
    {/.} for its last part without suffix, {#} for its number, {%} for the number of the place where it runs; {2}, {2.}
    and so on for those of the second input source. Without any of them the input comes last.

    INPUTS are lines of standard input, or what stands behind `:::`; `::::` names files of lines. Several sources give
    each input with each. What a command writes is shown in one piece when it has ended; its standard input is empty.

    \b
    Examples:
      procession exec -- gzip -9 ::: *.log
      find . -name '*.wav' -print0 | procession exec -0 -- flac -s {} -o {.}.flac
      procession exec --shell 'sort {} | uniq -c > {.}.counts' *.txt
    """
    asked = Asked(**given)
    with ExitStack() as ends:
        work = _prepare(asked, ends)
        if asked.dry_run:
            return _write_commands(work)
        return _work(asked, work, ends)


class Asked(NamedTuple):
    """The options, by the names that they have on the command line."""

    words: tuple[str, ...]
    shell: str | None
    files: tuple[str, ...]
    null: bool
    link: bool
    whole: str
    ordered: bool
    tag: bool
    results: str | None
    joblog: str | None
    dry_run: bool
    jobs: int | None
    keep_going: bool
    quiet: bool
    as_json: bool
    memory: dict[str, Any]


class Work(NamedTuple):
    """What is to be done, all checked and open.

    Args:
        template: The command.
        items: Its inputs.
        total: How many there are, where that is known.
        workers: How many run at once.
        plan: What workers are told.
        log: The log of jobs, if one is asked for.
        stdout: The descriptor that output goes to.
    """

    template: Template
    items: Iterator[Job]
    total: int | None
    workers: int
    plan: Plan
    log: JobLog | None
    stdout: int


def _prepare(asked: Asked, ends: ExitStack) -> Work:
    words, given = _parted(asked)
    try:
        template = templates.parse(words, shell=asked.shell is not None, sources=len(given) or 1, whole=asked.whole)
        values, total = sources.open_all(given, null=asked.null, link=asked.link)
        items = (Job(number, each) for number, each in enumerate(values, 1))
        plan = Plan(template, None, "", None) if asked.dry_run else _plan(asked, template, ends)
        log = None if asked.joblog is None or asked.dry_run else _log(asked.joblog, template, ends)
        workers = asked.jobs or worker_count().count
        stdout = output.take_stdout()
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename or 'standard output'}: {error.strerror}") from error
    return Work(template, items, total, workers if total is None else max(1, min(workers, total)), plan, log, stdout)


def _parted(asked: Asked) -> tuple[tuple[str, ...], list[sources.Source]]:
    """Tell the words of the command from its input sources."""
    words, given = sources.split(asked.words)
    if asked.shell is not None:
        given = [sources.Source(words, files=False, linked=False), *given] if words else given
        words = (asked.shell,)
    if not words or not words[0]:
        raise click.UsageError("Missing argument 'CMD'.", click.get_current_context())
    given = [*(sources.Source((file,), files=True, linked=False) for file in asked.files), *given]
    return words, given


def _plan(asked: Asked, template: Template, ends: ExitStack) -> Plan:
    program = template.program
    if program is not None and (found := shutil.which(program)) is None:
        hint = "; a text for a shell is given by --shell" if " " in program else ""
        raise Refused(f"{shorten(program)}: there is no such program{hint}")
    if asked.results is not None:
        os.makedirs(asked.results, exist_ok=True)
        if not os.access(asked.results, os.W_OK | os.X_OK):
            raise Refused(f"--results {shorten(asked.results)}: this folder cannot be written to")
    folder = tempfile.mkdtemp(prefix="procession-exec-")
    ends.callback(shutil.rmtree, folder, ignore_errors=True)
    results = None if asked.results is None else os.path.abspath(asked.results)
    return Plan(template, found if program is not None else None, folder, results)


def _log(path: str, template: Template, ends: ExitStack) -> JobLog:
    file = ends.enter_context(open(path, "w", encoding="utf-8", errors="surrogateescape"))
    return JobLog(file, template)


def _write_commands(work: Work) -> int:
    with open(work.stdout, "w", encoding="utf-8", errors="surrogateescape") as file:
        for job in work.items:
            file.write(work.template.text(job, slot=1) + "\n")
    return main.OK


def _work(asked: Asked, work: Work, ends: ExitStack) -> int:
    tally = Tally("exec", total=work.total)
    on_terminal = os.isatty(work.stdout)
    shown = display.choose(tally, quiet=asked.quiet or asked.as_json, results_on_terminal=on_terminal)
    lines = output.LineWriter(work.stdout)
    printer = Printer(lines, tag=asked.tag, over_a_bar=isinstance(shown, display.Bar))
    start = partial(_start, asked, work, printer)
    status = follow(start, tally, shown, take=_shown_already, name=_name, keep_going=asked.keep_going)
    try:
        lines.close(patience=_PATIENCE if tally.interrupted else None)
    except output.OutputClosed:
        status = main.CLOSED_OUTPUT
    except OSError as error:  # its disk is full
        tally.stopped = f"{type(error).__name__}: {error}"
        status = main.FAILED
    _report(asked, tally, status)
    return status


def _start(asked: Asked, work: Work, printer: Printer) -> Any:
    function = partial(commands.run, work.plan)
    stream = procession.stream(
        function,
        work.items,
        processes=work.workers,
        ordered=asked.ordered,
        outcomes=True,
        preload=_PRELOAD,
        **asked.memory,
    )

    def show(job: Job, ended: Ended | None, error: BaseException | None) -> None:
        if work.log is not None:
            work.log.note(job, ended, error)
        if ended is not None:
            printer.show(job, ended)
            _remove_large(ended, work.plan)

    return Shown(stream, show)


def _remove_large(ended: Ended, plan: Plan) -> None:
    """Large output that is not kept has been shown: its file is needed no longer."""
    for path in (ended.stdout, ended.stderr):
        if isinstance(path, str) and plan.results is None:
            os.unlink(path)


def _shown_already(ended: Ended) -> None:
    """Take a result: it was shown on its way."""


def _name(job: Job) -> str:
    return shorten(job.values[0] if len(job.values) == 1 else " ".join(job.values))


def _report(asked: Asked, tally: Tally, status: int) -> None:
    if asked.as_json:
        click.echo(json.dumps(tally.as_json(status)), err=True)
        return
    if status == main.CLOSED_OUTPUT:
        return  # whoever reads has enough
    for line in tally.error_lines():
        click.echo(line, err=True)
    if not asked.quiet:
        click.echo(tally.summary("done"), err=True)
