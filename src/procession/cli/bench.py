"""`procession bench`: which options suit a function here, found by trials of a few seconds.

Knows: the command's options, the table.
Must not know: how a trial is made, or what it speaks for.
"""

from __future__ import annotations

import itertools
import json
import os
from functools import partial
from typing import Any

import click

from procession.cli import inputs, output, target, trials, values
from procession.cli.commands import Refused
from procession.cli.map import choose_target
from procession.cli.trials import Advice, Trial
from procession.launcher.host import worker_count
from procession.model.errors import ProcessionError, shorten
from procession.monitor.looks import rate_text

_MOST_ITEMS = 1000  # that are read: more are not needed, and standard input may be endless


@click.command("bench", short_help="Find the best options for a function.")
@click.argument("arguments", nargs=-1, metavar="TARGET [INPUTS]...")
@click.option("-e", "expression", metavar="EXPR", help="The function as an expression, in place of TARGET.")
@click.option("-a", "--arg-file", "files", multiple=True, metavar="FILE", help="Its lines are inputs; `-` is stdin.")
@click.option("-0", "--null", is_flag=True, help="Inputs that are read end with a NUL byte, not with a line's end.")
@click.option("-j", "--jobs", type=values.Workers(), metavar="N", help="The usual number of workers, in place of CPUs.")
@click.option(
    "--seconds", type=click.FloatRange(min=0.5), default=10.0, metavar="S", help="For all trials; default 10."
)
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def command(
    arguments: tuple[str, ...],
    expression: str | None,
    files: tuple[str, ...],
    null: bool,
    jobs: int | None,
    seconds: float,
    as_json: bool,
) -> int:
    """Run TARGET on INPUTS with several numbers of workers, batches and start methods, and say what is best here.

    The first thousand INPUTS are used, over and over: so a function that writes files or sends mail does it many times.
    Nothing runs longer than --seconds says; an item that runs then is ended. The exit code is 1 if items failed.

    \b
    Examples:
      procession bench tools.py:shrink photos/*.jpg
      procession bench -e 'lambda line: hash(line)' -a words.txt --json
    """
    try:
        function, arguments = choose_target(arguments, expression)
        function.load()
        given, _ = inputs.open_inputs(arguments, files, null=null)
        items = list(itertools.islice(given, _MOST_ITEMS))
        if not items:
            raise Refused("INPUTS: there are none; a trial needs at least one")
        workers = jobs or worker_count().count
        stdout = output.take_stdout()
    except (ProcessionError, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"standard output: {error.strerror}") from error
    made = _make(function, items, workers, seconds)
    advice = trials.advise(made, workers)
    found = _as_json(function, len(items), workers, made, advice)
    lines = [json.dumps(found)] if as_json else [*_table(made, workers), *_advice(advice, workers), *_failures(made)]
    os.write(stdout, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    return 1 if any(each.failed for each in made) else 0


def _make(function: target.Target, items: list[str], workers: int, seconds: float) -> list[Trial]:
    planned = list(trials.settings(workers))
    each_seconds = seconds / (len(planned) + 1)
    work = partial(_call, function)
    trials.run(work, items, trials.Setting("start", 1), each_seconds)  # so that the first one starts no nursery
    return [trials.run(work, items, each, each_seconds) for each in planned]


def _call(function: target.Target, item: str) -> Any:
    return function.load()(item)


def _table(made: list[Trial], workers: int) -> list[str]:
    one = next((each.rate for each in made if each.setting.kind == "workers" and each.setting.workers == 1), None)
    usual = next(each for each in made if each.setting.kind == "workers" and each.setting.workers == workers)
    took = "no item ended in time" if usual.item_seconds is None else f"an item takes {_duration(usual.item_seconds)}"
    lines = [took, "", f"{'':<26}{'rate':>12}{'against 1 worker':>18}{'first result':>14}"]
    for each in made:
        rate = "-" if each.rate is None else rate_text(each.rate)
        ratio = f"{each.rate / one:.2f}" if one and each.rate and each.setting.kind != "overhead" else "-"
        first = "-" if each.first is None else _duration(each.first)
        if each.setting.kind == "start":
            rate = ratio = "-"
        lines.append(f"{_title(each.setting, workers):<26}{rate:>12}{ratio:>18}{first:>14}".rstrip())
    return lines


def _title(setting: trials.Setting, workers: int) -> str:
    if setting.kind == "workers":
        usual = " (default)" if setting.workers == workers else ""
        return f"{setting.workers} {'worker' if setting.workers == 1 else 'workers'}{usual}"
    if setting.kind == "start":
        return f"start method {setting.method}"
    if setting.kind == "backend":
        return setting.backend
    size = "sized by duration" if setting.chunksize is None else f"of {setting.chunksize}"
    return (
        f"batches {size}"
        if setting.kind == "batch"
        else f"doing nothing, {'batches' if not setting.chunksize else 'singly'}"
    )


def _advice(advice: Advice, workers: int) -> list[str]:
    batch = "leave batches alone" if advice.chunksize is None else f"chunksize={advice.chunksize}"
    where = "" if advice.backend == "processes" else f', backend="{advice.backend}"'
    default = ", the default" if advice.workers == workers else ""
    count = f"{advice.workers} {'worker' if advice.workers == 1 else 'workers'} (-j {advice.workers}{default})"
    return ["", f"best here: {count}, {batch}, start method {advice.method}{where}"]


def _failures(made: list[Trial]) -> list[str]:
    failed = sum(each.failed for each in made)
    error = next((each.error for each in made if each.error), None)
    if error is None:
        return []
    return [f"{failed} of {sum(each.ended for each in made)} items failed, the first by {shorten(error)[1:-1]}"]


def _as_json(function: target.Target, count: int, workers: int, made: list[Trial], advice: Advice) -> dict[str, Any]:
    usual = next(each for each in made if each.setting.kind == "workers" and each.setting.workers == workers)
    idle = [each.rate for each in made if each.setting.kind == "overhead"]
    rows = []
    for each in made:
        facts = each._asdict()
        rows.append({**facts.pop("setting")._asdict(), **facts})
    return {
        "command": "bench",
        "target": function.given,
        "inputs": count,
        "workers": workers,
        "item_seconds": usual.item_seconds,
        "overhead_seconds": 1 / idle[0] if idle[0] else None,
        "overhead_seconds_singly": 1 / idle[1] if idle[1] else None,
        "best": advice._asdict(),
        "trials": rows,
    }


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
