"""Options that several commands share, and the types of their values.

Knows: click.
Must not know: what becomes of the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Size(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """`256` for a square box, `640x480` for another."""

    name = "size"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        """Turn the text into width and height."""
        match = re.fullmatch(r"([0-9]{1,6})(?:[xX]([0-9]{1,6}))?", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size such as 256 or 640x480", parameter, context)
        width, height = match.groups(default=match[1])
        return int(width), int(height)


def run_options(command: F) -> F:
    """Add what every command that runs items has."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


_RUN_OPTIONS = (
    click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers; default: one a CPU."),
    click.option(
        "--keep-going/--fail-fast",
        "keep_going",
        default=True,
        help="After a failed item go on with the others (default), or stop.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors are still reported."),
)
