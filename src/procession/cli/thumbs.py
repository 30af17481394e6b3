"""`procession thumbs`: a folder of photographs becomes a folder of thumbnails.

Knows: the command's options, the order plan - work - report.
Must not know: pictures. `jobs` plans, makes and writes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

import click

import procession
from procession.cli import display, main, options
from procession.cli.commands import Refused
from procession.cli.follow import follow
from procession.cli.report import Tally, message_of
from procession.jobs import formats, geometry, naming, outputs, settings, thumbs
from procession.jobs.naming import Made
from procession.jobs.plan import Asked, Plan
from procession.launcher.host import worker_count
from procession.model.errors import ProcessionError
from procession.model.outcome import Outcome

_LOSSLESS = ("png",)


class Sizes(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """`128,512` or `128,640x480`: several boxes, each once."""

    name = "sizes"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[geometry.Size, ...]:
        """Turn the text into widths and heights."""
        one = options.Size()
        return tuple(one.convert(part.strip(), parameter, context) for part in str(value).split(","))


@click.command("thumbs", short_help="Make thumbnails of photographs.")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="DIR", help="Where the thumbnails go; made if it is not there.")
@click.option("-r", "--recursive", is_flag=True, help="Take the tree below each folder, and keep it below DIR.")
@click.option("-s", "--size", type=options.Size(), metavar="N|WxH", help="The box.  [default: 256]")
@click.option("--sizes", type=Sizes(), metavar="N,N,...", help="Several boxes: each input gets an output of each.")
@click.option("--fill/--fit", default=False, help="Cover the box and cut the rest, or stay inside it (default).")
@click.option(
    "--format",
    type=click.Choice(["jpg", "webp", "avif", "png", "same"]),
    default="jpg",
    show_default=True,
    help="Of the thumbnails; `same` keeps each input's.",
)
@click.option(
    "-Q", "--quality", type=click.IntRange(1, 100), metavar="N", help="Of JPEG (else 85), WebP (80), AVIF (65)."
)
@click.option(
    "--name", metavar="PATTERN", help="See below.  [default: {stem}.{ext}, several sizes: {stem}-{size}.{ext}]"
)
@click.option(
    "--overwrite",
    type=click.Choice(["never", "older", "always"]),
    default="older",
    show_default=True,
    help="Which thumbnails that are there are made again; `older`: those of changed inputs or other settings.",
)
@click.option("--checksum", is_flag=True, help="Know inputs by what they hold, not by size and time.")
@click.option("--prune", is_flag=True, help="Remove thumbnails that were made here and whose inputs are gone.")
@click.option("--gallery", is_flag=True, help="Write DIR/index.html, a page that shows the thumbnails.")
@click.option(
    "--engine",
    type=click.Choice(["pillow", "vips"]),
    default="pillow",
    show_default=True,
    help="Who decodes and shrinks; vips: the extra `vips`.",
)
@click.option("--fast", is_flag=True, help="Use a photograph's own preview where it is large enough.")
@click.option("--srgb", is_flag=True, help="Convert colours to sRGB; otherwise the input's ICC profile is kept.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=settings.MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="A picture that has more fails before it is decoded.",
)
@options.run_options
@click.option("--json", "as_json", is_flag=True, help="Write a summary as JSON to standard output.")
@options.with_memory
def command(
    inputs: tuple[str, ...],
    prune: bool,
    keep_going: bool,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
    memory: dict[str, Any],
    **how: Any,
) -> int:
    """Make thumbnails of INPUTS: files, folders (the images right in them) and patterns.

    The same command again makes what is missing, what has a changed input and what was made with other settings. A
    thumbnail is written under a temporary name and renamed: a file with its final name is whole. Metadata (position,
    camera) is left out.

    \b
    The fields of --name:
      {stem}    the input's name without its suffix
      {ext}     the output's suffix, without the dot
      {suffix}  the input's suffix, without the dot
      {parent}  the name of the folder that the input is in
      {size}    the size: 256, or 320x240
      {index}   the input's number, from 1; {index:04} gives it four digits
    """
    try:
        jobs = jobs or worker_count().count
        plan = Plan(_asked(inputs, **how))
    except (ProcessionError, ValueError) as error:
        raise Refused(f"{error}{_hint(inputs, quiet)}") from error
    with closing(plan):
        return _run(plan, prune, keep_going, jobs, quiet, as_json, memory)


def _asked(
    inputs: tuple[str, ...],
    *,
    output: str,
    recursive: bool,
    format: formats.Choice,
    name: str | None,
    overwrite: outputs.Overwrite,
    checksum: bool,
    gallery: bool,
    quality: int | None,
    size: geometry.Size | None,
    sizes: tuple[geometry.Size, ...] | None,
    **how: Any,
) -> Asked:
    """Put together what is asked for.

    Raises:
        Refused: A package is missing.
        PlanRefused: A name is wrong.
        ValueError: A setting is out of range.
    """
    _refuse_missing(how["engine"], format)
    if quality is not None and format in _LOSSLESS:
        raise ValueError(f"--quality {quality}: {format} loses nothing, so it has no quality")
    if size and sizes:
        raise ValueError("--size and --sizes: take one of them")
    boxes = sizes or (size or (256, 256),)
    prepared = settings.ThumbSettings(sizes=boxes, quality=quality, run=os.urandom(4).hex(), **how)
    names = naming.Names(name, format, boxes)
    return Asked(inputs, output, names, prepared, recursive, overwrite, checksum, gallery)


def _refuse_missing(engine: settings.Engine, format: formats.Choice) -> None:
    """Say what is not installed."""
    if find_spec("PIL") is None:
        raise Refused("thumbs needs Pillow, which is not installed: pip install 'procession[images]'")
    if engine == "vips" and find_spec("pyvips") is None:
        raise Refused("--engine vips needs pyvips, which is not installed: pip install 'procession[vips]'")
    if engine == "pillow" and format == "avif" and find_spec("PIL._avif") is None:
        raise Refused("--format avif: this Pillow was built without it; pip install -U 'Pillow>=11.3'")


def _hint(inputs: tuple[str, ...], quiet: bool) -> str:
    """Say what `-q 80` means here, where other programs mean the quality."""
    number = next((text for text in inputs if text.isdigit() and not os.path.exists(text)), None)
    return f"; -q is --quiet: if you meant the quality, write -Q {number}" if quiet and number else ""


def _run(
    plan: Plan, prune: bool, keep_going: bool, jobs: int, quiet: bool, as_json: bool, memory: dict[str, Any]
) -> int:
    workers = min(jobs, max(plan.todo, 1))
    pruned = sum(1 for _ in plan.prune()) if prune else 0
    tally = Tally("thumbs", total=plan.todo, skipped=plan.fresh, keep=plan.todo)
    start = partial(_start, plan, workers, memory)
    status = _work(start, plan, tally, display.choose(tally, quiet=quiet), keep_going) if plan.todo else main.OK
    if plan.asked.gallery:
        plan.write_gallery()
    _report(plan, tally, status, quiet, as_json, pruned)
    return status


def _work(
    start: Callable[[], procession.Stream[Outcome[tuple[Made, ...]]]],
    plan: Plan,
    tally: Tally,
    shown: display.Display,
    keep_going: bool,
) -> int:
    status = follow(start, tally, shown, take=lambda made: None, name=repr, keep_going=keep_going)
    if status:
        plan.remove_left()
    return status


def _start(plan: Plan, workers: int, memory: dict[str, Any]) -> procession.Stream[Outcome[tuple[Made, ...]]]:
    stream = procession.stream(
        partial(thumbs.make_thumbnail, plan.asked.settings),
        plan.items(),
        ordered=False,
        processes=workers,
        outcomes=True,
        preload=thumbs.PRELOAD,
        **memory,
    )
    return cast("procession.Stream[Outcome[tuple[Made, ...]]]", _noted(plan, stream))


def _noted(plan: Plan, stream: procession.Stream[Outcome[tuple[Made, ...]]]) -> Iterator[Outcome[tuple[Made, ...]]]:
    with closing(stream):
        for outcome in stream:
            if outcome.result is not None:
                plan.made(outcome.item, outcome.result)
            elif outcome.error is not None:
                plan.failed(outcome.item, message_of(outcome.error))
            yield outcome


def _report(plan: Plan, tally: Tally, status: int, quiet: bool, as_json: bool, pruned: int) -> None:
    output = plan.asked.output
    for line in tally.error_lines():
        click.echo(line, err=True)
    if not quiet:
        click.echo(f"{tally.summary('made')}; in {output!r}{f'; {pruned} removed' if pruned else ''}", err=True)
    if as_json:
        click.echo(json.dumps(tally.as_json(status, output=output, pruned=pruned)))
