"""`procession exec`: a command for each input, its output in one piece.

Knows: the command's options, the order read - open - work - report.
Must not know: how replacement strings are filled in, or how a command is run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import click

from procession.cli import options, output, sources
from procession.cli.command_output import JobLog, Outputs, Printer
from procession.cli.commands import Refused
from procession.cli.execute import Work, execute
from procession.jobs import commands, templates
from procession.jobs.commands import Ended, Plan
from procession.jobs.templates import Job, Template
from procession.model.errors import ProcessionError, shorten

_PRELOAD = ("procession.jobs.commands",)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


@click.command(
    "exec",
    cls=options.Command,
    short_help="Run a command for each input.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]... [::: INPUTS]...")
@click.option("--shell", metavar="TEXT", help="A text for /bin/sh, in place of CMD: all words are INPUTS.")
@click.option(
    "-a", "--arg-file", "files", multiple=True, metavar="FILE", help="An input source: its lines; `-` is stdin."
)
@click.option("-0", "--null", is_flag=True, help="Inputs that are read end with a NUL byte, not with a line's end.")
@click.option("--link", is_flag=True, help="Several sources side by side, not each input with each.")
@click.option("-I", "whole", metavar="TEXT", default=templates.WHOLE, help="What stands for the input, in place of {}.")
@click.option("--tag", is_flag=True, help="Begin each line of output with its input and a tab.")
@click.option("--results", metavar="DIR", help="Keep stdout, stderr and exit status of each input in files there.")
@click.option("--joblog", metavar="FILE", help="Write a line for each command, in the columns of GNU parallel.")
@options.item_options(without=("backend",))  # only a worker process can be ended with all that a command has started
def command(how: options.RunOptions, **given: Any) -> int:
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
        return execute(_prepare(asked, how, ends), how)


class Asked(NamedTuple):
    """The command's own options, by the names that they have on the command line."""

    words: tuple[str, ...]
    shell: str | None
    files: tuple[str, ...]
    null: bool
    link: bool
    whole: str
    tag: bool
    results: str | None
    joblog: str | None


def _prepare(asked: Asked, how: options.RunOptions, ends: ExitStack) -> Work:
    words, given = _parted(asked)
    try:
        template = templates.parse(words, shell=asked.shell is not None, sources=len(given) or 1, whole=asked.whole)
        program = _program(template)
        values, total = sources.open_all(given, null=asked.null, link=asked.link)
        kept = _results_folder(asked.results, how)
        log = None if asked.joblog is None or how.dry_run else _log(asked.joblog, template, ends)
        stdout = -1 if how.dry_run else output.take_stdout()
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename or 'standard output'}: {error.strerror}") from error
    plan = Plan(template, program, "", kept)
    folders = [] if kept is None else [kept]  # of large outputs
    on_terminal = how.output is None and os.isatty(stdout)
    return Work(
        command="exec",
        function=partial(commands.run, plan),
        items=(Job(number, each) for number, each in enumerate(values, 1)),
        total=total,
        identity="/bin/sh" if asked.shell is not None else words[0],
        source=f"{words!r}\n-I {asked.whole}",
        results=partial(_outputs, asked, how, stdout, log, folders),
        preload=_PRELOAD,
        key=Job.key,
        results_on_terminal=on_terminal,
        plan=partial(_planned, template),
        label=os.path.basename(words[0]) if asked.shell is None else None,
        stdin=any("-" in each.texts for each in given) or not given,
        bind=partial(_bound, plan, ends, folders),
    )


def _parted(asked: Asked) -> tuple[tuple[str, ...], list[sources.Source]]:
    """Tell the words of the command from its input sources."""
    words, given = sources.split(asked.words)
    if asked.shell is not None:
        given = [sources.Source(words, files=False, linked=False), *given] if words else given
        words = (asked.shell,)
    if not words or not words[0]:
        raise click.UsageError("Missing argument 'CMD'.", click.get_current_context())
    if not asked.whole:
        raise click.UsageError("-I: must not be empty; choose a text such as ,,")
    return words, [*(sources.Source((file,), files=True, linked=False) for file in asked.files), *given]


def _program(template: Template) -> str | None:
    program = template.program
    if program is None:
        return None
    found = shutil.which(program)
    if found is None and os.path.isfile(program):
        raise Refused(f"{shorten(program)}: is not executable; `chmod +x` makes it so")
    if found is None:
        hint = "; a text for a shell is given by --shell" if " " in program else ""
        raise Refused(f"{shorten(program)}: there is no such program{hint}")
    return found


def _results_folder(folder: str | None, how: options.RunOptions) -> str | None:
    if folder is None or how.dry_run:
        return None
    os.makedirs(folder, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(f"--results {shorten(folder)}: this folder cannot be written to")
    return os.path.abspath(folder)


def _log(path: str, template: Template, ends: ExitStack) -> JobLog:
    log = JobLog(open(path, "w", encoding="utf-8", errors="surrogateescape"), template)
    ends.callback(log.close)
    return log


def _planned(template: Template, job: Job) -> str:
    return template.text(job, slot=1)


def _bound(plan: Plan, ends: ExitStack, folders: list[str], journal: str | None) -> Callable[[Job], Ended]:
    """Choose the folder of large outputs: beside the journal, which shows them again, else one for this run."""
    if journal is None:
        folder = tempfile.mkdtemp(prefix="procession-exec-")
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
    else:
        from procession.runs.payloads import Folder

        folder = os.path.join(os.path.abspath(Folder(journal).path), "outputs")
        os.makedirs(folder, exist_ok=True)
        folders.append(folder)
    return partial(commands.run, plan._replace(folder=folder, lasting=journal is not None))


def _outputs(asked: Asked, how: options.RunOptions, stdout: int, log: JobLog | None, folders: list[str]) -> Outputs:
    if how.output is not None:
        try:
            stdout = os.open(how.output, _NEW_FILE, 0o666)
        except OSError as error:
            raise Refused(f"--output {how.output!r}: cannot be written: {error.strerror}") from error
    lines = output.LineWriter(stdout, how.output or "standard output")
    shows_bar = how.progress == "bar" or (how.progress == "auto" and not os.isatty(stdout))
    over_a_bar = shows_bar and os.isatty(2) and not (how.quiet or how.as_json)
    # Beside a journal large outputs stay: a later session shows them again.
    keep = how.journal != "none" or asked.results is not None
    return Outputs(Printer(lines, tag=asked.tag, over_a_bar=over_a_bar, folders=folders), lines, log, keep=keep)
