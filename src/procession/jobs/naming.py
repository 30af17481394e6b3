"""Where each thumbnail goes: names from a pattern.

Knows: paths as text.
Must not know: pictures, which files exist already, or whether two inputs get one name.
"""

from __future__ import annotations

import os
import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from procession.jobs import formats
from procession.jobs.errors import PlanRefused
from procession.jobs.geometry import Size
from procession.model.errors import shorten

DEFAULT_PATTERN = "{stem}.{ext}"
SIZES_PATTERN = "{stem}-{size}.{ext}"  # where there are several sizes
FIELDS = {
    "stem": "the input's name without its suffix",
    "ext": "the output's suffix, without the dot",
    "suffix": "the input's suffix, without the dot",
    "parent": "the name of the folder that the input is in",
    "size": "the size, 256 or 320x240",
    "index": "the input's number, from 1; {index:04} gives it four digits",
}
_APART = ("{stem}-{suffix}.{ext}", "{parent}-{stem}.{ext}", "{parent}-{stem}-{suffix}.{ext}", "{index}-{stem}.{ext}")


class Target(NamedTuple):
    """One file to write.

    Args:
        path: The file.
        size: The box that it is made for.
        place: Its number in the plan.
    """

    path: str
    size: Size
    place: int = 0


class Thumb(NamedTuple):
    """One picture whose thumbnails are to be made.

    Args:
        source: The input file.
        format: Pillow's name of the outputs' format.
        targets: The output files.
        stamp: What tells this input from what it was at another time.
    """

    source: str
    format: str
    targets: tuple[Target, ...]
    stamp: str = ""

    def __repr__(self) -> str:
        return repr(self.source)  # what messages about an item show


class Made(NamedTuple):
    """A thumbnail that has just been written.

    Args:
        place: Its number in the plan.
        width: In pixels.
        height: In pixels.
        bytes: The size of the file.
        time: When the file was written, in nanoseconds.
    """

    place: int
    width: int
    height: int
    bytes: int
    time: int


class Names:
    """The names of all outputs.

    Args:
        pattern: How an output is named, with the fields of `FIELDS`; None: the usual one.
        choice: The format of the outputs.
        sizes: Their sizes; each input gets an output of each.

    Raises:
        PlanRefused: The pattern cannot be filled in, leads out of the output folder, or does not tell sizes apart.
    """

    def __init__(self, pattern: str | None, choice: formats.Choice, sizes: Sequence[Size]) -> None:
        several = len(sizes) > 1
        usual = SIZES_PATTERN if several else DEFAULT_PATTERN
        self.pattern = usual if pattern is None else pattern
        self.choice: formats.Choice = choice
        self.sizes = sizes
        self._fields = check_pattern(self.pattern)
        if several and "size" not in self._fields:
            raise PlanRefused(reason=f"--name {self.pattern!r}: needs {{size}}, for each input has several outputs")

    def named(self, path: str, below: str, index: int) -> Iterator[tuple[formats.Format, str]]:
        """Give the format and the name, within the output folder, of each output of one input.

        Args:
            path: The input.
            below: The folder below the output folder that its outputs belong into.
            index: Its number, from 1.

        Raises:
            PlanRefused: A name would say another format than the file holds.
        """
        format, ext = formats.output_format(self.choice, path)
        stem, suffix = os.path.splitext(os.path.basename(path))
        parent = os.path.basename(os.path.dirname(os.path.abspath(path))) if "parent" in self._fields else ""
        for size in self.sizes:
            name = self.pattern.format(
                stem=stem, ext=ext, suffix=suffix[1:], parent=parent, index=index, size=describe_size(size)
            )
            meant = formats.by_suffix(name)
            if meant is not None and meant is not format:
                raise PlanRefused(
                    reason=f"--name {self.pattern!r}: {shorten(name)} would hold {format.name}; "
                    "end the pattern with .{ext}"
                )
            yield format, os.path.join(below, name)

    def others(self) -> Iterator[Names]:
        """Give names by patterns that keep more apart; the last keeps all inputs apart."""
        for pattern in _APART:
            if len(self.sizes) > 1:
                pattern = pattern.replace(".{ext}", "-{size}.{ext}")
            yield Names(pattern, self.choice, self.sizes)


def describe_size(size: Size) -> str:
    """Give a size as it is written: `256` or `320x240`."""
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


def check_pattern(pattern: str) -> set[str]:
    """Make sure that a pattern can be filled in and stays inside the output folder; give its fields.

    Raises:
        PlanRefused: It cannot, or does not.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None]
        unknown = [field for field in fields if field not in FIELDS]
        sample = "" if unknown else pattern.format(stem="a", ext="b", suffix="c", parent="d", size="e", index=1)
    except (ValueError, KeyError, IndexError) as error:
        raise PlanRefused(reason=f"--name {pattern!r}: {error}; the fields are {_fields()}") from error
    if unknown:
        raise PlanRefused(reason=f"--name {pattern!r}: no field {{{unknown[0]}}}; the fields are {_fields()}")
    parts = sample.replace(os.sep, "/").split("/")
    if not parts[-1] or os.path.isabs(sample) or ".." in parts or "\0" in sample:
        raise PlanRefused(reason=f"--name {pattern!r}: must be the name of a file inside the output folder")
    return set(fields)


def _fields() -> str:
    return ", ".join(f"{{{field}}}" for field in FIELDS)
