"""The flags that every command has which runs items: one table, from which help, docs, variables and keys are made.

Knows: click, the checks that need several flags at once.
Must not know: what becomes of the values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from procession.cli import values
from procession.cli.values import Size as Size  # a value of thumbs only
from procession.launcher import host
from procession.model.amounts import MemoryOptions
from procession.model.task import ITEM_OPTIONS

_GIVEN = "procession.given"
_CHOSEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
GRACE_SECONDS = 8.0  # `docker stop` kills after 10
GROUPS = ("Workers", "Items", "Limits and retries", "Output", "Journal")
MEMORY = ("max_rss", "max_rss_hard", "memory_floor")
_POLICY = tuple(name for name in ITEM_OPTIONS if name not in ("retry_on", "priority"))  # what a text can say


class Flag(click.Option):
    """An option that stands in one of the groups of the help.

    Args:
        group: Which one.
    """

    def __init__(self, *args: Any, group: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class Given(NamedTuple):
    """What was asked of a command, as plain values from which the same can be asked again.

    Args:
        command: The command's name.
        options: What flags, variables and the file said, by parameter.
        arguments: What stood on the command line beside flags.
    """

    command: str
    options: dict[str, Any]
    arguments: list[str]


class Command(click.Command):
    """A command whose help shows its own options first, and the shared ones in groups, and that can be resumed."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, and note what was given."""
        parser = self.make_parser(context)
        rest = super().parse_args(context, list(args))
        options: dict[str, Any] = {}
        arguments: list[str] = []
        found, _, _ = parser.parse_args(list(args))
        for parameter in self.params:
            value, source = parameter.consume_value(context, found)
            if isinstance(parameter, click.Argument):
                arguments += [value] if isinstance(value, str) else value if isinstance(value, (tuple, list)) else ()
            elif source in _CHOSEN and parameter.expose_value:
                options[str(parameter.name)] = list(value) if isinstance(value, tuple) else value
        context.meta[_GIVEN] = Given(str(self.name), options, arguments)
        return rest

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        for title in ("", *GROUPS):
            options = [each for each in self.get_params(context) if isinstance(each, click.Option)]
            shown = [each for each in options if getattr(each, "group", "") == title]
            rows = [row for each in shown if (row := each.get_help_record(context)) is not None]
            if rows:
                with formatter.section(title or "Options"):
                    formatter.write_dl(rows)


def given() -> Given:
    """Give what was asked of the command that runs."""
    found: Given = click.get_current_context().meta[_GIVEN]
    return found


@dataclass(frozen=True)
class RunOptions:
    """What was asked of a command that runs items, all checked.

    Args:
        jobs: How many workers; None: one for each CPU.
        backend: Where they are.
        nice: How much niceness is added, or None.
        memory: The options of a pool about memory.
        limit: Take so many items, or None.
        seed: Items are shuffled with this seed; None: not shuffled, or with a seed that is drawn (`shuffle`).
        shuffle: Items are shuffled.
        ordered: Results come in the order of the inputs.
        dry_run: Say what would be done, and do nothing.
        policy: The options of a call about time, retries and stop rules that were given.
        keep_going: Go on after a failed item.
        grace: Seconds that running items have after SIGTERM.
        output: The file of the results; None: standard output.
        progress: `auto`, `bar`, `plain` or `none`.
        log: The file for a line about whatever happens, or None.
        events: The file for a JSON line about it, or None.
        as_json: A summary as JSON.
        quiet: No progress and no summary.
        verbose: Say more: each failed item as it fails, what was chosen.
        color: `auto`, `always` or `never`.
        journal: The journal's file, `none`, or None: in the state folder.
        name: The run's short name; None: one is made.
        rerun_changed: Do anew what a changed function has done.
    """

    jobs: int | None
    backend: str
    nice: int | None
    memory: dict[str, Any]
    limit: int | None
    seed: int | None
    shuffle: bool
    ordered: bool
    dry_run: bool
    policy: dict[str, Any]
    keep_going: bool
    grace: float
    output: str | None
    progress: str
    log: str | None
    events: str | None
    as_json: bool
    quiet: bool
    verbose: bool
    color: str
    journal: str | None
    name: str | None
    rerun_changed: bool

    def workers(self, total: int | None) -> int:
        """Say how many workers run `total` items.

        Raises:
            ValueError: A variable that says it holds no number.
        """
        workers = self.jobs or host.worker_count().count
        return workers if total is None else max(1, min(workers, total))

    def pool_options(self) -> dict[str, Any]:
        """Give what `procession.stream` takes: only what was chosen, since the rest need not be loaded."""
        chosen = {name: value for name, value in {**self.memory, **self.policy}.items() if value is not None}
        if self.backend != "processes":
            chosen["backend"] = self.backend
        return chosen


def item_options(*, without: Collection[str] = ()) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the flags of the table to a command, which gets their values as one argument `how`, a `RunOptions`.

    Args:
        without: Names of parameters that this command has no use for; they have the values of an option not given.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def gathered(*args: Any, **kwargs: Any) -> int:
            given = {name: kwargs.pop(name, default) for name, default in _DEFAULTS.items()}
            return command(*args, how=_checked(given), **kwargs)

        added: Callable[..., int] = gathered
        for flag in reversed(FLAGS):
            if flag.name not in without:
                added = _added(added, flag)
        return added

    return decorate


def _added(command: Callable[..., int], flag: Flag) -> Callable[..., int]:
    command.__dict__.setdefault("__click_params__", []).append(flag)  # as click's own decorators do
    return command


def _checked(given: dict[str, Any]) -> RunOptions:
    memory = {name: given.pop(name) for name in MEMORY}
    policy = {name: given.pop(name) for name in _POLICY}
    checked_memory(memory)
    must_end = _checked_policy(policy) if any(value is not None for value in policy.values()) else None
    needs_processes = next((name for name in memory if memory[name] is not None), must_end)
    if given["backend"] != "processes" and needs_processes:
        raise click.UsageError(
            f"--backend {given['backend']}: {_flag_of(needs_processes)} ends what runs, and only processes can be ended"
        )
    if given["quiet"] and given["verbose"] and not prefer_typed(given, "quiet", "verbose"):
        raise click.UsageError("--quiet and --verbose: take one of them")
    if policy["backoff"] is not None and not (policy["retries"] or policy["retry_deaths"]):
        raise click.UsageError("--backoff: nothing is tried again without --retries or --retry-deaths")
    shuffle = given.pop("shuffle") or given["seed"] is not None
    return RunOptions(memory=memory, policy=policy, shuffle=shuffle, name=given.pop("run_name"), **given)


def prefer_typed(given: dict[str, Any], one: str, other: str) -> bool:
    """Of two flags that exclude each other keep the one that was typed, if the other one stood in a variable or file.

    Args:
        given: The values by parameter; the weaker one becomes None.
        one: A parameter.
        other: The other one.

    Returns:
        False if both stood in the same kind of place.
    """
    context = click.get_current_context()
    typed = [context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in (one, other)]
    if typed[0] is typed[1]:
        return False
    given[other if typed[0] else one] = None
    return True


def _checked_policy(policy: dict[str, Any]) -> str | None:
    """Check the options of a call; give the one that may end what runs, if any."""
    from procession.model.policy import chosen_policy

    try:
        chosen = chosen_policy(policy)
    except ValueError as error:
        raise click.UsageError(as_flags(str(error))) from error
    return None if chosen is None else chosen.must_end


def checked_memory(memory: dict[str, Any]) -> None:
    """Check the options of a pool about memory together.

    Raises:
        click.UsageError: They make no sense.
    """
    try:
        MemoryOptions(**memory).bounds(host.memory())
    except ValueError as error:
        raise click.UsageError(as_flags(str(error))) from error


def _flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def as_flags(text: str) -> str:
    """Write options as flags in a message of the library: `max_rss=5` becomes `--max-rss 5`.

    Args:
        text: The message.
    """
    text = text.replace("rerun_changed=True", "--rerun-changed")
    for name in (*MEMORY, *_POLICY, "journal"):
        text = re.sub(rf"(?<![a-z_]){name}=(?=[^\s])", f"{_flag_of(name)} ", text)
        text = re.sub(rf"(?<![a-z_]){name}=", _flag_of(name), text)
    return text


def _flags(group: str, *given: tuple[Any, ...]) -> tuple[Flag, ...]:
    return tuple(Flag(list(names), group=group, help=text, **settings) for *names, text, settings in given)


_COUNT = {"type": click.IntRange(min=0), "metavar": "N"}
_POSITIVE = {"type": click.IntRange(min=1), "metavar": "N"}
_AMOUNT = {"type": values.Bytes(), "metavar": "SIZE"}
_TIME = {"type": values.Time(), "metavar": "TIME"}
_FILE = {"metavar": "FILE"}
_SWITCH = {"is_flag": True}
_WHEN = {"type": click.Choice(["auto", "always", "never"]), "default": "auto", "show_default": True}

FLAGS = (
    *_flags(
        "Workers",
        ("-j", "--jobs", "How many: 4, 50% of the CPUs, -1 for all of them, -2 for all but one; default: all.",
         {"type": values.Workers(), "metavar": "N"}),
        ("--backend", "Where items run.",
         {"type": click.Choice(["processes", "threads", "serial"]), "default": "processes", "show_default": True}),
        ("--nice", "Lower the priority of all of it by N (1 to 19).",
         {"type": click.IntRange(-20, 19), "metavar": "N"}),
        ("--max-rss", "Replace a worker that holds more memory after an item: 500MB, 2GiB, 25%.", _AMOUNT),
        ("--max-rss-hard", "End an item that takes more memory.", _AMOUNT),
        ("--memory-floor", "Run fewer items at once while less memory is available.", _AMOUNT),
    ),
    *_flags(
        "Items",
        ("--limit", "Take the first N items only.", _COUNT),
        ("--shuffle", "Take them in a random order; all are read first.", _SWITCH),
        ("--shuffle-seed", "seed", "Shuffle with this seed, as an earlier run did.",
         {"type": click.IntRange(min=0), "metavar": "SEED"}),
        ("--keep-order/--unordered", "ordered", "Results in the order of the inputs (default), or as they come.",
         {"default": True}),
        ("--dry-run", "Say what would be done, and do nothing.", _SWITCH),
    ),
    *_flags(
        "Limits and retries",
        ("--time-limit", "End an item after this: 30, 500ms, 5m, 1h30m, or 300% of the median.",
         {"type": values.Time(share=True), "metavar": "TIME"}),
        ("--soft-time-limit", "Raise an error inside an item after this.", _TIME),
        ("--total-time-limit", "End the whole run after this.", _TIME),
        ("--retries", "Try a failed item so many times more.", _COUNT),
        ("--backoff", "Wait before the second attempt; twice as long before each further one.",
         {"type": values.Time(zero=True), "metavar": "TIME"}),
        ("--retry-deaths", "Try an item whose worker died so many times more, alone.", _COUNT),
        ("--keep-going/--fail-fast", "keep_going", "After a failed item go on (default), or stop.",
         {"default": True}),
        ("--halt", "Stop by a rule: soon,fail=3 (what runs ends first), now,fail=10%, never.",
         {"type": values.Rule(), "metavar": "RULE"}),
        ("--max-errors", "Stop when more than N items have failed.", _COUNT),
        ("--max-per-second", "Begin at most N items a second.", {"type": values.Above(), "metavar": "N"}),
        ("--grace", "What running items have after SIGTERM before they are killed.",
         {"type": values.Time(zero=True), "metavar": "TIME", "default": f"{GRACE_SECONDS:g}s", "show_default": True}),
    ),
    *_flags(
        "Output",
        ("--output", "Write results to FILE, not to standard output.", _FILE),
        ("--progress", "A bar, a plain line now and then, or nothing; auto: a bar on a terminal.",
         {"type": click.Choice(["auto", "bar", "plain", "none"]), "default": "auto", "show_default": True}),
        ("--log", "Add a line about whatever happens to FILE, with tracebacks.", _FILE),
        ("--events", "Add a JSON line about each item that ends to FILE.", _FILE),
        ("--json", "as_json", "A summary as JSON.", _SWITCH),
        ("-q", "--quiet", "No progress and no summary; errors are still reported.", _SWITCH),
        ("-v", "--verbose", "Name each failed item as it fails, and say what was chosen.", _SWITCH),
        ("--color", "Colours in what is said.", _WHEN),
    ),
    *_flags(
        "Journal",
        ("--journal", "Keep the run's journal in FILE, or none; default: in the state folder, for `resume`.",
         {"metavar": "FILE|none"}),
        ("--name", "run_name", "The run's name, for `resume` and `report`; default: one is made.",
         {"metavar": "NAME"}),
        ("--rerun-changed", "Do anew what an earlier version of the function has done.", _SWITCH),
    ),
)  # fmt: skip
_SWITCHES = ("shuffle", "dry_run", "as_json", "quiet", "verbose", "rerun_changed")
_DEFAULTS: dict[str, Any] = {str(flag.name): None for flag in FLAGS} | dict.fromkeys(_SWITCHES, False) | {
    "backend": "processes", "ordered": True, "keep_going": True, "grace": GRACE_SECONDS, "progress": "auto",
    "color": "auto",
}  # fmt: skip
