"""`procession thumbs`: a folder of photographs becomes a folder of thumbnails.

Knows: the command's options, the order plan - work - report.
Must not know: pictures. `jobs` plans, makes and writes them; `execute` runs them.
"""

from __future__ import annotations

import dataclasses
import json
import os
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import Any

import click

from procession.cli import main, options
from procession.cli.commands import Refused
from procession.cli.execute import Results, Work, execute
from procession.cli.report import Tally, message_of
from procession.jobs import formats, geometry, naming, outputs, settings, thumbs
from procession.jobs.plan import Asked, Plan
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
        parts = value if isinstance(value, (tuple, list)) else str(value).split(",")
        return tuple(one.convert(part.strip(), parameter, context) for part in parts)


@click.command("thumbs", cls=options.Command, short_help="Make thumbnails of photographs.")
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-o", "--output", "folder", required=True, metavar="DIR", help="Where the thumbnails go; made if it is not there."
)
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
@click.option("-Q", "--quality", type=click.IntRange(1, 100), metavar="N", help="Of JPEG, WebP, AVIF; else 85, 80, 65.")
@click.option(
    "--name", metavar="PATTERN", help="See below.  [default: {stem}.{ext}; of several sizes {stem}-{size}.{ext}]"
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
@options.item_options(without=("output", "run_name", "ordered"))
def command(inputs: tuple[str, ...], prune: bool, how: options.RunOptions, **asked: Any) -> int:
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

    \b
    Examples:
      procession thumbs photos -o thumbs
      procession thumbs photos -r -o site --sizes 256,1024 --format webp --gallery --prune
    """
    try:
        how.workers(None)  # whatever is wrong with their number is said before anything is looked at
        plan = Plan(_asked(inputs, how.dry_run, **asked))
    except (ProcessionError, ValueError) as error:
        raise Refused(f"{error}{_hint(inputs, how.quiet)}") from error
    with closing(plan):
        return _run(plan, prune, how)


def _asked(
    inputs: tuple[str, ...],
    dry: bool,
    *,
    folder: str,
    recursive: bool,
    format: formats.Choice,
    name: str | None,
    overwrite: outputs.Overwrite,
    checksum: bool,
    gallery: bool,
    quality: int | None,
    size: geometry.Size | None,
    sizes: tuple[geometry.Size, ...] | None,
    **given: Any,
) -> Asked:
    """Put together what is asked for.

    Raises:
        Refused: A package is missing.
        PlanRefused: A name is wrong.
        ValueError: A setting is out of range.
    """
    _refuse_missing(given["engine"], format)
    if quality is not None and format in _LOSSLESS:
        raise ValueError(f"--quality {quality}: {format} loses nothing, so it has no quality")
    boxes: dict[str, Any] = {"size": size, "sizes": sizes}
    if size and sizes and not options.prefer_typed(boxes, "size", "sizes"):
        raise ValueError("--size and --sizes: take one of them")
    wanted = boxes["sizes"] or (boxes["size"] or (256, 256),)
    prepared = settings.ThumbSettings(sizes=wanted, quality=quality, run=os.urandom(4).hex(), **given)
    names = naming.Names(name, format, wanted)
    return Asked(inputs, folder, names, prepared, recursive, overwrite, checksum, gallery, dry)


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


def _run(plan: Plan, prune: bool, how: options.RunOptions) -> int:
    output = plan.asked.output
    facts = {"output": output, "pruned": _prune(plan, how) if prune else 0}
    work = Work(
        command="thumbs",
        function=partial(thumbs.make_thumbnail, plan.asked.settings),
        items=plan.items(),
        total=plan.todo,
        identity="procession.jobs.thumbs:make_thumbnail",
        source="settings are in the keys",
        results=partial(_Notes, plan),
        name=repr,
        verb="made",
        skipped=plan.fresh,
        preload=thumbs.PRELOAD,
        key=plan.key,
        whole=False,
        json_to_stdout=True,
        plan=_planned,
        facts=facts,
    )
    if not plan.todo and not how.dry_run:
        return _nothing_to_do(plan, how, facts)
    status: int | None = None
    try:
        status = execute(work, dataclasses.replace(how, ordered=False))
    finally:
        if status != main.OK:  # workers that were ended may have left something
            plan.remove_left()
    return status


def _prune(plan: Plan, how: options.RunOptions) -> int:
    """Remove what has lost its input, or name it; give the number."""
    count = 0
    for path in plan.prune():
        count += 1
        if how.dry_run:
            click.echo(f"remove {path}")
    if count and not how.quiet and not how.as_json:
        done = "would be removed" if how.dry_run else "removed"
        click.echo(f"procession thumbs: {count} {done}, whose inputs are gone", err=True)
    return count


def _planned(thumb: naming.Thumb) -> str:
    return f"{thumb.source} -> {', '.join(target.path for target in thumb.targets)}"


def _nothing_to_do(plan: Plan, how: options.RunOptions, facts: dict[str, Any]) -> int:
    """Say that all is up to date; no worker is needed for that."""
    tally = Tally("thumbs", total=0, skipped=plan.fresh)
    notes = _Notes(plan)
    try:
        notes.close()
    except OSError as error:
        tally.stopped = f"{type(error).__name__}: {error}"
    status = main.FAILED if tally.stopped else main.OK
    for line in tally.error_lines():
        click.echo(line, err=True)
    if how.as_json:
        click.echo(json.dumps(tally.as_json(status, **facts)))
    elif not how.quiet:
        click.echo(tally.summary("made"), err=True)
    return status


class _Notes(Results):
    """What the plan is told of the pictures, and the page that shows them.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def take(self, outcome: Outcome[tuple[naming.Made, ...]]) -> None:
        assert outcome.result is not None
        self._plan.made(outcome.item, outcome.result)

    def failed(self, outcome: Outcome[Any]) -> None:
        assert outcome.error is not None
        self._plan.failed(outcome.item, message_of(outcome.error))

    def close(self, *, patience: float | None = None) -> None:
        if self._plan.asked.gallery:
            self._plan.write_gallery()
