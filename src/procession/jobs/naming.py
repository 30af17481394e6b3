"""Where each thumbnail goes: names from a pattern, and the refusal of names that would collide.

Knows: paths as text.
Must not know: pictures, or which files exist already.
"""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Sequence
from typing import NamedTuple

from procession.jobs import formats
from procession.jobs.errors import PlanRefused
from procession.jobs.sources import Source
from procession.model.errors import shorten

DEFAULT_PATTERN = "{stem}.{ext}"
FIELDS = {
    "stem": "the input's name without its suffix",
    "ext": "the output's suffix, without the dot",
    "suffix": "the input's suffix, without the dot",
    "parent": "the name of the folder that the input is in",
    "index": "the input's number, from 1; {index:04} gives it four digits",
}
_APART = ("{stem}-{suffix}.{ext}", "{parent}-{stem}.{ext}", "{parent}-{stem}-{suffix}.{ext}", "{index}-{stem}.{ext}")
_ONE_CASE = sys.platform in ("darwin", "win32")  # where a.jpg and A.jpg are usually one file


class Thumb(NamedTuple):
    """One thumbnail to make.

    Args:
        source: The input file.
        target: The output file.
        format: Pillow's name of the output's format.
    """

    source: str
    target: str
    format: str

    def __repr__(self) -> str:
        return repr(self.source)  # what messages about an item show


def plan(sources: Sequence[Source], output: str, pattern: str, choice: formats.Choice) -> list[Thumb]:
    """Decide the name and format of every output.

    Args:
        sources: The inputs.
        output: The folder of the outputs.
        pattern: How an output is named, with the fields of `FIELDS`.
        choice: The format of the outputs.

    Raises:
        PlanRefused: The pattern is wrong, two inputs would get one output, or an output would replace an input.
    """
    check_pattern(pattern)
    thumbs = _named(sources, output, pattern, choice)
    if clash := _clash(thumbs):
        raise PlanRefused(reason=_describe_clash(*clash, sources, output, choice))
    _refuse_overwritten_inputs(thumbs)
    return thumbs


def check_pattern(pattern: str) -> None:
    """Make sure that a pattern can be filled in and stays inside the output folder.

    Raises:
        PlanRefused: It cannot, or does not.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None]
        unknown = [field for field in fields if field not in FIELDS]
        sample = "" if unknown else pattern.format(stem="a", ext="b", suffix="c", parent="d", index=1)
    except (ValueError, KeyError, IndexError) as error:
        raise PlanRefused(reason=f"--name {pattern!r}: {error}; the fields are {_fields()}") from error
    if unknown:
        raise PlanRefused(reason=f"--name {pattern!r}: no field {{{unknown[0]}}}; the fields are {_fields()}")
    parts = sample.replace(os.sep, "/").split("/")
    if not parts[-1] or os.path.isabs(sample) or ".." in parts or "\0" in sample:
        raise PlanRefused(reason=f"--name {pattern!r}: must be the name of a file inside the output folder")


def _fields() -> str:
    return ", ".join(f"{{{field}}}" for field in FIELDS)


def _named(sources: Sequence[Source], output: str, pattern: str, choice: formats.Choice) -> list[Thumb]:
    wants_parent = "{parent" in pattern
    thumbs = []
    for index, (path, below) in enumerate(sources, 1):
        format, ext = formats.output_format(choice, path)
        stem, suffix = os.path.splitext(os.path.basename(path))
        parent = os.path.basename(os.path.dirname(os.path.abspath(path))) if wants_parent else ""
        name = pattern.format(stem=stem, ext=ext, suffix=suffix[1:], parent=parent, index=index)
        meant = formats.by_suffix(name)
        if meant is not None and meant is not format:
            raise PlanRefused(
                reason=f"--name {pattern!r}: {shorten(name)} would hold {format.name}; end the pattern with .{{ext}}"
            )
        thumbs.append(Thumb(path, os.path.join(output, below, name), format.name))
    return thumbs


def _clash(thumbs: Sequence[Thumb]) -> tuple[Thumb, Thumb] | None:
    """Find two inputs that would get one output."""
    taken: dict[str, Thumb] = {}
    for thumb in thumbs:
        target = thumb.target.casefold() if _ONE_CASE else thumb.target
        other = taken.setdefault(target, thumb)
        if other is not thumb:
            return other, thumb
    return None


def _describe_clash(first: Thumb, second: Thumb, sources: Sequence[Source], output: str, choice: formats.Choice) -> str:
    """Name both inputs and the first pattern that keeps all of them apart."""
    pattern = next(each for each in _APART if _clash(_named(sources, output, each, choice)) is None)
    return (
        f"{shorten(first.source)} and {shorten(second.source)} would both become {shorten(second.target)}; "
        f"--name '{pattern}' keeps them apart"
    )


def _refuse_overwritten_inputs(thumbs: Sequence[Thumb]) -> None:
    folders: dict[str, str] = {}
    inputs = {_key(thumb.source, folders): thumb.source for thumb in thumbs}
    for thumb in thumbs:
        if source := inputs.get(_key(thumb.target, folders)):
            raise PlanRefused(
                reason=f"{shorten(source)}: would be replaced by the thumbnail of {shorten(thumb.source)}; "
                "give another -o or --name"
            )


def _key(path: str, folders: dict[str, str]) -> tuple[str, str]:
    """Give what is equal for two spellings of one path; links among the folders are followed, each folder once."""
    folder, name = os.path.split(path)
    if folder not in folders:
        real = os.path.realpath(folder)
        folders[folder] = real.casefold() if _ONE_CASE else real
    return folders[folder], name.casefold() if _ONE_CASE else name
