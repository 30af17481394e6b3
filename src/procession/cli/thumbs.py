"""`procession thumbs`: a folder of photographs becomes a folder of thumbnails.

Knows: the command's options, the order plan - work - report.
Must not know: pictures. `jobs` plans, makes and writes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import click

import procession
from procession.cli import display, main, options
from procession.cli.commands import Refused
from procession.cli.follow import follow
from procession.cli.report import Tally
from procession.jobs import formats, geometry, naming, outputs, sources, thumbs, writing
from procession.jobs.errors import PlanRefused
from procession.launcher.host import worker_count
from procession.model.outcome import Outcome

_LOSSLESS = ("png",)


@dataclass(frozen=True)
class Plan:
    """What is to be done, all checked.

    Args:
        output: The folder of the thumbnails.
        settings: How each is made.
        todo: Those to make.
        skipped: How many are up to date.
        folders: Where they stand.
    """

    output: str
    settings: thumbs.ThumbSettings
    todo: list[naming.Thumb]
    skipped: int
    folders: set[str]


@click.command("thumbs", short_help="Make thumbnails of photographs.")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="DIR", help="Where the thumbnails go; made if it is not there.")
@click.option("-r", "--recursive", is_flag=True, help="Take the tree below each folder, and keep it below DIR.")
@click.option("-s", "--size", type=options.Size(), default="256", metavar="N|WxH", help="The box.  [default: 256]")
@click.option("--fill/--fit", default=False, help="Cover the box and cut the rest, or stay inside it (default).")
@click.option(
    "--format",
    type=click.Choice(["jpg", "webp", "png", "same"]),
    default="jpg",
    show_default=True,
    help="Of the thumbnails; `same` keeps each input's.",
)
@click.option("-Q", "--quality", type=click.IntRange(1, 100), metavar="N", help="Of JPEG (else 85) and WebP (else 80).")
@click.option("--name", default=naming.DEFAULT_PATTERN, show_default=True, metavar="PATTERN", help="See below.")
@click.option(
    "--overwrite",
    type=click.Choice(["never", "older", "always"]),
    default="older",
    show_default=True,
    help="Which thumbnails that are there are made again; `older`: those older than their input.",
)
@click.option("--srgb", is_flag=True, help="Convert colours to sRGB; otherwise the input's ICC profile is kept.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=thumbs.MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="A picture that has more fails before it is decoded.",
)
@options.run_options
@click.option("--json", "as_json", is_flag=True, help="Write a summary as JSON to standard output.")
@options.with_memory
def command(
    inputs: tuple[str, ...],
    keep_going: bool,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
    memory: dict[str, Any],
    **how: Any,
) -> int:
    """Make thumbnails of INPUTS: files, folders (the images right in them) and patterns.

    The same command again makes what is missing or older than its input. A thumbnail is written under a temporary name
    and renamed: a file with its final name is whole. Metadata (position, camera) is left out.

    \b
    The fields of --name:
      {stem}    the input's name without its suffix
      {ext}     the output's suffix, without the dot
      {suffix}  the input's suffix, without the dot
      {parent}  the name of the folder that the input is in
      {index}   the input's number, from 1; {index:04} gives it four digits
    """
    if find_spec("PIL") is None:
        raise Refused("thumbs needs Pillow, which is not installed: pip install 'procession[images]'")
    try:
        plan = make_plan(inputs, **how)
        workers = min(jobs or worker_count().count, max(len(plan.todo), 1))
    except (PlanRefused, ValueError) as error:
        raise Refused(f"{error}{_hint(inputs, quiet)}") from error
    tally = Tally("thumbs", total=len(plan.todo), skipped=plan.skipped, keep=len(plan.todo))
    start = partial(_start, plan, workers, memory)
    status = _work(start, plan, tally, display.choose(tally, quiet=quiet), keep_going) if plan.todo else main.OK
    _report(plan, tally, status, quiet, as_json)
    return status


def _hint(inputs: tuple[str, ...], quiet: bool) -> str:
    """Say what `-q 80` means here, where other programs mean the quality."""
    number = next((text for text in inputs if text.isdigit() and not os.path.exists(text)), None)
    return f"; -q is --quiet: if you meant the quality, write -Q {number}" if quiet and number else ""


def make_plan(
    inputs: tuple[str, ...],
    *,
    output: str,
    recursive: bool,
    format: formats.Choice,
    name: str,
    overwrite: outputs.Overwrite,
    quality: int | None,
    **settings: Any,
) -> Plan:
    """Decide everything before any work starts.

    Raises:
        PlanRefused: The inputs cannot become outputs as asked.
        ValueError: A setting is out of range.
    """
    if quality is not None and format in _LOSSLESS:
        raise ValueError(f"--quality {quality}: {format} loses nothing, so it has no quality")
    prepared = thumbs.ThumbSettings(quality=quality, run=os.urandom(4).hex(), **settings)
    found = sources.find_sources(inputs, recursive=recursive, output=output)
    every = naming.plan(found, output, name, format)
    todo = outputs.to_make(every, overwrite)
    folders = outputs.make_folders(todo, output)
    return Plan(output, prepared, todo, len(every) - len(todo), folders)


def _work(
    start: Callable[[], procession.Stream[Outcome[geometry.Size]]],
    plan: Plan,
    tally: Tally,
    shown: display.Display,
    keep_going: bool,
) -> int:
    status = follow(start, tally, shown, take=lambda size: None, name=repr, keep_going=keep_going)
    if status:
        writing.remove_left(plan.folders, plan.settings.run)
    return status


def _start(plan: Plan, workers: int, memory: dict[str, Any]) -> procession.Stream[Outcome[geometry.Size]]:
    return procession.stream(
        partial(thumbs.make_thumbnail, plan.settings),
        plan.todo,
        ordered=False,
        processes=workers,
        outcomes=True,
        preload=thumbs.PRELOAD,
        **memory,
    )


def _report(plan: Plan, tally: Tally, status: int, quiet: bool, as_json: bool) -> None:
    for line in tally.error_lines():
        click.echo(line, err=True)
    if not quiet:
        click.echo(f"{tally.summary('made')}; in {plan.output!r}", err=True)
    if as_json:
        click.echo(json.dumps(tally.as_json(status, output=plan.output)))
