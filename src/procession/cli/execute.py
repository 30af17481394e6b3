"""From a function, its items and what was asked to an exit code: the one way that all commands go which run items.

Knows: the order select - begin - follow - report, how a run can end.
Must not know: what an item is, what becomes of a result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import click

from procession.cli import chronicle, display, journals, main, options, selection
from procession.cli.commands import Refused
from procession.cli.drain import Drain
from procession.cli.output import OutputClosed
from procession.cli.report import Tally, counted, kind_of, message_of
from procession.model.errors import ProcessionError, shorten
from procession.model.outcome import Outcome

_PATIENCE = 0.5  # seconds that an interrupted command gives a reader that does not read


class Results(Protocol):
    """Where results go."""

    def take(self, outcome: Outcome[Any]) -> None:
        """Take an item that has ended well, once what is told of it is kept."""

    def failed(self, outcome: Outcome[Any]) -> None:
        """Take an item that has failed: it may have left something, too."""
        return None

    def close(self, *, patience: float | None = None) -> None:
        """Take no more; with `patience`, wait so many seconds at most for whoever reads."""


class Nowhere:
    """Results that need no place: the function has put them where they belong."""

    def take(self, outcome: Outcome[Any]) -> None:
        """Let it go."""

    def failed(self, outcome: Outcome[Any]) -> None:
        """Let it go."""

    def close(self, *, patience: float | None = None) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Work:
    """What a command wants done.

    Args:
        command: Its name.
        function: What runs on each item; pickled by name, or by value.
        items: The items.
        total: How many there are, where that is known.
        identity: What tells this function from another one in a journal: its name as it was given.
        source: A text that changes when the function does; None: the function's own source.
        results: Opens the place of the results, when all else is checked.
        name: Gives an item's name.
        verb: What is done with an item, for the summary.
        skipped: How many items need nothing.
        preload: Modules that workers load first.
        key: Gives an item's key in the journal; None: from its content.
        results_on_terminal: Results are seen where progress would be.
        json_to_stdout: The summary of `--json` goes to standard output, which holds no results.
        plan: Says what would be done with an item, for `--dry-run`.
        facts: What the summary says beside the counts.
        label: What a reader knows the run by; None: the command's name.
        stdin: The items come from standard input, which nobody can read again.
        whole: The items are all that there are; False: only those that something is to be done for.
        bind: Makes of the function the one that is run, when the journal's path (None: no journal) is known.
    """

    command: str
    function: Callable[[Any], Any]
    items: Iterable[Any]
    total: int | None
    identity: str
    source: str | None = None
    results: Callable[[], Results] = Nowhere
    name: Callable[[Any], str] = shorten
    verb: str = "done"
    skipped: int = 0
    preload: tuple[str, ...] = ()
    key: Callable[[Any], str] | None = None
    results_on_terminal: bool = False
    json_to_stdout: bool = False
    plan: Callable[[Any], str] = shorten
    facts: dict[str, Any] | None = None
    label: str | None = None
    stdin: bool = False
    bind: Callable[[str | None], Callable[[Any], Any]] | None = None
    whole: bool = True


class Step(NamedTuple):
    """How an item ended, where there is no journal."""

    outcome: Outcome[Any]
    replayed: bool = False
    key: str | None = None


def execute(work: Work, how: options.RunOptions) -> int:
    """Run the items and give the exit code.

    Args:
        work: What is to be done.
        how: What was asked.

    Raises:
        Refused: It cannot be done as asked; nothing was started.
    """
    seed = (selection.draw_seed() if how.seed is None else how.seed) if how.shuffle else None
    items, total = selection.select(work.items, work.total, limit=how.limit, seed=seed)
    if how.dry_run:
        return _dry_run(work, how, items, total, seed)
    if how.nice is not None:
        _be_nice(how.nice)
    tally = Tally(work.command, total=total, skipped=work.skipped)
    shown = display.choose(
        tally,
        quiet=how.quiet or how.as_json,
        results_on_terminal=work.results_on_terminal,
        progress=how.progress,
        color=how.color,
    )
    try:
        run = _Run(work, how, tally, shown, seed)
        status = run.follow(items, total)
    except (ProcessionError, ValueError) as error:
        raise Refused(options.as_flags(str(error)), getattr(error, "exit_code", main.MISUSED)) from error
    run.report(status)
    return status


class _Run:
    """One run, from its beginning to its report."""

    def __init__(
        self, work: Work, how: options.RunOptions, tally: Tally, shown: display.Display, seed: int | None
    ) -> None:
        self._work = work
        self._how = how
        self._tally = tally
        self._shown = shown
        self._seed = seed
        self._journal = journals.choose(work.label or work.command, how)
        self._chronicle = chronicle.open_chronicle(how.log, how.events, self._show)
        self._drain: Drain | None = None

    def follow(self, items: Iterator[Any], total: int | None) -> int:
        """Take what ends until there is no more, and give the exit code.

        Raises:
            ProcessionError: It could not begin.
            ValueError: An option is out of range.
        """
        workers = self._how.workers(total)
        with closing(self._chronicle):
            status = self._work_off(items, workers)
            self._tell_end(status)
        return status

    def _work_off(self, items: Iterator[Any], workers: int) -> int:
        with ExitStack() as stack:
            steps, running = self._begin(items, workers, stack)
            results = self._work.results()
            self._tell_begin(workers)
            stack.enter_context(self._shown)
            self._drain = stack.enter_context(Drain(running, self._say, self._how.grace))
            return self._close(results, self._take_all(steps, results))

    def _begin(self, items: Iterator[Any], workers: int, stack: ExitStack) -> tuple[Iterator[Any], Any]:
        work, how = self._work, self._how
        chosen = {"processes": workers, "preload": work.preload, **how.pool_options()}
        function = work.function
        if work.bind is not None:
            function = work.bind(None if self._journal is None else self._journal.path)
        if self._journal is None:
            import procession

            stream = procession.stream(function, items, outcomes=True, ordered=how.ordered, **chosen)
            stack.callback(stream.close)
            return map(Step, stream), stream
        live = journals.live(
            self._journal,
            function,
            items,
            name=work.identity,
            whole=work.whole and how.limit is None,
            source=work.source,
            key=work.key,
            how=how,
            facts={"seed": self._seed, "stdin": work.stdin},
            chosen=chosen,
        )
        stack.enter_context(live)
        if live.lost is not None:
            self._say(live.lost)
        if live.source_changed and not how.rerun_changed:
            self._say("the function has changed since; what it has done stands: --rerun-changed does it anew")
        return live, live

    def _take_all(self, steps: Iterator[Any], results: Results) -> int:
        try:
            self._count(steps, results)
        except OutputClosed:
            return main.CLOSED_OUTPUT
        except (KeyboardInterrupt, ProcessionError, OSError) as error:
            number = main.received()
            if number is not None:  # whatever it became on its way
                return main.status_of(number)
            self._tally.stopped = options.as_flags(f"{type(error).__name__}: {message_of(error)}")
            return getattr(error, "exit_code", main.FAILED)
        number = main.received()
        if number is not None:
            return main.status_of(number)
        return main.FAILED if self._tally.failed or self._tally.not_run else main.OK

    def _count(self, steps: Iterator[Any], results: Results) -> None:
        tally, shown, write, keep_going = self._tally, self._shown, self._chronicle.item, self._how.keep_going
        written = self._how.log is not None or self._how.events is not None
        for outcome, replayed, key in steps:
            tally.replayed += replayed
            if outcome.error is None:
                self._hand_over(results, outcome)
                tally.done += 1
            elif self._failed(outcome):
                results.failed(outcome)
            else:
                continue
            if written:
                write(outcome, self._work.name(outcome.item), key, replayed)
            if outcome.error is not None and not keep_going:
                tally.stopped = f"--fail-fast: {self._work.name(outcome.item)} failed"
                return
            shown.step()

    def _hand_over(self, results: Results, outcome: Outcome[Any]) -> None:
        """Give a result to where results go; a terminal that was closed costs no item that still runs."""
        try:
            results.take(outcome)
        except OutputClosed:
            raise
        except OSError:
            if main.received() is None:
                raise

    def _failed(self, outcome: Outcome[Any]) -> bool:
        """Count an item that has no result; False if it was not begun."""
        from procession.model.stops import NotRun

        error = outcome.error
        assert error is not None
        if isinstance(error, NotRun):
            self._tally.not_run += 1
            return False
        name = self._work.name(outcome.item)
        self._tally.fail(outcome.index, name, error)
        if self._how.verbose:
            self._show(f"failed: {name}: {kind_of(error)}: {message_of(error)}")
        return True

    def _close(self, results: Results, status: int) -> int:
        interrupted = main.received() is not None
        self._tally.interrupted = interrupted
        try:
            results.close(patience=_PATIENCE if interrupted else None)
        except OutputClosed:
            return main.CLOSED_OUTPUT
        except OSError as error:  # its disk is full, or it was a terminal that is gone
            self._tally.stopped = f"{type(error).__name__}: {error}"
            return status if interrupted else main.FAILED
        return status

    def _tell_begin(self, workers: int) -> None:
        facts = {"command": self._work.command, "function": self._work.identity, "workers": workers}
        facts |= {"total": self._tally.total, "seed": self._seed}
        if self._journal is not None:
            facts |= {"run": self._journal.name, "journal": self._journal.path}
        self._chronicle.begin(facts)
        if self._how.verbose:
            self._show(", ".join(f"{name} {value}" for name, value in facts.items() if value is not None))
        elif self._seed is not None and self._how.seed is None and not self._how.quiet:
            self._say(f"shuffled; the same order again: --shuffle-seed {self._seed}")

    def _tell_end(self, status: int) -> None:
        drained = None if self._drain is None else self._drain.seconds
        if drained is not None and not self._how.quiet:
            left = f"{self._tally.left} left" if self._tally.total is not None else "what was not begun is left"
            self._say(f"stopped after {drained:.1f} s; {left}")
        self._chronicle.end(self._summary(status), self._tally.summary(self._work.verb))

    def report(self, status: int) -> None:
        """Say how it ended."""
        how, tally = self._how, self._tally
        if how.as_json:
            click.echo(json.dumps(self._summary(status)), err=not self._work.json_to_stdout)
            return
        if status == main.CLOSED_OUTPUT:
            return  # whoever reads has enough
        red = display.colored(how.color)
        for line in tally.error_lines(lambda text: click.style(text, fg="red") if red else text):
            click.echo(line, err=True, color=True)
        if not how.quiet:
            click.echo(tally.summary(self._work.verb), err=True)
            if self._journal is not None and (status or how.verbose):
                stopped = bool(tally.interrupted or tally.stopped or tally.left or not how.keep_going)
                click.echo(self._journal.hint(tally.failed, stopped), err=True)

    def _summary(self, status: int) -> dict[str, Any]:
        run = {} if self._journal is None else {"run": self._journal.name, "journal": self._journal.path}
        return self._tally.as_json(status, **(self._work.facts or {}), **run)

    def _say(self, text: str) -> None:
        self._chronicle.note("note", text)
        self._show(text)

    def _show(self, text: str) -> None:
        if not self._how.as_json:
            self._shown.say(f"procession {self._work.command}: {text}")


def _be_nice(increment: int) -> None:
    try:
        os.nice(increment)
    except OSError as error:
        raise Refused(f"--nice {increment}: {error.strerror}; only root may raise a priority") from error


def _dry_run(work: Work, how: options.RunOptions, items: Iterator[Any], total: int | None, seed: int | None) -> int:
    """Say what would be done: a line for each item, and one about the run."""
    count = 0
    try:
        for item in items:
            click.echo(work.plan(item))
            count += 1
        workers = how.workers(count)
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    if not how.quiet:
        shuffled = "" if seed is None else f", shuffled with --shuffle-seed {seed}"
        what = f"{work.identity} on {counted(count, 'item')} with {counted(workers, 'worker')}{shuffled}"
        text = f"would run {what}; nothing was done"
        click.echo(f"procession {work.command}: {text}", err=True)
    return main.OK
